"""Checkpoints packed for workers that do not see the files of this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from napari_pseudolabel.engine.worker import ModelPackage
from napari_pseudolabel.models.registry import resolve
from napari_pseudolabel.models.sidecar import sidecar_path


def pack(ref: str) -> ModelPackage:
    """Read a checkpoint, its card included.

    Parameters
    ----------
    ref
        A name or path as in `models.registry`.

    Raises
    ------
    InputError
        If there is no such checkpoint.
    """
    path = resolve(ref)
    inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    files = {str(one.relative_to(path.parent).as_posix()): one.read_bytes() for one in inside}
    card = Path(sidecar_path(path))
    if card.is_file():
        files[card.name] = card.read_bytes()
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + content)
    return ModelPackage(ref, digest.hexdigest(), path.name, files)
