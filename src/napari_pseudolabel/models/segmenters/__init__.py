"""Segmenters, one family of models each."""
