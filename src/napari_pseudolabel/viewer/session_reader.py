"""Labelling sessions opened by napari's own File > Open, and started from the shell."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_info

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.viewer.recording import layer_data
from napari_pseudolabel.workspace import SessionInfo, Workspace

LayerDataTuple = tuple[Any, JsonObject, str]

PLUGIN = "napari-pseudolabel"
DOCK = "Labelling sessions"


def read_newest(folder: str | Path) -> list[LayerDataTuple]:
    """Return the layers of the session of a workspace that was saved last; it is gone on with in that session.

    The person is told about the other sessions.

    Raises
    ------
    InputError
        When there is no session, or it cannot be read.
    """
    workspace = Workspace.open(folder)
    sessions = workspace.sessions.list()
    chosen = _newest(workspace, sessions)
    with closing(workspace.sessions.read(chosen.id)) as content:
        layers = layer_data(content)
    others = len(sessions) - 1
    if others:
        number = "one more session" if others == 1 else f"{others} more sessions"
        show_info(
            f"Opened the session of {chosen.title or chosen.id} that was saved last. {workspace.about.name} holds "
            f"{number}: see Layers > Project > Labelling sessions."
        )
    return layers


def run_napari(workspace: Workspace, id: str) -> None:
    """Start napari, bring a session back, and go on saving in it; returns when the window is closed."""
    import napari

    viewer = napari.Viewer()
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
    dock.open_session(workspace, id)
    napari.run()


def _newest(workspace: Workspace, sessions: Sequence[SessionInfo]) -> SessionInfo:
    for session in sessions:  # damaged ones come last
        if not session.in_use and (session.layers or not session.note):
            return session
    if any(session.in_use for session in sessions):
        raise InputError(
            f"The sessions in {workspace.folder} are open in another napari; close it there, then open them here."
        )
    raise InputError(f"There is no session in {workspace.folder} that can be opened; open an image instead.")
