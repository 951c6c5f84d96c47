"""Folders from which Cellpose and StarDist learn: images, and the number of its object for every pixel.

Neither knows pixels that are to be ignored, so only rectangles are written in which everything is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats.format import FileContent, Format
from napari_pseudolabel.formats.image_sets import (
    few_objects,
    known_pixels,
    name_of_plane,
    new_file,
    write_tiff,
)
from napari_pseudolabel.options import Checked, Option

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEAST_PX = 64
_FEWEST = 5  # Cellpose leaves out images with fewer (`min_train_masks`)


@dataclass(frozen=True)
class CropOptions(Checked):
    """What is to be learned."""

    take: Annotated[
        Literal["confirmed", "labelled"],
        Option(
            "What other programs learn: what a person confirmed, or all that is labelled, by whomever.",
            title="Learn from",
            names=(("confirmed", "what is confirmed"), ("labelled", "all that is labelled")),
            flag="--take",
        ),
    ] = "confirmed"
    object_class: Annotated[
        str,
        Option(
            "Objects of this class alone, such as axon; empty for all objects, where an axon with its myelin is one.",
            title="Only the class",
            flag="--object-class",
        ),
    ] = ""


def write_cellpose(path: Path, content: FileContent) -> Sequence[str]:
    """Add ``NAME.tif`` and ``NAME_masks.tif`` for every rectangle of an image in which everything is known."""
    return _write(path, content, ("{}.tif",), ("{}_masks.tif",))


def write_stardist(path: Path, content: FileContent) -> Sequence[str]:
    """Add ``images/NAME.tif`` and ``masks/NAME.tif`` for every rectangle of an image in which everything is known."""
    return _write(path, content, ("images", "{}.tif"), ("masks", "{}.tif"))


def _write(path: Path, content: FileContent, image: Sequence[str], masks: Sequence[str]) -> Sequence[str]:
    import numpy as np

    from napari_pseudolabel.imaging.raw_planes import raw_plane
    from napari_pseudolabel.labels.rectangles import rectangles
    from napari_pseudolabel.labels.windows import shape_of, whole

    assert content.source is not None
    assert content.labels is not None
    known = known_pixels(
        content,
        confirmed=content.options.take == "confirmed",
        instead="take all that is labelled (Learn from, --take labelled)",
    )
    numbers = _numbers(content)
    counts, pixels = [], 0
    for plane in content.planes:
        full = whole(content.labels.shape)
        all_of_it = known is None or bool(known[plane].all())
        for window in [full] if known is None or all_of_it else rectangles(known[plane], _LEAST_PX):
            name = name_of_plane(content, plane, None if all_of_it else window)
            found, own = np.unique(numbers[plane][window], return_inverse=True)
            first = int(found[0] != 0)
            objects = (own.reshape(shape_of(window)) + first).astype(
                np.uint16 if len(found) < 2**16 else np.uint32
            )
            write_tiff(
                new_file(path, *(one.format(name) for one in image)), raw_plane(content.source, plane, window)
            )
            write_tiff(new_file(path, *(one.format(name) for one in masks)), objects)
            counts.append((name, len(found) - 1 + first))
            pixels += objects.size
    what = "confirmed" if content.options.take == "confirmed" else "labelled"
    if not counts:
        raise InputError(
            f"What is {what} holds no rectangle of {_LEAST_PX} x {_LEAST_PX} pixels, and programs that know no pixels to ignore learn "
            "from nothing smaller; confirm larger regions."
        )
    share = pixels / content.labels.size
    return [
        *(
            []
            if share == 1
            else [f"Only what is {what} was written, as {len(counts)} rectangles: {share:.1%} of the image."]
        ),
        *few_objects(counts, _FEWEST),
    ]


def _numbers(content: FileContent) -> NDArray[np.uint32]:
    """Return the objects that are to be learned."""
    import numpy as np

    from napari_pseudolabel.formats.object_parts import named_classes

    wanted = content.options.object_class.strip()
    if not wanted:
        return content.instances
    names = {one.name.casefold(): one.value for one in named_classes(content)}
    if wanted.casefold() not in names:
        raise InputError(
            f"There is no class {wanted!r} in these labels; give one of {', '.join(names) or 'none, as they have no classes'}."
        )
    if content.numbered:
        return content.instances
    assert content.labels is not None
    return np.where(content.labels == names[wanted.casefold()], content.instances, np.uint32(0))


CELLPOSE = Format(
    name="cellpose",
    title="Cellpose folder",
    what="rectangles of images with numbered objects to train from",
    readers="Cellpose and Omnipose",
    suffixes=(),
    write=write_cellpose,
    folder=True,
    holds=frozenset({"instances"}),
    pixel_size=False,
    bytes_per_pixel=48,
    rest="nowhere: rectangles are cut out in which everything is known",
    marks=False,
    source="needed",
    collects=True,
    proposed="cellpose_training",
    options=CropOptions(),
)
STARDIST = replace(
    CELLPOSE,
    name="stardist",
    title="StarDist folder",
    readers="StarDist",
    write=write_stardist,
    proposed="stardist_training",
)
