"""Sessions: what one viewer holds of a labelling effort, written in small steps of which none is ever half done.

A session is one SQLite file. Only tiles that changed are written. A lock file beside it is held by the process that
has the session open.
"""

from __future__ import annotations

from napari_pseudolabel.workspace.sessions.content import SessionContent
from napari_pseudolabel.workspace.sessions.effort_table import effort_csv
from napari_pseudolabel.workspace.sessions.file import SessionFile
from napari_pseudolabel.workspace.sessions.listing import SessionInfo, Sessions
from napari_pseudolabel.workspace.sessions.tables import GoneError
from napari_pseudolabel.workspace.sessions.values import (
    TILE_PX,
    ArrayState,
    Batch,
    Box,
    Edit,
    Index,
    LayerState,
    SourceState,
    Summary,
    Tile,
    TileKey,
    ViewState,
)

__all__ = [
    "TILE_PX",
    "ArrayState",
    "Batch",
    "Box",
    "Edit",
    "GoneError",
    "Index",
    "LayerState",
    "SessionContent",
    "SessionFile",
    "SessionInfo",
    "Sessions",
    "SourceState",
    "Summary",
    "Tile",
    "TileKey",
    "ViewState",
    "effort_csv",
]
