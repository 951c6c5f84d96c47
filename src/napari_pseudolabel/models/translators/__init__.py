"""Translators: networks that turn an image of one modality into another."""
