"""napari's File > Open for the ``workspace.json`` of a workspace.

Folders are not offered to it: npe2 knows no names of folders, so napari would ask about every folder that is opened which of two readers is
meant. Sessions of a folder are opened by the dock of sessions. Nothing heavy is imported before it is a workspace.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari_pseudolabel.workspace import Workspace


def session_reader(path: str | list[str]) -> Callable[[str | list[str]], list[Any]] | None:
    """Return a reader for the folder of a workspace, or its ``workspace.json``; None for anything else."""
    paths = path if isinstance(path, list) else [path]
    folder = _folder(paths[0])
    if len(paths) > 1 or not Workspace.is_workspace(folder):
        return None

    def read(_: str | list[str]) -> list[Any]:
        from napari_pseudolabel.viewer.contributed import telling_why_not_opened
        from napari_pseudolabel.viewer.session_reader import read_newest
        from napari_pseudolabel.widgets.common.opening import beside_layers

        with telling_why_not_opened():
            layers = read_newest(folder)
        beside_layers(
            partial(_show_sessions, folder=folder)
        )  # without any dock, nothing that is done from now on would be saved
        return layers

    return read


def _show_sessions(viewer: Any, folder: Path) -> None:
    """Open the dock of sessions; where it is the first dock, in the workspace that was opened."""
    from napari_pseudolabel.viewer.session_reader import DOCK
    from napari_pseudolabel.widgets.common.dock import Dock
    from napari_pseudolabel.widgets.common.opening import show_dock
    from napari_pseudolabel.widgets.common.session import Session
    from napari_pseudolabel.widgets.project.dock import ProjectDock

    session = Session.of(viewer)
    if not any(isinstance(widget, Dock) for widget in viewer.window.dock_widgets.values()):
        session.workspace = Workspace.open(folder)
    show_dock(viewer, ProjectDock, DOCK)


def _folder(path: str) -> Path:
    found = Path(path)
    return found.parent if found.name == "workspace.json" else found
