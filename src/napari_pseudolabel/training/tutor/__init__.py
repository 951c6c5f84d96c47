"""Train proxy segmenters on translated labelled images."""
