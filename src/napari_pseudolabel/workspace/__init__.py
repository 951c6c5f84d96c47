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
from napari_pseudolabel.workspace.model_history import ModelHistory, ModelScore, WorkspaceModel
from napari_pseudolabel.workspace.sessions import SessionContent, SessionFile, SessionInfo, Sessions
from napari_pseudolabel.workspace.split import WorkspaceSplit

__all__ = [
    "ModelHistory",
    "ModelScore",
    "SessionContent",
    "SessionFile",
    "SessionInfo",
    "Sessions",
    "Workspace",
    "WorkspaceModel",
    "WorkspaceSplit",
    "atomic_file",
    "atomic_files",
    "atomic_folder",
    "write_bytes",
    "write_text",
]
