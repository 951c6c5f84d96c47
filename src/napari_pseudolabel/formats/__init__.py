"""File formats for labels and images, one file each.

The shell's help reads the descriptions, so libraries are imported where a file is written.
"""

from __future__ import annotations

from napari_pseudolabel.formats.format import FileContent, Format, Part
from napari_pseudolabel.formats.registry import (
    all_suffixes,
    format_named,
    format_of,
    formats,
    suffix_of,
    takes_stacks,
)

__all__ = [
    "FileContent",
    "Format",
    "Part",
    "all_suffixes",
    "format_named",
    "format_of",
    "formats",
    "suffix_of",
    "takes_stacks",
]
