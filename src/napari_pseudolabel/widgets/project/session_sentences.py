"""What the dock of sessions says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from napari_pseudolabel.widgets.train.train_sentences import when
from napari_pseudolabel.workspace import SessionInfo, Workspace


def workspace_name(workspace: Workspace) -> str:
    """Return what a workspace is called.

    Raises
    ------
    InputError
        When its settings are damaged.
    """
    if not workspace.about.exists and workspace.folder == Workspace.default().folder:
        return "Default workspace"
    return workspace.about.name


def title(info: SessionInfo) -> str:
    """First line of a session in the list."""
    return info.title or info.id


def details(info: SessionInfo, here: bool, now: datetime) -> str:
    """Second line of a session in the list."""
    if info.note:
        return "damaged, something is left" if info.layers else "damaged"
    state = ""
    if here:
        state = "open here, "
    elif info.in_use:
        state = "open in another napari, "
    elif not info.clean:
        state = "not closed properly, "
    return f"{state}{info.share_confirmed:.0%} confirmed, saved {when(info.saved, now)}"


def tooltip(info: SessionInfo) -> str:
    """All that is known of a session."""
    lines = [
        info.id,
        f"Begun {info.created.astimezone():%Y-%m-%d %H:%M}, saved {info.saved.astimezone():%Y-%m-%d %H:%M}",
        f"{info.layers} layers, {info.edits} edits, {info.bytes / 1e6:.1f} MB",
        f"{info.share_corrected:.1%} of the pixels corrected, {info.share_confirmed:.1%} confirmed",
    ]
    return "\n".join([info.id, info.note] if info.note else lines)


def hint(info: SessionInfo | None, here: bool, count: int) -> str:
    """Why the chosen session cannot be opened, and what to do; empty if it can."""
    if not count:
        return "There is no session yet: one begins with the first Labels layer, by itself."
    if info is None:
        return "Choose a session."
    if info.note and not info.layers:
        return info.note
    if here:
        return "This session is open here: everything you do is saved in it."
    if info.in_use:
        return "This session is open in another napari; close it there."
    return ""


def opened(name: str, missing: Sequence[str]) -> str:
    """Return what became of opening a session."""
    return " ".join([f"Opened {name}; everything you do is saved in it.", *missing])


def remove_question(info: SessionInfo, now: datetime) -> str:
    """Return what is asked before a session is deleted."""
    return (
        f"Remove {title(info)}, saved {when(info.saved, now)}? Its labels and corrections are deleted and cannot be "
        "brought back. Your image files stay."
    )


def no_workspace(folder: Path) -> str:
    """Say that a folder was chosen that is none."""
    return f"{folder} is no workspace; press New… to make one there, or choose another folder."
