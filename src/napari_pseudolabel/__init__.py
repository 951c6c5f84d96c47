"""Carry labels from an imaging modality where they exist to one where they do not.

What scripts and notebooks call is handed out here, and imported on first use; see `napari_pseudolabel.api`.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_pseudolabel.api import (
        carry,
        evaluate,
        export,
        fine_tune,
        load_segmenter,
        load_translator,
        measure,
        pseudo_label,
    )

__all__ = [
    "carry",
    "evaluate",
    "export",
    "fine_tune",
    "load_segmenter",
    "load_translator",
    "measure",
    "pseudo_label",
]

try:
    __version__ = version("napari-pseudolabel")
except PackageNotFoundError:  # running from a checkout that was never installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(f"{__name__}.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
