"""Samples: generated images, downloads and the checkpoints that come with the package."""
