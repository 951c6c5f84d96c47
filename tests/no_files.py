"""What is no plain file, although it has the name of one."""

from __future__ import annotations

import os
from pathlib import Path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


def link_to_itself(path: Path) -> Path:
    path.symlink_to(path)
    return path


NO_FILES = (pipe, device, link_to_itself)
