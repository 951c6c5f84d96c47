"""The files beside an exported file: named after it, found again, and never written over what belongs to another.

``labels.ome.tif`` has ``labels.provenance.json``, ``labels.confidence.ome.tif`` and so on. Where one of these names is taken,
be it by ``labels.png`` or by a file of somebody else, all of them carry the whole name: ``labels.png.provenance.json``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats import suffix_of
from napari_pseudolabel.imaging.reading.own_files import CONFIDENCE, SIDECAR, described, same_name

PROVENANCE = "provenance"
SUFFIXES = {
    PROVENANCE: SIDECAR,
    "confidence": CONFIDENCE,
    "effort": ".effort.csv",
    "measures": ".measures.csv",
}
"""End of the name of each companion, by its role in `Provenance.files`."""


@dataclass(frozen=True)
class Companions:
    """Where the companions of one file go.

    Attributes
    ----------
    paths
        By role; the provenance is the first.
    earlier
        Names of files that were written for the same file before and will not be replaced now.
    """

    paths: dict[str, Path]
    earlier: tuple[str, ...] = ()


def image_stem(path: Path) -> str:
    """Name of an exported file without its suffix: ``a.ome.tif`` gives ``a``."""
    return path.name[: len(path.name) - len(suffix_of(path.name) or path.suffix)]


def companions(path: Path, roles: Iterable[str] = ()) -> Companions:
    """Where the provenance and other companions of a file are to be written.

    Parameters
    ----------
    path
        The label or image file.
    roles
        Of `SUFFIXES`; the provenance need not be named.

    Raises
    ------
    InputError
        If files that are not of this very file have all the names.
    """
    sides = _sides(path)
    roles = (PROVENANCE, *roles)
    # What is in use stays in use; else the short names, which every earlier version wrote.
    in_use = [side for side in sides if described(side).is_about(path)]
    taken = sides[0]
    for side in (*in_use[:1], *reversed(sides)):
        prefix = side.name.removesuffix(SUFFIXES[PROVENANCE])
        paths = _named(path, prefix, roles)
        told = described(side)
        ours = (side.name, *told.names()) if told.is_about(path) else ()
        others = [one for one in paths.values() if os.path.lexists(one) and not _among(one.name, ours)]
        if not others:
            written = [path.name, *(one.name for one in paths.values())]
            return Companions(paths, tuple(name for name in ours if not _among(name, written)))
        taken = others[0]
    raise InputError(
        f"{taken.name} is there and was not written for {path.name}; move it away, or choose another name or folder."
    )


def usual_names(path: Path, roles: Iterable[str] = ()) -> list[Path]:
    """Return the companions of a file as they are called where nothing else has the names."""
    return list(_named(path, image_stem(path), (PROVENANCE, *roles)).values())


def sidecar_path(path: str | Path) -> Path:
    """Where the provenance of an exported file is, or would be written if there is none.

    ``a.ome.tif`` has ``a.provenance.json``, or ``a.ome.tif.provenance.json`` where that belongs to another file.
    """
    path = Path(path)
    whole, short = _sides(path)
    for side in (whole, short):
        if described(side).is_about(path):
            return side
    # A file may have been renamed together with its provenance.
    for side in (short, whole):
        if side.is_file() and not described(side).another(path):
            return side
    return whole if os.path.lexists(short) else short


def _sides(path: Path) -> tuple[Path, Path]:
    """Name of the provenance after the whole name, and after the name without suffix."""
    ending = SUFFIXES[PROVENANCE]
    return path.with_name(path.name + ending), path.with_name(image_stem(path) + ending)


def _named(path: Path, prefix: str, roles: Iterable[str]) -> dict[str, Path]:
    return {role: path.with_name(prefix + SUFFIXES[role]) for role in roles}


def _among(name: str, names: Iterable[str]) -> bool:
    return any(same_name(name, one) for one in names)
