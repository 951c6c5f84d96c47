"""Run jobs in the background."""

from napari_pseudolabel.engine.runner import Handle, Runner

__all__ = ["Handle", "Runner"]
