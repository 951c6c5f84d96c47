"""Train translators and segmenters."""
