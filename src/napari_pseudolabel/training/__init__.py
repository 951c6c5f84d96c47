"""Train translators, segmenters and proxy segmenters."""
