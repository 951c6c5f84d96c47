"""Asking first whether something is a plain file: reading or writing anything else may never end."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from napari_pseudolabel.errors import InputError


def check_plain(path: Path) -> None:
    """Make sure that a path is free, or a file of its own: no link, device, pipe, socket or folder.

    Raises
    ------
    InputError
        When it is something else.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return  # whoever opens it is told
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is {kind_of(mode)}, but a plain file belongs there; move it away.")


def kind_of(mode: int) -> str:
    """Return what something is that is no plain file, in words."""
    kinds = {
        stat.S_IFLNK: "a link",
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no file")
