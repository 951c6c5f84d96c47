"""Masks as AxonDeepSeg has them, for its morphometry: axons, myelin, and both in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats.format import FileContent, Format
from napari_pseudolabel.formats.image_sets import name_of_plane, new_file

if TYPE_CHECKING:
    from napari_pseudolabel.models.cards import LabelClass
    from napari_pseudolabel.types import Array

_AXON, _MYELIN = ("axon", "axons"), ("myelin", "myelin sheath")
_BARE = ("uaxon", "uaxons", "unmyelinated axon", "unmyelinated axons", "unmyelinated")
_SAME_SIZE = 1e-3
_PIXEL_SIZE = "pixel_size_in_micrometer.txt"


def write(path: Path, content: FileContent) -> Sequence[str]:
    """Add the masks of an image, and the image in 8 bit where it is there; every plane of a stack is one.

    ``NAME_seg-axonmyelin.png`` has 0, 127 and 255 for background, myelin and axon, ``-axon``, ``-myelin`` and ``-uaxon`` have 0
    and 255. What is not labelled is white in ``NAME_not-labelled.png``, because the masks have no value for it.

    Raises
    ------
    InputError
        If no class is called axon or myelin, or the set has another pixel size.
    """
    import numpy as np

    from napari_pseudolabel.formats.object_parts import named_classes

    assert content.labels is not None
    classes = named_classes(content)
    axon, myelin, bare = (_valued(classes, names) for names in (_AXON, _MYELIN, _BARE))
    if axon is None or myelin is None:
        known = ", ".join(one.name for one in classes) or "no names"
        raise InputError(
            f"AxonDeepSeg masks show axon and myelin, but the classes of these labels are {known}; call two of them axon and myelin."
        )
    notes = _pixel_size(path, content)
    for plane in content.planes:
        name, labels = name_of_plane(content, plane), content.labels[plane]
        both = np.where(labels == axon, 255, np.where(labels == myelin, 127, 0))
        masks = {"axonmyelin": both, "axon": 255 * (labels == axon), "myelin": 255 * (labels == myelin)}
        if bare is not None:
            masks["uaxon"] = 255 * (labels == bare)
        for kind, values in masks.items():
            _write_png(new_file(path, f"{name}_seg-{kind}.png"), values)
        if content.labelled is not None and not content.labelled[plane].all():
            _write_png(new_file(path, f"{name}_not-labelled.png"), 255 * ~content.labelled[plane])
            share = float(np.mean(content.labelled[plane]))
            notes.append(
                f"{1 - share:.1%} of {name} are not labelled, which AxonDeepSeg's masks cannot say: they are black there, and white "
                f"in {name}_not-labelled.png. Areas and densities of the whole image would be wrong."
            )
        if content.source is not None:
            _write_png(new_file(path, f"{name}.png"), _grey(content, plane))
    return notes


def _valued(classes: Sequence[LabelClass], names: Sequence[str]) -> int | None:
    return next((one.value for one in classes if one.name.strip().lower() in names), None)


def _pixel_size(path: Path, content: FileContent) -> list[str]:
    """Write the one number of a folder, if it is known; what to know of it."""
    size = content.placement.pixel_size_um()
    if size is None:
        return [
            f"The pixel size is not known, so there is no {_PIXEL_SIZE}: give AxonDeepSeg the size with -s."
        ]
    file = path / _PIXEL_SIZE
    before = float(file.read_text(encoding="utf-8")) if file.is_file() else size
    if abs(before / size - 1) > _SAME_SIZE:
        raise InputError(
            f"{path.name} holds images with pixels of {before:g} um, and these have {size:g} um; AxonDeepSeg knows one size for a "
            "folder, so choose another one."
        )
    new_file(path, _PIXEL_SIZE).write_text(f"{size:.10g}\n", encoding="utf-8")
    return []


def _grey(content: FileContent, plane: tuple[int, ...]) -> Array:
    """Return the image in 8 bit: as it is where it is that already, else between its percentiles."""
    import numpy as np

    from napari_pseudolabel.imaging.normalisation import intensity_range, normalise

    assert content.source is not None
    values = content.source.plane(plane)
    if np.dtype(content.source.data.dtype) == np.uint8:
        return values
    return 255 * normalise(values, intensity_range(content.source))


def _write_png(path: Path, values: Array) -> None:
    import imagecodecs
    import numpy as np

    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(np.rint(values).astype(np.uint8))))


AXONDEEPSEG = Format(
    name="axondeepseg",
    title="AxonDeepSeg folder",
    what="masks of axons and myelin, with the image and the pixel size",
    readers="AxonDeepSeg (morphometrics)",
    suffixes=(),
    write=write,
    folder=True,
    bytes_per_pixel=32,
    rest="as background, the only thing it knows, with a mask beside it: NAME_not-labelled.png",
    source="wanted",
    collects=True,
    shared=(_PIXEL_SIZE,),
    proposed="axondeepseg",
)
