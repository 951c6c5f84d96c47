"""Outlines of masks along the borders of pixels: whoever fills them gets the very same pixels back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.components import CROSS

Ring = NDArray[np.int64]
"""(N, 2) x and y of corners of pixels, the first not repeated; pixel (0, 0) reaches from 0 to 1."""
Polygon = tuple[Ring, ...]
"""An outer ring, of positive area by x and y as they are, and the rings of its holes, of negative area."""


def polygons(mask: NDArray[np.bool_], at: tuple[int, int] = (0, 0)) -> tuple[Polygon, ...]:
    """Return one polygon per part of a mask that is connected over edges, in reading order.

    Pixels that touch by a corner alone are parts of their own, so that every ring passes each of its corners once: the
    polygons are valid in the sense of OGC simple features, alone and together.

    Parameters
    ----------
    mask
        (h, w) bool.
    at
        Row and column of its first pixel; added to what is returned.
    """
    if mask.size and mask.all():
        (top, left), (height, width) = at, mask.shape
        bottom, right = top + height, left + width
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        return ((np.array(corners, np.int64),),)
    parts, _ = ndi.label(mask, CROSS)
    found = []
    for number, (rows, columns) in enumerate(ndi.find_objects(parts), start=1):
        origin = columns.start + at[1], rows.start + at[0]
        outer, *holes = (ring + origin for ring in _rings(parts[rows, columns] == number))
        # All start at their first corner in reading order and go right, along a gap as along the mask.
        found.append((outer, *(hole[::-1] for hole in holes)))
    return tuple(found)


def _rings(mask: NDArray[np.bool_]) -> Iterator[Ring]:
    """Yield the borders of a mask that is connected over edges, the outer first, each by the corners at which it turns.

    Along a row, corners are in turn the left and the right end of a border, along a column the upper and the lower one. Where
    two pixels touch by a corner, two borders turn there. They are parted around what is not in the mask, so that they
    are two rings: in the plane, not both the pixels and the gaps can be connected past that corner.
    """
    framed = np.pad(mask, 1)
    one, two, three, four = framed[:-1, :-1], framed[:-1, 1:], framed[1:, :-1], framed[1:, 1:]
    double = (one == four) & (two == three) & (one != two)
    rows, columns = np.nonzero((one ^ two ^ three ^ four) | double)
    twice = double[rows, columns]
    repeats = 1 + twice
    falling = np.repeat(twice & one[rows, columns], repeats)
    rows, columns = np.repeat(rows, repeats), np.repeat(columns, repeats)
    # In reading order the first of two at a place has its border to the left, the second to the right; of those the one
    # that goes down and the one that goes up depend on which pixels touch.
    count = len(rows)
    tie = np.where(falling, -np.arange(count), np.arange(count))
    along_row, along_column = np.arange(count), np.lexsort((tie, rows, columns))
    partners = []
    for order in (along_row, along_column):
        partner = np.empty(count, np.intp)
        partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
        partners.append(partner.tolist())
    beside, below = partners
    left = [True] * count
    for first in range(count):
        if not left[first]:
            continue
        ring: list[int] = []
        place = first
        while left[place]:
            other = beside[place]
            left[place] = left[other] = False
            ring += (place, other)
            place = below[other]
        yield np.stack([columns[ring], rows[ring]], axis=1)
