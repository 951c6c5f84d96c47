"""Train a segmenter further on images without labels, from what it is sure of in them."""
