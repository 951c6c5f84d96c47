"""Docks of napari."""
