"""Train segmenters, fine-tune them on corrections, and measure labels by what a segmenter learns from them."""
