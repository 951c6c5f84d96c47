"""Raw data sets of nnU-Net v2: 2D images with labels, and what is to be ignored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats.format import FileContent, Format
from napari_pseudolabel.formats.image_sets import known_pixels, name_of_plane, new_file, write_tiff
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.types import JsonObject

if TYPE_CHECKING:
    from napari_pseudolabel.models.cards import LabelClass

DATASET, IMAGES, LABELS = "dataset.json", "imagesTr", "labelsTr"
IGNORE = "ignore"
FOLDER_NAME = r"Dataset\d{3}_[\w-]+"
_ENDING = ".tif"
# Names of channels by which nnU-Net would normalise in another way than by mean and deviation.
_RGB = ("R", "G", "B")


@dataclass(frozen=True)
class NnunetOptions(Checked):
    """What is to be learned."""

    ignored: Annotated[
        Literal["unlabelled", "unconfirmed"],
        Option(
            "What nnU-Net is to ignore: what is not labelled, or all that no person confirmed.",
            title="To be ignored",
            names=(("unlabelled", "what is not labelled"), ("unconfirmed", "what is not confirmed")),
            flag="--nnunet-ignore",
        ),
    ] = "unlabelled"


def write(path: Path, content: FileContent) -> Sequence[str]:
    """Add an image to a raw data set, every plane of a stack as a case of its own.

    Label values are made consecutive, as nnU-Net wants them. What is not taken has the label ``ignore``, the highest.

    Raises
    ------
    InputError
        If the set has other classes or channels.
    """
    import numpy as np

    from napari_pseudolabel.formats.object_parts import named_classes
    from napari_pseudolabel.imaging.raw_planes import raw_plane

    assert content.source is not None
    assert content.labels is not None
    classes = named_classes(content)
    values = {one.value: number for number, one in enumerate(sorted(classes, key=_value), start=1)}
    ignored = len(values) + 1
    truth_known = known_pixels(
        content,
        confirmed=content.options.ignored == "unconfirmed",
        instead="ignore only what is not labelled (To be ignored, --nnunet-ignore unlabelled)",
    )
    table = np.zeros(int(content.labels.max(initial=0)) + 1, np.uint8)
    if content.numbered:
        table[1:] = 1
    else:
        known = [value for value in values if value < len(table)]
        table[known] = [values[value] for value in known]
    colours: Sequence[str] = ()
    for plane in content.planes:
        name, image = name_of_plane(content, plane), raw_plane(content.source, plane)
        truth = table[content.labels[plane]]
        if truth_known is not None:
            truth = np.where(truth_known[plane], truth, np.uint8(ignored))
        rgb = "S" in content.source.axes
        channels = [image] if rgb or image.ndim == 2 else [*np.moveaxis(image, -1, 0)]
        colours = _RGB if rgb else [f"channel {number}" for number in range(len(channels))]
        for number, channel in enumerate(channels):
            write_tiff(new_file(path, IMAGES, f"{name}_{number:04d}{_ENDING}"), np.ascontiguousarray(channel))
        write_tiff(new_file(path, LABELS, f"{name}{_ENDING}"), truth)
    labels = {"background": 0, **{one.name: values[one.value] for one in classes}}
    told = dataset_fields(
        {str(number): colour for number, colour in enumerate(colours)},
        labels,
        ignored=ignored,
        count=sum(1 for one in path.joinpath(LABELS).iterdir() if one.name.endswith(_ENDING)),
        ending=_ENDING,
    )
    _check_same(path / DATASET, told)
    new_file(path, DATASET).write_text(as_text(told), encoding="utf-8")
    share = 1.0 if truth_known is None else float(np.mean(truth_known))
    return (
        []
        if share == 1
        else [f"{1 - share:.1%} of the pixels have the label ignore, from which nnU-Net learns nothing."]
    )


def dataset_fields(
    channels: Mapping[str, str],
    labels: Mapping[str, int],
    *,
    ignored: int | None,
    count: int,
    ending: str,
    **more: object,
) -> JsonObject:
    """Return the content of ``dataset.json``.

    Parameters
    ----------
    channels
        Names by number; nnU-Net normalises by them.
    labels
        Consecutive values by name, the background first.
    ignored
        The value behind the last of them, for pixels of which nothing is known; None if there are none.
    """
    return {
        "channel_names": dict(channels),
        "labels": {**labels, **({} if ignored is None else {IGNORE: ignored})},
        "numTraining": count,
        "file_ending": ending,
        "overwrite_image_reader_writer": "NaturalImage2DIO",
        **more,
    }


def as_text(content: object) -> str:
    """Return JSON as it stands in a set."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _check_same(path: Path, told: JsonObject) -> None:
    """Refuse to mix images of other classes or channels: nnU-Net would learn nonsense of them."""
    from napari_pseudolabel.budget import read_json

    if not path.is_file():
        return
    before = read_json(path)
    for key, what in (("labels", "classes"), ("channel_names", "channels")):
        if before.get(key) != told[key]:
            had, has = (", ".join(map(str, one.get(key, {}))) for one in (before, told))
            raise InputError(
                f"The set has the {what} {had}, but this image has {has}; add images of the same {what}, or choose another "
                "folder."
            )


def _value(one: LabelClass) -> int:
    return one.value


NNUNET = Format(
    name="nnunet",
    title="nnU-Net data set",
    what="images with labels to train from, in which the rest is ignored",
    readers="nnU-Net v2",
    suffixes=(),
    write=write,
    folder=True,
    pixel_size=False,
    bytes_per_pixel=32,
    rest="as the label ignore, the highest",
    source="needed",
    collects=True,
    shared=(DATASET,),
    proposed="Dataset501_labels",
    pattern=FOLDER_NAME,
    options=NnunetOptions(),
)
