"""napari's File > Open for the folder of a workspace.

napari asks about every folder that is opened, so nothing heavy is imported before it is a workspace.
"""

from __future__ import annotations

from collections.abc import Callable
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

        with telling_why_not_opened():
            return read_newest(folder)

    return read


def _folder(path: str) -> Path:
    found = Path(path)
    return found.parent if found.name == "workspace.json" else found
