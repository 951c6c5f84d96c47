"""Labels and images as OME-Zarr: a folder with a pyramid, of which viewers read what they show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats.format import FileContent, Format, turned_words
from napari_pseudolabel.formats.stack_options import StackOptions
from napari_pseudolabel.options import Option
from napari_pseudolabel.types import Array, JsonObject

if TYPE_CHECKING:
    import zarr

    from napari_pseudolabel.imaging.placement import Placement
    from napari_pseudolabel.models.cards import LabelClass

CONFIDENCE, INSTANCES = "confidence", "instances"
"""Names of pyramids inside of the one of the labels."""
_HEX = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True)
class OmeZarrOptions(StackOptions):
    """What an OME-Zarr is like."""

    version: Annotated[
        Literal["0.5", "0.4"],
        Option(
            "Version of OME-Zarr: 0.5 lies on Zarr 3, 0.4 on Zarr 2, which older programs read.",
            flag="--ngff-version",
        ),
    ] = "0.5"
    instances: Annotated[
        bool,
        Option(
            "Number every object as well, in labels of their own inside: instances.",
            title="Numbers of objects",
            flag="--instances",
        ),
    ] = False

    @property
    def numbers(self) -> bool:
        """Whether objects are numbered: also where planes are to be joined, because nothing else would show it."""
        return self.instances or self.join_planes > 0


def write(path: Path, content: FileContent) -> Sequence[str]:
    """Write labels, or float32 values such as a translation, with a confidence inside where there is one.

    Classes are the ``image-label`` of the pyramid, the confidence is a pyramid of its own in ``confidence``. A complete
    placement follows as an attribute ``napari_pseudolabel``, from which `imaging.read` restores it exactly.

    Raises
    ------
    InputError
        When there are more than four axes.
    """
    from napari_pseudolabel.imaging.pyramid import open_group

    group = open_group(str(path), content.options.version)
    values = content.image if content.labels is None else content.labels
    assert values is not None
    if content.confidence is not None:
        inner = group.create_group(CONFIDENCE)
        _write(inner, content.confidence, f"{content.name} confidence", content.placement, None)
    if content.labels is not None and content.options.numbers:
        inner = group.create_group(INSTANCES)
        _write(inner, content.instances, f"{content.name} instances", content.placement, {})
    told = None if content.labels is None else label_marks(content.classes)
    _write(group, values, content.name, content.placement, told)
    return turned_words(content.placement, "OME-Zarr")


def _write(
    group: zarr.Group, values: Array, name: str, placement: Placement, told: JsonObject | None
) -> None:
    from napari_pseudolabel.imaging.pyramid import Pyramid, describe
    from napari_pseudolabel.labels.windows import key_of

    letters = letters_of(placement)
    pyramid = Pyramid.create(group, values.shape, values.dtype, letters=letters)
    for index, window in pyramid.bands():
        pyramid.write(index, window, values[key_of(index, window)])
    describe(group, pyramid, name, placement, letters, told)


def letters_of(placement: Placement) -> str:
    """Return one letter per axis.

    Raises
    ------
    InputError
        When there are more than four axes.
    """
    if placement.letters is None:
        raise InputError(f"OME-Zarr takes two to four axes, but these labels have {placement.ndim}.")
    return placement.letters


def label_marks(classes: Sequence[LabelClass]) -> JsonObject:
    """Return what OME-Zarr says of the values of labels: colours and names."""
    from napari_pseudolabel.labels.classes import with_colours

    coloured = with_colours(classes)
    return {
        "colors": [
            {"label-value": one.value, "rgba": [*bytes.fromhex(one.color[1:]), 255]}
            for one in coloured
            if one.value and one.color and _HEX.fullmatch(one.color)
        ],
        "properties": [{"label-value": one.value, "class": one.name} for one in coloured],
    }


OME_ZARR = Format(
    name="ome-zarr",
    title="OME-Zarr",
    what="a pyramid of planes, stacks and time with pixel size, for images of any size",
    readers="napari, Fiji (MoBIE), QuPath and cloud viewers",
    suffixes=(".ome.zarr", ".zarr"),
    write=write,
    folder=True,
    holds=frozenset({"classes", "confidence", "images", "instances"}),
    options=OmeZarrOptions(),
    streamed=True,
)
