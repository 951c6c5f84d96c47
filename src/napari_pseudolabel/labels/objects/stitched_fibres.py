"""Fibres of a plane that does not fit into memory: sheaths of one axon at once, those of several where they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects.block_pieces import Components, PlanePieces
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.fibres import fibres
from napari_pseudolabel.labels.objects.plane_blocks import LargePlane
from napari_pseudolabel.labels.objects.scheme import Fibre
from napari_pseudolabel.labels.windows import Window, holding, inside, moved, open_sides, padded, whole
from napari_pseudolabel.types import Array

_MARGIN_PX = 48
_GROWTH = 3
SHARED = -1
"""Whose a sheath is that several axons touch."""


@dataclass(frozen=True, eq=False)
class StitchedFibres:
    """Which axon the pieces of axons and sheaths belong to.

    Attributes
    ----------
    inner, outer
        Components of the two classes.
    owners
        (outer components + 1,): number of the object that a sheath belongs to, from 1 on; `SHARED` where it is one of several.
    count
        Number of objects: axons, then sheaths without one.
    """

    fibre: Fibre
    inner: Components
    outer: Components
    owners: NDArray[np.int64]
    count: int

    @classmethod
    def of(cls, found: PlanePieces, fibre: Fibre) -> StitchedFibres:
        """Conclude from a look at the plane that knows which pieces of the two classes touch."""
        inner, outer = found.components(fibre.inner), found.components(fibre.outer)
        pairs = found.pairs(fibre.outer, fibre.inner)
        sheaths, axons = outer.names[pairs[:, 0]], inner.names[pairs[:, 1]]
        least = np.full(outer.count + 1, inner.count + 1)
        most = np.zeros(outer.count + 1, np.int64)
        np.minimum.at(least, sheaths, axons)
        np.maximum.at(most, sheaths, axons)
        owners = np.where(least == most, most, SHARED)
        alone = most == 0
        alone[0], owners[0] = False, 0
        owners[alone] = inner.count + 1 + np.arange(np.count_nonzero(alone))
        return cls(fibre, inner, outer, owners, inner.count + int(np.count_nonzero(alone)))

    def numbers(self, values: Array, window: Window, first: int) -> NDArray[np.int64]:
        """Return the numbers of a block, counted from `first` on; 0 for sheaths that several axons share."""
        pieces, names = self.inner.in_block(values, window)
        found = np.where(names > 0, names + (first - 1), 0)[pieces]
        pieces, names = self.outer.in_block(values, window)
        owners = self.owners[names]
        found += np.where(owners > 0, owners + (first - 1), 0)[pieces]
        return found

    def shared_blocks(self) -> set[tuple[int, int]]:
        """Return the corners of the blocks with pixels of sheaths that several axons share."""
        shared = np.concatenate([[0], np.cumsum(self.owners[self.outer.names] == SHARED)])
        corners = [*self.outer.offsets]
        before = np.array([*self.outer.offsets.values()], np.int64)
        ends = np.append(before, len(self.outer.names) - 1)[1:]
        return {
            corner
            for corner, start, end in zip(corners, before, ends, strict=True)
            if shared[end + 1] > shared[start + 1]
        }


def share_out(plane: LargePlane, numbers: LargePlane, window: Window, fibre: Fibre) -> Array:
    """Return the numbers of a block, with those of sheaths that several axons share.

    Parameters
    ----------
    numbers
        (H, W): of the axons everywhere, and of sheaths of one; 0 where a sheath is to be shared in this block.
    """
    found = np.array(numbers[window])
    todo = (np.asarray(plane[window]) == fibre.outer) & (found == 0)
    margin = _MARGIN_PX
    while todo.any():
        part = holding(todo)
        near = padded(moved(part, window), margin, plane.shape)
        given = _given(plane, numbers, near, fibre, inside(moved(part, window), near), todo[part])
        here = todo[part] & (given > 0)
        found[part][here] = given[here]
        todo[part] &= ~here
        assert near != whole(plane.shape) or not todo.any(), (
            "all of the plane is known, and nobody has a part of a sheath"
        )
        margin *= _GROWTH
    return found


def _given(
    plane: LargePlane,
    numbers: LargePlane,
    near: Window,
    fibre: Fibre,
    part: Window,
    todo: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return (h, w) of `part`: whose pixels are, as far as what lies `near` says; 0 where that is not certain."""
    values = np.asarray(plane[near])
    inner = values == fibre.inner
    sheaths, count = ndi.label(values == fibre.outer, SQUARE, output=np.int32)
    wanted = np.zeros(count + 1, bool)
    wanted[sheaths[part][todo]] = True
    # Other sheaths change nothing, and cost as much.
    kept = np.where(inner, fibre.inner, 0)
    kept[wanted[sheaths]] = fibre.outer
    own, unsure = fibres(kept, fibre, open_sides(near, plane.shape))
    whose = np.zeros(int(own.max(initial=0)) + 1, np.int64)
    whose[own[inner]] = np.asarray(numbers[near])[inner]
    found = whose[own[part]]
    found[unsure[part]] = 0
    return found
