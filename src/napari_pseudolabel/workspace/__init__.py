"""What is on disk: files and folders that appear complete or not at all, and the folder of one labelling effort.

Names are handed out on first use: cards and exports write files, and need no sessions for that.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_MODULES = {
    "atomic": ("atomic_file", "atomic_files", "atomic_folder", "write_bytes", "write_text"),
    "folder": ("Workspace",),
    "model_history": ("ModelHistory", "ModelScore", "WorkspaceModel"),
    "sessions": ("SessionContent", "SessionFile", "SessionInfo", "Sessions"),
    "split": ("WorkspaceSplit",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name in _MODULE_OF:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
