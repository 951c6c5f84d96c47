"""Cycled masks: rendered masks become images like the real ones and come back, and a segmenter learns from the pairs."""
