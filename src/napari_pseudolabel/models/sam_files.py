"""Which models of Segment Anything are on this computer; light, because a dock lists them."""

from __future__ import annotations

import os
from pathlib import Path

from napari_pseudolabel.models.registry import models_folder

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


def _is_called_so(path: Path) -> bool:
    name = path.name.lower()
    # cpsam is Cellpose's, a decoder is no whole model, and vit_t has another network.
    other = "cpsam" in name or "decoder" in name or "vit_t" in name
    return path.suffix in _SUFFIXES and not other and (name.startswith("vit_") or "sam" in name)
