"""Labels and images as OME-TIFF."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats.format import FileContent, Format, turned_words

if TYPE_CHECKING:
    from napari_pseudolabel.imaging.placement import Placement

_UM_PER_CM = 1e4
# What fractions of 32 bit hold.
_SMALLEST_UM, _LARGEST_UM = 1e-5, 1e9


def write(path: Path, content: FileContent) -> Sequence[str]:
    """Write uint8, uint16 or uint32 labels, or float32 values such as a confidence or a translation.

    Pixel sizes go to the places every reader of OME-TIFF knows, and to the resolution tags, where programs look that read
    TIFF alone, such as ImageJ without plugins. Axes, the complete placement and
    the classes of labels (name, value, colour) follow as JSON in a map annotation of the namespace
    ``napari-pseudolabel``, from which `imaging.read` restores the placement exactly.

    Raises
    ------
    InputError
        When there are more than four axes.
    """
    import numpy as np
    import tifffile

    from napari_pseudolabel.imaging.reading.tiff_sizes import ANNOTATION_NAMESPACE

    axes = _axes(content.placement)
    annotation = {
        "Namespace": ANNOTATION_NAMESPACE,
        "axes": axes,
        "placement": json.dumps(content.placement.to_dict()),
    }
    if content.labels is not None:
        annotation["classes"] = json.dumps([label_class.model_dump() for label_class in content.classes])
    tifffile.imwrite(
        path,
        np.asarray(content.image, dtype=np.float32) if content.labels is None else content.labels,
        ome=True,
        photometric="minisblack",  # else a width of three would be taken for RGB
        compression="zlib",
        metadata={
            "axes": axes,
            "Name": content.name,
            "MapAnnotation": annotation,
            **_sizes(axes, content.placement),
        },
        **_resolution(content.placement),
    )
    return turned_words(content.placement, "OME-TIFF")


def _axes(placement: Placement) -> str:
    if placement.letters is None:
        raise InputError(f"OME-TIFF takes two to four axes, but these labels have {placement.ndim}.")
    return placement.letters


def _resolution(placement: Placement) -> dict[str, Any]:
    """Pixels per centimetre along X and Y; nothing where they are not lengths, or no fraction of 32 bit."""
    from napari_pseudolabel.imaging.units import micrometres

    lengths = [micrometres(unit) for unit in (placement.units or ())[-2:]]
    sides = [step * (um or 0.0) for step, um in zip(placement.spacing[-2:], lengths, strict=False)]
    if len(sides) < 2 or not all(_SMALLEST_UM < side < _LARGEST_UM for side in sides):
        return {}
    y, x = (_UM_PER_CM / side for side in sides)
    return {"resolution": (x, y), "resolutionunit": "CENTIMETER"}


def _sizes(axes: str, placement: Placement) -> dict[str, float | str | None]:
    """PhysicalSize of lengths and TimeIncrement; what is in pixels has no size."""
    from napari_pseudolabel.imaging.units import is_time, micrometres, ome_symbol

    sizes: dict[str, float | str | None] = {}
    for letter, size, unit in zip(axes, placement.spacing, placement.units or (), strict=False):
        key = None
        if letter == "T" and is_time(unit):
            key = "TimeIncrement"
        elif letter != "T" and micrometres(unit) is not None:
            key = f"PhysicalSize{letter}"
        if key is not None:
            sizes[key] = size
            sizes[f"{key}Unit"] = ome_symbol(unit)
    return sizes


OME_TIFF = Format(
    name="ome-tiff",
    title="OME-TIFF",
    what="planes, stacks and time with pixel size",
    readers="Fiji, QuPath, napari and most others",
    suffixes=(".ome.tif", ".ome.tiff", ".tif", ".tiff"),
    write=write,
    holds=frozenset({"classes", "images"}),
)
