"""Which files of a folder were written by this package, as their provenance or a mark inside of them says.

Labels and confidences lie where people export them, which may be among their images; nobody wants them labelled again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.imaging.reading.tiff_sizes import ANNOTATION_NAMESPACE

SIDECAR = ".provenance.json"
CONFIDENCE = ".confidence.ome.tif"
LABELS, IMAGE, OTHER = "labels", "image", "confidence"
_MAIN = (LABELS, IMAGE)
_LARGEST_BYTES = 64 * 2**20  # a provenance with a thousand runs has a few
_HEAD_BYTES = 2**16  # the OME-XML that we write stands before the pixels


@dataclass(frozen=True)
class Described:
    """What a provenance file says about the files beside it; empty for a file that is none.

    Attributes
    ----------
    files
        Names by role.
    earlier
        Names of companions that were written for the same file before, and not the last time.
    """

    files: dict[str, str] = field(default_factory=dict)
    earlier: tuple[str, ...] = ()

    def is_about(self, path: Path) -> bool:
        """Whether it was written for that very file."""
        return any(same_name(self.files[role], path.name) for role in _MAIN if role in self.files)

    def another(self, path: Path) -> bool:
        """Whether it was written for another file that is there."""
        main = [self.files[role] for role in _MAIN if role in self.files]
        return not self.is_about(path) and any(path.with_name(name).exists() for name in main)

    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.files.values(), *self.earlier)


def described(side: Path) -> Described:
    """Read what a provenance file says about files; whatever cannot be read says nothing."""
    try:
        if not side.is_file() or side.stat().st_size > _LARGEST_BYTES:
            return Described()
        found = read_json(side)
        files = {str(role): str(name) for role, name in found["files"].items()}
        return Described(files, tuple(map(str, found.get("earlier_files") or ())))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Described()


def roles_of(paths: Iterable[Path]) -> dict[Path, str | None]:
    """Return what each file is for: `LABELS`, `IMAGE` (a translation), `OTHER` (such as a confidence), None if it is not ours.

    Parameters
    ----------
    paths
        Of one folder.
    """
    files = list(paths)
    told: dict[str, str] = {}
    for side in {side for path in files[:1] for side in path.parent.glob(f"*{SIDECAR}")}:
        found = described(side)
        told |= {_folded(name): OTHER for name in found.names()}
        told |= {_folded(name): role for role, name in found.files.items() if role in _MAIN}
    return {path: told.get(_folded(path.name)) or _marked(path) for path in files}


def same_name(one: str, other: str) -> bool:
    """Whether two names may be the same file, also where capitals and ways to write accents are no difference."""
    return _folded(one) == _folded(other)


def _marked(path: Path) -> str | None:
    """Return what an OME-TIFF says of itself, for one that has lost its provenance."""
    if path.suffix.lower() not in (".tif", ".tiff") or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None
    if f'Namespace="{ANNOTATION_NAMESPACE}"'.encode() not in head:
        return None
    if path.name.lower().endswith(CONFIDENCE):
        return OTHER
    return LABELS if b'K="classes"' in head else IMAGE


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
