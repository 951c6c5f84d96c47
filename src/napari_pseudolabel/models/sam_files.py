"""Which models of Segment Anything are on this computer; light, because a dock lists them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from napari_pseudolabel.models.registry import models_folder

_SIZES = {"t": "tiny", "b": "base", "l": "large", "h": "huge"}
_FIELDS = {
    "lm": "Light microscopy",
    "em_organelles": "Organelles in EM",
    "histopathology": "Histopathology",
    "medical_imaging": "Medical imaging",
}
# As Segment Anything and micro-sam call their files.
_PUBLISHED = re.compile(rf"(?:sam_)?vit_([tblh])(?:_({'|'.join(_FIELDS)}))?(?:_[0-9a-f]{{6}})?")
_SUFFIXES = (".pth", ".pt", ".safetensors", "")  # micro-sam keeps them without an ending


def sam_files() -> tuple[Path, ...]:
    """Return files that are called as such models are, in the folder of models and in that of micro-sam."""
    import pooch

    theirs = os.environ.get("MICROSAM_CACHEDIR") or pooch.os_cache("micro_sam")
    folders = models_folder(), Path(theirs).expanduser() / "models"
    return tuple(
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if _is_called_so(path) and path.is_file()
    )


def sam_titles(paths: Sequence[Path]) -> list[str]:
    """Return what files of such models are called for the person; with their folder where two would be called the same."""
    titles = [_title(path) for path in paths]
    return [
        title if titles.count(title) == 1 else f"{title} in {path.parent}"
        for title, path in zip(titles, paths, strict=True)
    ]


def _title(path: Path) -> str:
    known = _PUBLISHED.fullmatch(path.stem.lower())
    if known is None:
        return path.stem
    size, field = known.groups()
    return f"{_FIELDS.get(field, 'Segment Anything')}, {_SIZES[size]} ({path.stem})"


def _is_called_so(path: Path) -> bool:
    name = path.name.lower()
    # cpsam is Cellpose's, and a decoder is no whole model.
    other = "cpsam" in name or "decoder" in name
    return path.suffix in _SUFFIXES and not other and (name.startswith("vit_") or "sam" in name)
