"""Runs jobs in worker processes, on this machine or behind a Dask scheduler."""

from napari_pseudolabel.engine.connection import Connection
from napari_pseudolabel.engine.engine import Engine, LaneName
from napari_pseudolabel.engine.handle import Handle, Listener

__all__ = ["Connection", "Engine", "Handle", "LaneName", "Listener"]
