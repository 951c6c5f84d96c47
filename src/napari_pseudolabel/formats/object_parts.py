"""The objects of labels one by one, for formats that list them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.formats.format import FileContent
from napari_pseudolabel.labels.classes import LARGEST_VALUE, nameless, not_labelled_class, with_colours
from napari_pseudolabel.labels.outlines import Polygon, polygons
from napari_pseudolabel.labels.windows import Index, Window, holding, moved
from napari_pseudolabel.models.cards import LabelClass

_STEPS = 100  # of progress: to tell of every object would take longer than to write it
_OBJECT = LabelClass(name="object", value=1)


@dataclass(frozen=True, eq=False)
class ObjectPart:
    """The pixels of one class of one object in one plane: of a fibre its axon, or its myelin.

    Attributes
    ----------
    plane
        Index over the axes before Y and X.
    number
        Of the object, which its other parts have, too; 0 for what is not labelled.
    label_class
        With a colour.
    window
        Smallest part of the plane that holds it.
    mask
        (h, w) bool of the window.
    confidence
        Mean of its pixels in [0, 1]; None where there is none.
    """

    plane: Index
    number: int
    label_class: LabelClass
    window: Window
    mask: NDArray[np.bool_]
    confidence: float | None = None

    @property
    def name(self) -> str:
        """Class and number, such as "axon 12"."""
        return f"{self.label_class.name} {self.number}" if self.number else self.label_class.name

    @property
    def pixels(self) -> int:
        """Its area."""
        return int(np.count_nonzero(self.mask))

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Its colour, each 0 to 255."""
        return rgb_of(self.label_class)

    def polygons(self, offset: tuple[int, int] = (0, 0)) -> tuple[Polygon, ...]:
        """Outlines in pixels of the plane, see `labels.outlines`; `offset` is the row and column of its first pixel."""
        rows, columns = self.window
        return polygons(self.mask, (rows.start + offset[0], columns.start + offset[1]))


def object_parts(content: FileContent) -> Iterator[ObjectPart]:
    """Yield every object by its classes, plane by plane, in the order of their numbers."""
    assert content.labels is not None
    known = {one.value: one for one in named_classes(content)}
    only = next(iter(known.values())) if content.numbered else None
    for place, plane in enumerate(content.planes, start=1):
        labels = content.labels[plane]
        sure = None if content.confidence is None else content.confidence[plane]
        several = f" of plane {place} of {len(content.planes)}" if len(content.planes) > 1 else ""
        found = _objects(content.instances[plane])
        stage = content.control.stage(f"Writing the objects{several}", len(found))
        step = max(1, len(found) // _STEPS)
        for count, (number, window, own) in enumerate(found, start=1):
            values = labels[window]
            for value in np.unique(values[own & (values > 0)]).tolist():
                mask = own & (values == value)
                mean = None if sure is None else float(np.mean(sure[window][mask]))
                part, mask = _smallest(window, mask)
                one = only if only is not None else _class_of(value, known)
                yield ObjectPart(plane, number, one, part, mask, mean)
            if count % step == 0:
                stage.advance(step)


def parts_not_labelled(content: FileContent) -> Iterator[ObjectPart]:
    """Yield what is not labelled, one part for each plane that has any."""
    if content.labelled is None:
        return
    for plane in content.planes:
        rest = ~content.labelled[plane]
        if rest.any():
            window, mask = _smallest((slice(0, rest.shape[0]), slice(0, rest.shape[1])), rest)
            yield ObjectPart(plane, 0, not_labelled_class(0), window, mask)


def named_classes(content: FileContent) -> tuple[LabelClass, ...]:
    """Return the classes that labels may have, with colours: neither the background nor what is not labelled."""
    if content.numbered:
        return with_colours(content.named or [_OBJECT])
    return tuple(
        one for one in with_colours(content.classes) if one.value and one.value != content.not_labelled
    )


def _class_of(value: int, known: dict[int, LabelClass]) -> LabelClass:
    """Return the class of a value, with a colour; one that nobody has named is called after its value."""
    if value not in known:
        (made,) = with_colours(nameless([min(value, LARGEST_VALUE)]))
        known[value] = made.model_copy(update={"name": f"class {value}"})
    return known[value]


def rgb_of(one: LabelClass) -> tuple[int, int, int]:
    """Return the colour of a class, each 0 to 255; grey for one without."""
    try:
        red, green, blue = bytes.fromhex((one.color or "").removeprefix("#")[:6])
    except ValueError:
        return 128, 128, 128
    return red, green, blue


def plane_words(content: FileContent, plane: Index) -> str:
    """Return what tells the planes of a stack apart, such as "t0 z12", counted from 0; empty for the only one."""
    if len(content.planes) == 1:
        return ""
    letters = (content.placement.letters or "?" * (len(plane) + 2)).lower()
    return " ".join(f"{letter}{place}" for letter, place in zip(letters, plane, strict=False))


@dataclass(frozen=True, eq=False)
class _Found:
    """The objects of a plane: numbers, windows and masks.

    Attributes
    ----------
    numbers
        (H, W): places in `windows` from 1 on.
    windows
        None where there is no object.
    known
        Numbers of the objects by place, where these are not the places.
    """

    numbers: NDArray[np.uint32]
    windows: list[Window | None]
    known: NDArray[np.uint32] | None

    def __len__(self) -> int:
        return len(self.windows)

    def __iter__(self) -> Iterator[tuple[int, Window, NDArray[np.bool_]]]:
        for place, window in enumerate(self.windows, start=1):
            if window is not None:
                number = place if self.known is None else int(self.known[place])
                yield number, window, self.numbers[window] == place


def _objects(numbers: NDArray[np.uint32]) -> _Found:
    known = None
    if int(numbers.max(initial=0)) > numbers.size:  # numbers of others, with gaps
        known, inverse = np.unique(numbers, return_inverse=True)
        known = known if known[0] == 0 else np.concatenate([np.zeros(1, known.dtype), known])
        numbers = (inverse.reshape(numbers.shape) + (len(known) - 1 - inverse.max())).astype(np.uint32)
    return _Found(numbers, ndi.find_objects(numbers), known)


def _smallest(window: Window, mask: NDArray[np.bool_]) -> tuple[Window, NDArray[np.bool_]]:
    part = holding(mask)
    return moved(part, window), mask[part]
