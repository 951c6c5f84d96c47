"""Axons with their myelin as one object each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.scheme import Fibre
from napari_pseudolabel.labels.windows import Sides, rims
from napari_pseudolabel.types import Array

# Lengths of steps are compared as whole numbers, of which a width of a pixel has so many.
_WIDTH = 1000
# Less than distances inside of axons can differ.
_BARELY = 1e-9


def fibres(
    labels: Array, fibre: Fibre, sides: Sides = (False, False, False, False)
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Return the fibres of a window, numbered.

    Every component of the inner class is a fibre. All of them flood the outer class at once, step by step over the edges of pixels,
    and a pixel belongs to the first that comes. Where two come with the same step, that one is first whose water was there first if it
    rises in every axon from its centre, by the distance to its border: the watershed by which AxonDeepSeg tells sheaths apart. Pixels
    that touch a fibre over corners only come last; what no fibre reaches are objects of their own.

    Parameters
    ----------
    labels
        (h, w) class values.
    fibre
        The two classes, and how long a step up is beside a step to the side. Where they differ, and two come with the same step, the
        axon with the first pixel has it.
    sides
        Where the plane goes on beyond the window.

    Returns
    -------
    instances, unsure
        (h, w) int32: 1 to n, 0 elsewhere; (h, w) bool: pixels of the outer class that may belong to a fibre which
        is not in the window, or not as a whole. Their number means nothing.
    """
    inner, outer = labels == fibre.inner, labels == fibre.outer
    axons, count = ndi.label(inner, SQUARE, output=np.int32)
    unseen = count + 1
    # What comes from beyond comes early: of an axon that is cut off nobody knows when its water was there.
    sources = axons.copy()
    for goes_on, rim in zip(sides, rims(axons), strict=True):
        if goes_on:
            cut = np.isin(axons, rim[rim > 0])
            sources[cut] = unseen
    steps = max(1, round(_WIDTH * fibre.aspect)), _WIDTH
    flood = _water if steps[0] == steps[1] else _by_length
    instances = flood(sources, outer, sides, unseen, steps)
    _over_corners(instances, outer)
    unsure = outer & (instances == unseen)
    instances[unsure] = 0
    instances[inner] = axons[inner]
    alone, _ = ndi.label(outer & (instances == 0) & ~unsure, SQUARE, output=np.int32)
    lonely = alone > 0
    instances[lonely] = alone[lonely] + count
    return instances, unsure


def _water(
    sources: NDArray[np.int32], outer: NDArray[np.bool_], sides: Sides, unseen: int, _: tuple[int, int]
) -> NDArray[np.int32]:
    """Flood from the middles of the axons; every step over the border of an axon is as long as any other."""
    from skimage.segmentation import watershed  # the shell and the docks start without

    inner = sources > 0
    markers = np.where(sources == unseen, sources, 0)
    order = np.where(markers > 0, -np.inf, -ndi.distance_transform_edt(inner))
    middles = _middles(sources, unseen)
    markers.ravel()[middles] = sources.ravel()[middles]
    # Two that are equally deep begin in reading order, which is the same in every window.
    order.ravel()[middles] -= _BARELY * np.arange(len(middles), 0, -1)
    for goes_on, rim, there in zip(sides, rims(markers), rims(outer), strict=True):
        if goes_on:
            rim[there] = unseen
    return np.asarray(watershed(order, markers, mask=inner | outer), np.int32)


def _middles(sources: NDArray[np.int32], unseen: int) -> NDArray[np.intp]:
    """Flat places, sorted: the pixel of every edge-connected piece of an axon that is nearest to the centroid of the axon."""
    places = np.flatnonzero((sources > 0) & (sources != unseen))
    if not places.size:
        return places
    pieces, _ = ndi.label(sources > 0)
    width = sources.shape[1]
    axons, own = sources.ravel()[places], pieces.ravel()[places]
    pixels = np.bincount(axons)
    away = np.zeros(len(places), np.int64)
    for at in np.divmod(places, width):
        centroid = np.bincount(axons, at) // np.maximum(pixels, 1)
        away += (at - centroid[axons].astype(np.int64)) ** 2
    ranked = np.lexsort((places, away, own))
    first = np.flatnonzero(np.diff(own[ranked], prepend=0))
    return np.sort(places[ranked[first]])


def _by_length(
    sources: NDArray[np.int32],
    outer: NDArray[np.bool_],
    sides: Sides,
    unseen: int,
    steps: tuple[int, int],
) -> NDArray[np.int32]:
    """Flood from the borders of the axons by the shortest way, where a step up is not as long as one to the side."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import dijkstra

    # Whose way it is, is written into the last digits of its length; so of two equal ways one is shorter, in every window.
    base = unseen + 1
    rank = np.where(sources == unseen, 0, sources).astype(float)
    count = int(np.count_nonzero(outer))
    node = np.full(outer.shape, -1, np.int64)
    node[outer] = np.arange(count)
    entry = np.full(outer.shape, np.inf)
    ends: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
    for axis, step in enumerate(steps):
        for one, other in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            own, beside = ((slice(None),) * axis + (part,) for part in (one, other))
            coming = np.where(outer[own] & (sources[beside] > 0), step * base + rank[beside], np.inf)
            entry[own] = np.minimum(entry[own], coming)
            both = outer[own] & outer[beside]
            ends.append((node[beside][both], node[own][both], np.full(both.sum(), float(step * base))))
    for goes_on, rim, step in zip(sides, rims(entry), np.repeat(steps, 2), strict=True):
        if goes_on:
            np.minimum(rim, step * base, out=rim)
    entry = entry[outer]
    reached = np.flatnonzero(np.isfinite(entry))
    ends.append((np.full(len(reached), count), reached, entry[reached]))
    start, end, length = map(np.concatenate, zip(*ends, strict=True))
    ways = dijkstra(coo_array((length, (start, end)), (count + 1, count + 1)).tocsr(), indices=count)[:count]
    there = np.isfinite(ways)
    whose = np.zeros(count, np.int32)
    whose[there] = ways[there] % base
    whose[there & (whose == 0)] = unseen
    instances = sources.copy()
    instances[outer] = whose
    return instances


def _over_corners(instances: NDArray[np.int32], outer: NDArray[np.bool_]) -> None:
    """Give pixels that no fibre has reached to one that they touch over a corner, and what is connected with them."""
    from skimage.segmentation import watershed

    left = outer & (instances == 0)
    near = ndi.binary_dilation(left, SQUARE) & (instances > 0)
    if not near.any():
        return
    order = np.zeros(left.shape)
    order[near] = np.arange(-np.count_nonzero(near), 0)
    found = watershed(order, np.where(near, instances, 0), connectivity=SQUARE, mask=left | near)
    instances[left] = found[left]
