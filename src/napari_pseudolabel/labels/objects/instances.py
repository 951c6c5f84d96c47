"""Classes to objects and back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.fibres import fibres
from napari_pseudolabel.labels.objects.object_mask import Plane
from napari_pseudolabel.labels.objects.scheme import Scheme
from napari_pseudolabel.labels.objects.touching import divided
from napari_pseudolabel.types import Array

# What a gap cuts off and is smaller than this share of the object goes with the gap.
_CRUMB = 0.1


def to_instances(
    plane: Plane, scheme: Scheme, probability: NDArray[np.floating] | None = None
) -> NDArray[np.int32]:
    """Return number the objects of a plane of classes.

    Parameters
    ----------
    plane
        (H, W) integers: class values, 0 is background.
    scheme
        How classes make objects.
    probability
        (H, W) in [0, 1] of the foreground; helps to tell touching objects apart.

    Returns
    -------
    NDArray
        (H, W) int32: 1 to n, 0 is background. A fibre has one number for both of its classes.
    """
    plane = np.asarray(plane)
    instances = np.zeros(plane.shape, np.int32)
    count = 0
    done: set[int] = set()
    for fibre in scheme.fibres:
        found, _ = fibres(plane, fibre)
        count = _add(instances, found, count)
        done |= {fibre.inner, fibre.outer}
    for value in np.unique(plane).tolist():
        if value == 0 or value in done:
            continue
        parts, _ = ndi.label(plane == value, SQUARE, output=np.int32)
        if value in scheme.touching:
            parts = _told_apart(parts, probability, scheme.aspect)
        count = _add(instances, parts, count)
    return instances


def to_classes(
    instances: NDArray[np.integer],
    values_of: Mapping[int, int] | NDArray[np.integer],
) -> NDArray[np.uint8]:
    """Turn objects into classes, with a pixel of background between touching objects of the same class.

    So they stay apart. The larger object gives that pixel, and loses the crumbs that the gap cuts off.

    Parameters
    ----------
    instances
        (H, W) integers: number of the object, 0 is background.
    values_of
        Class of every object by its number; or (H, W) integers, the class of every pixel, for objects of several
        classes such as fibres.

    Returns
    -------
    NDArray
        (H, W) uint8: class values.

    Raises
    ------
    InputError
        When an object has no class.
    """
    instances = np.asarray(instances)
    if isinstance(values_of, Mapping):
        numbers, places = np.unique(instances, return_inverse=True)
        missing = [int(number) for number in numbers if number and int(number) not in values_of]
        if missing:
            raise InputError(f"Object {missing[0]} has no class; give every object one.")
        values = np.array([values_of[int(number)] if number else 0 for number in numbers], np.uint8)
        classes = values[places.reshape(instances.shape)]
    else:
        classes = np.where(instances != 0, values_of, 0).astype(np.uint8)
    giving = _giving(instances, classes)
    classes[giving] = 0
    classes[_crumbs(np.where(giving, 0, instances))] = 0
    return classes


def _crumbs(instances: Array) -> NDArray[np.bool_]:
    """Pieces of objects that are small beside the largest piece of the same object."""
    from skimage.measure import label  # the shell and the docks start without

    pieces = label(instances, connectivity=2)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    # Every piece knows its object by any of its pixels.
    numbers, owners = np.unique(instances, return_inverse=True)
    owner = np.zeros(len(sizes), np.intp)
    owner[pieces.ravel()] = owners.ravel()
    largest = np.zeros(len(numbers), sizes.dtype)
    np.maximum.at(largest, owner, sizes)
    small = sizes < _CRUMB * largest[owner]
    small[0] = False
    crumbs: NDArray[np.bool_] = small[pieces]
    return crumbs


def _giving(instances: Array, classes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pixels that touch another object of the same class and belong to the larger of the two."""
    numbers, places, sizes = np.unique(instances, return_inverse=True, return_counts=True)
    order = np.empty(len(numbers), np.int32)
    order[np.lexsort((numbers, sizes))] = np.arange(len(numbers), dtype=np.int32)
    rank = order[places.reshape(instances.shape)]
    giving = np.zeros(instances.shape, bool)
    height, width = instances.shape
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        one = slice(0, height - dy), slice(max(-dx, 0), width - max(dx, 0))
        two = slice(dy, height), slice(max(dx, 0), width - max(-dx, 0))
        touching = (classes[one] == classes[two]) & (classes[one] > 0)
        giving[one] |= touching & (rank[one] > rank[two])
        giving[two] |= touching & (rank[two] > rank[one])
    return giving


def _told_apart(
    parts: NDArray[np.int32], probability: NDArray[np.floating] | None, aspect: float
) -> NDArray[np.int32]:
    """Components with those of several touching objects divided."""
    instances = np.zeros_like(parts)
    count = 0
    for number, window in enumerate(ndi.find_objects(parts), start=1):
        mask = parts[window] == number
        found = divided(mask, None if probability is None else probability[window], aspect)
        instances[window][mask] = found[mask] + count
        count += int(found.max())
    return instances


def _add(instances: NDArray[np.int32], found: NDArray[np.int32], count: int) -> int:
    """Write objects behind those that are there; how many there are then."""
    there = found > 0
    instances[there] = found[there] + count
    return count + int(found.max(initial=0))
