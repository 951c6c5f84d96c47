"""What is on disk: files and folders that appear complete or not at all, and the folder of one labelling effort."""

from __future__ import annotations

from napari_pseudolabel.workspace.atomic import (
    atomic_file,
    atomic_files,
    atomic_folder,
    write_bytes,
    write_text,
)
from napari_pseudolabel.workspace.folder import Workspace
from napari_pseudolabel.workspace.history import History, ModelEntry, ModelScore
from napari_pseudolabel.workspace.sessions import SessionContent, SessionFile, SessionInfo, Sessions
from napari_pseudolabel.workspace.split import Split

__all__ = [
    "History",
    "ModelEntry",
    "ModelScore",
    "SessionContent",
    "SessionFile",
    "SessionInfo",
    "Sessions",
    "Split",
    "Workspace",
    "atomic_file",
    "atomic_files",
    "atomic_folder",
    "write_bytes",
    "write_text",
]
