"""Checkpoints packed for workers that do not see the files of this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.models.card_files import sidecar_path
from napari_pseudolabel.models.families import files_of
from napari_pseudolabel.models.registry import resolve

if TYPE_CHECKING:
    from napari_pseudolabel.engine.worker import ModelPackage

State = tuple[tuple[str, int, int], ...]


def state(ref: str) -> State:
    """Return what changes when a checkpoint or its card does: path, time and size of every file.

    Raises
    ------
    InputError
        If there is no such checkpoint.
    """
    return tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in _files(ref)[1])


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
    # With Dask; the docks need no more than `state`.
    from napari_pseudolabel.engine.worker import ModelPackage

    path, inside = _files(ref)
    files = {one.relative_to(path.parent).as_posix(): one.read_bytes() for one in inside}
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(name.encode() + b"\0" + content)
    return ModelPackage(digest.hexdigest(), path.name, files)


def _files(ref: str) -> tuple[Path, list[Path]]:
    path = resolve(ref)
    inside = [*files_of(path)]
    card = Path(sidecar_path(path))
    return path, [*inside, card] if card.is_file() else inside
