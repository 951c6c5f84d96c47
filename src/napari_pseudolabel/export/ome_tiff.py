"""Labels and images as OME-TIFF."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.tiff_described import ANNOTATION_NAMESPACE
from napari_pseudolabel.imaging.units import is_time, micrometres, ome_symbol
from napari_pseudolabel.models.cards import LabelClass

_AXES = {2: "YX", 3: "ZYX", 4: "TZYX"}


def write_labels(
    path: Path, labels: np.ndarray, name: str, placement: Placement, classes: Sequence[LabelClass]
) -> None:
    """Write uint8, uint16 or uint32 labels.

    Pixel sizes go to the places every reader of OME-TIFF knows. Axes, the complete placement and
    the classes (name, value, colour) follow as JSON in a map annotation of the namespace
    ``napari-pseudolabel``, from which `imaging.read` restores the placement exactly.

    Parameters
    ----------
    path
        File to write; its suffix plays no role.
    labels
        (..., Y, X) with two to four axes, of `placement`.
    name
        Name of the image inside of the file.

    Raises
    ------
    InputError
        When there are more than four axes.
    """
    _write(path, labels, name, placement, {"classes": json.dumps([c.model_dump() for c in classes])})


def write_image(path: Path, image: np.ndarray, name: str, placement: Placement) -> None:
    """Write float32 values, such as a confidence or a translation; see `write_labels`."""
    _write(path, np.asarray(image, dtype=np.float32), name, placement, {})


def _write(path: Path, data: np.ndarray, name: str, placement: Placement, entries: dict[str, str]) -> None:
    axes = _axes(placement)
    annotation = {
        "Namespace": ANNOTATION_NAMESPACE,
        "axes": axes,
        "placement": json.dumps(placement.to_dict()),
        **entries,
    }
    tifffile.imwrite(
        path,
        data,
        ome=True,
        photometric="minisblack",  # else a width of three would be taken for RGB
        compression="zlib",
        metadata={"axes": axes, "Name": name, "MapAnnotation": annotation, **_sizes(axes, placement)},
    )


def _axes(placement: Placement) -> str:
    """Letters of the axes, from the labels where they are such letters."""
    letters = "".join(label.upper() for label in placement.axis_labels or ())
    if (
        len(letters) == placement.ndim == len(set(letters))
        and set(letters) <= set("TZYX")
        and letters.endswith("YX")
    ):
        return letters
    if placement.ndim not in _AXES:
        raise InputError(f"OME-TIFF takes two to four axes, but these labels have {placement.ndim}.")
    return _AXES[placement.ndim]


def _sizes(axes: str, placement: Placement) -> dict[str, Any]:
    """PhysicalSize of lengths and TimeIncrement; what is in pixels has no size."""
    sizes: dict[str, Any] = {}
    for letter, scale, unit in zip(axes, placement.scale, placement.units or (), strict=False):
        key = None
        if letter == "T" and is_time(unit):
            key = "TimeIncrement"
        elif letter != "T" and micrometres(unit) is not None:
            key = f"PhysicalSize{letter}"
        if key is not None:
            sizes[key] = abs(scale)  # the schema asks for positive sizes
            sizes[f"{key}Unit"] = ome_symbol(unit)
    return sizes
