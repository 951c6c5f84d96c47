"""Which images are large."""

# Labels, confidence, translation and what is known of corrections take about 20 bytes per pixel in memory.
LARGE_PX = 2**25
"""Labels of images of more pixels go to the disk and not into memory."""
