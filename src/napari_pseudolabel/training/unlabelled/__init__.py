"""Segmenters that learn from images without any labels: by rendered fields, and by masks that a cycle turns into images."""
