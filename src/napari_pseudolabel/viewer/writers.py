"""napari's own Save for Labels layers: the same files as the Export dock and the shell write.

There is a writer for every format, ``write_ome_tiff`` for ``ome-tiff``, which the manifest names.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from napari_pseudolabel.formats import Format, formats
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.viewer.contributed import telling_why_not_saved
from napari_pseudolabel.viewer.exporting import content_from


def writer_name(format: Format) -> str:
    """Name of the writer of a format in this file, and of its command in the manifest."""
    return f"write_{format.name.replace('-', '_')}"


def __getattr__(name: str) -> Callable[[str, Any, JsonObject], list[str]]:
    for file_format in formats():
        if name == writer_name(file_format):
            return partial(_write, file_format)
    raise AttributeError(f"There is no format whose writer is {name}.")


def _write(format: Format, path: str, data: object, attributes: JsonObject) -> list[str]:
    """Write a Labels layer, with a provenance file beside it."""
    with telling_why_not_saved():
        return [str(one) for one in content_from(data, attributes).write(path, format)]
