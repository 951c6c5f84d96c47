"""The objects at a place or in a window, found without looking at the whole plane."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.components import SQUARE, component_at, value_at
from napari_pseudolabel.labels.objects.fibres import fibres
from napari_pseudolabel.labels.objects.object_mask import ObjectMask, Place, Plane, object_mask
from napari_pseudolabel.labels.objects.scheme import Fibre, Scheme
from napari_pseudolabel.labels.objects.touching import divided
from napari_pseudolabel.labels.windows import Window, inside, moved, open_sides, padded, rims

_MARGIN_PX = 48
_GROWTH = 3


def object_at(plane: Plane, at: Place, scheme: Scheme) -> ObjectMask | None:
    """Return the object that a pixel belongs to: the same that `to_instances` makes of the whole plane.

    Parameters
    ----------
    plane
        (H, W) integers: class values, 0 is background.
    at
        Row and column.
    scheme
        How classes make objects.

    Returns
    -------
    Target or None
        None on the background and outside of the plane.
    """
    value = value_at(plane, at)
    if not value:
        return None
    fibre = scheme.fibre_of(value)
    if fibre is not None:
        return _fibre_at(plane, at, fibre)
    found = component_at(plane, at)
    if found is None or value not in scheme.touching:
        return found
    parts = divided(found.mask, aspect=scheme.aspect)
    own = parts == parts[at[0] - found.window[0].start, at[1] - found.window[1].start]
    return object_mask(value, found.window, own)


def objects_in(plane: Plane, window: Window, scheme: Scheme) -> tuple[ObjectMask, ...]:
    """Return the objects that have a pixel in a window, as a whole, in reading order of their first pixel there.

    Parameters
    ----------
    window
        Part of the plane, with explicit bounds; for what else see `object_at`.
    """
    labels = np.asarray(plane[window])
    todo = labels != 0
    found: list[ObjectMask] = []
    for fibre in scheme.fibres:
        # All at once, because fibres touch: one after the other would look at the same pixels again and again.
        for target in _whole_fibres(plane, window, fibre):
            todo &= ~target.within(window)
            found.append(target)
    while todo.any():
        row, column = np.unravel_index(int(todo.argmax()), todo.shape)
        at = int(row) + window[0].start, int(column) + window[1].start
        other = object_at(plane, at, scheme)
        if other is None:  # the plane has changed meanwhile
            break
        todo &= ~other.within(window)
        found.append(other)
    return tuple(sorted(found, key=lambda mask: int(mask.within(window).argmax())))


def _fibre_at(plane: Plane, at: Place, fibre: Fibre) -> ObjectMask:
    window = padded((slice(at[0], at[0] + 1), slice(at[1], at[1] + 1)), _MARGIN_PX, plane.shape)
    while True:
        labels = np.asarray(plane[window])
        sides = open_sides(window, plane.shape)
        instances, unsure = fibres(labels, fibre, sides)
        number = instances[at[0] - window[0].start, at[1] - window[1].start]
        own = instances == number
        if number and not _open(own, unsure, sides):
            return _fibre_target(labels, own, window, fibre)
        window = padded(window, max(own.shape), plane.shape)


def _whole_fibres(plane: Plane, window: Window, fibre: Fibre) -> Iterator[ObjectMask]:
    """Yield the fibres with a pixel in a window, most of them: those that go on far beyond it are left to `_fibre_at`."""
    margin, left = _MARGIN_PX, np.ones([part.stop - part.start for part in window], bool)
    while True:
        wide = padded(window, margin, plane.shape)
        labels, sides = np.asarray(plane[wide]), open_sides(wide, plane.shape)
        instances, unsure = fibres(labels, fibre, sides)
        here = np.unique(instances[inside(window, wide)][left])
        cut_off = 0
        for number, box in enumerate(ndi.find_objects(instances), start=1):
            if box is None or number not in here:
                continue
            # With a rim, because what is beside an object decides whether it is whole.
            box = padded(box, 1, instances.shape)
            own = instances[box] == number
            cut = [
                out and not more for out, more in zip(sides, open_sides(box, instances.shape), strict=True)
            ]
            if _open(own, unsure[box], cut):
                cut_off += 1
                continue
            whole = _fibre_target(labels[box], own, moved(box, wide), fibre)
            left &= ~whole.within(window)
            yield whole
        margin *= _GROWTH
        if cut_off < 2 or margin > max(left.shape):
            return


def _fibre_target(labels: Plane, own: NDArray[np.bool_], window: Window, fibre: Fibre) -> ObjectMask:
    inner = bool((labels[own] == fibre.inner).any())
    return object_mask(fibre.inner if inner else fibre.outer, window, own)


def _open(own: NDArray[np.bool_], unsure: NDArray[np.bool_], sides: Iterable[bool]) -> bool:
    """Whether an object may go on beyond the window."""
    at_border = any(goes_on and rim.any() for goes_on, rim in zip(sides, rims(own), strict=True))
    return bool(at_border or (ndi.binary_dilation(own, SQUARE) & unsure).any())
