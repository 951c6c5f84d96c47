"""How much work a correction was: borders that were drawn anew, and objects that were changed.

Added path length: Vaassen et al., "Evaluation of measures for assessing time-saving of automatic organ-at-risk
segmentation in radiotherapy", Physics and Imaging in Radiation Oncology 13 (2020). Its false-negative part: Kiser et
al., "Novel autosegmentation spatial similarity metrics capture the time required to correct segmentations better
than traditional metrics in a thoracic cavity segmentation workflow", Journal of Digital Imaging 34 (2021). Both
follow the minutes that a correction takes better than Dice does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_pseudolabel.errors import InputError


def boundary(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask of which one of the four neighbours does not belong to it.

    Parameters
    ----------
    mask
        (H, W). What lies outside of the image counts as part of it, so that a mask that is cut off by the edge has no
        boundary there.

    Returns
    -------
    NDArray
        (H, W), True on the boundary.
    """
    inside = ndimage.binary_erosion(mask, ndimage.generate_binary_structure(2, 1), border_value=1)
    return mask & ~inside


def added_path_length(before: NDArray[np.integer], after: NDArray[np.integer], value: int) -> int:
    """Boundary pixels that a person had to draw: those of the corrected mask that the earlier one lacked.

    Parameters
    ----------
    before, after
        (H, W) labels before and after the correction, of any integer types.
    value
        The class, 0 to 255, or the number of an object.

    Returns
    -------
    int
        In pixels. From empty labels it is the whole boundary; where a mask is only erased, it is 0.

    Raises
    ------
    InputError
        If the two are not planes of the same size.

    Notes
    -----
    Vaassen et al. 2020, with no tolerance: a border that moves by a pixel counts in full.
    """
    return int((_border(before, after, value) & ~boundary(before == value)).sum())


def false_negative_path_length(before: NDArray[np.integer], after: NDArray[np.integer], value: int) -> int:
    """The part of the added path length that lies where the earlier mask had nothing.

    It leaves out the borders that come from erasing. Parameters and errors as in `added_path_length`.

    Notes
    -----
    Kiser et al. 2021.
    """
    return int((_border(before, after, value) & (before != value)).sum())


@dataclass(frozen=True)
class InstanceEdits:
    """Edits that turn one set of objects into another; see `instance_edits`.

    Attributes
    ----------
    add, delete
        Objects drawn where there was none, and objects removed.
    split, merge
        Cuts through an object that held several, and pieces joined to the object that they belong to.
    reshape
        Objects whose outline was too far off after all that.
    """

    add: int = 0
    delete: int = 0
    split: int = 0
    merge: int = 0
    reshape: int = 0

    @property
    def total(self) -> int:
        """All edits."""
        return self.add + self.delete + self.split + self.merge + self.reshape

    def __add__(self, other: InstanceEdits) -> InstanceEdits:
        """Sum, kind by kind."""
        return InstanceEdits(
            self.add + other.add,
            self.delete + other.delete,
            self.split + other.split,
            self.merge + other.merge,
            self.reshape + other.reshape,
        )


def instance_edits(
    before: NDArray[np.integer], after: NDArray[np.integer], iou: float = 0.5
) -> InstanceEdits:
    """Count the edits between two instance images.

    Objects are paired one to one such that the sum of their IoU is largest (Hungarian matching). An object of `after`
    that stays alone was split off where more than half of it lies in a paired object of `before`, and added otherwise.
    An object of `before` that stays alone was merged where more than half of it lies in a paired object of
    `after`, and deleted otherwise. Pairs are reshaped whose IoU is below `iou` once these pieces were cut off
    and joined. So the objects afterwards are those before + add + split - delete - merge.

    Parameters
    ----------
    before, after
        (H, W) object numbers from 1 on, 0 for the background; numbers need not agree or be consecutive.
    iou
        In (0, 1], from which on an outline is good enough.

    Raises
    ------
    InputError
        If the two are not planes of the same size, or `iou` is out of range.
    """
    _check(before, after)
    if not 0 < iou <= 1:
        raise InputError(f"The IoU must lie above 0 and at most at 1, not at {iou:g}.")
    one, two = _numbered(before), _numbered(after)
    sizes, goal = np.bincount(one.ravel()), np.bincount(two.ravel())
    pairs, common = np.unique(np.stack([one, two])[:, (one > 0) & (two > 0)], axis=1, return_counts=True)
    old, new = pairs
    score = common / (sizes[old] + goal[new] - common)
    partner = np.zeros(len(sizes), int)
    origin = np.zeros(len(goal), int)
    shared = np.zeros(len(goal), int)  # with what the object was made of, by object of `after`
    for own in _groups(old, new, len(sizes), len(goal)):
        for at in own[_matched(old[own], new[own], score[own])]:
            partner[old[at]], origin[new[at]], shared[new[at]] = new[at], old[at], common[at]
    made_of = np.where(origin > 0, sizes[origin], 0)
    split = merge = 0
    for o, n, pixels in zip(old.tolist(), new.tolist(), common.tolist(), strict=True):
        if not origin[n] and partner[o] and 2 * pixels > goal[n]:
            split += 1
            made_of[partner[o]] -= pixels
        elif not partner[o] and origin[n] and 2 * pixels > sizes[o]:
            merge += 1
            made_of[n] += sizes[o]
            shared[n] += pixels
    paired = origin[1:] > 0
    together = made_of[1:] + goal[1:] - shared[1:]
    reshape = int((paired & (shared[1:] < iou * together)).sum())
    return InstanceEdits(
        add=int((~paired).sum()) - split,
        delete=int((partner[1:] == 0).sum()) - merge,
        split=split,
        merge=merge,
        reshape=reshape,
    )


def _check(before: NDArray[np.integer], after: NDArray[np.integer]) -> None:
    if before.ndim != 2 or before.shape != after.shape:
        sizes = (" x ".join(map(str, array.shape)) for array in (before, after))
        raise InputError(
            "The labels are {} before and {} after; give two planes of the same size.".format(*sizes)
        )


def _border(before: NDArray[np.integer], after: NDArray[np.integer], value: int) -> NDArray[np.bool_]:
    _check(before, after)
    return boundary(after == value)


def _numbered(objects: NDArray[np.integer]) -> NDArray[np.intp]:
    """The same objects, numbered 1, 2, 3 ...; a number is in use even where the background is missing."""
    values, positions = np.unique(objects, return_inverse=True)
    numbers = np.zeros(len(values), np.intp)
    numbers[values != 0] = np.arange(1, (values != 0).sum() + 1)
    return numbers[positions.reshape(objects.shape)]


def _groups(old: NDArray[np.intp], new: NDArray[np.intp], most: int, more: int) -> Iterator[NDArray[np.intp]]:
    """Positions of the overlaps that share no object with the others, so that each matching stays small."""
    if not len(old):
        return
    graph = coo_array((np.ones(len(old)), (old, most + new)), shape=(most + more, most + more))
    _, names = connected_components(graph, directed=False)
    order = np.argsort(names[old], kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(names[old][order])) + 1)


def _matched(old: NDArray[np.intp], new: NDArray[np.intp], score: NDArray[np.float64]) -> NDArray[np.intp]:
    """Positions of the pairs of the best one-to-one matching among overlapping objects."""
    rows, row = np.unique(old, return_inverse=True)
    columns, column = np.unique(new, return_inverse=True)
    table = np.zeros((len(rows), len(columns)))
    table[row, column] = score
    chosen = np.zeros(table.shape, bool)
    chosen[linear_sum_assignment(table, maximize=True)] = True
    # The matching is complete, so it also pairs what does not overlap; such pairs are not among the positions.
    return np.flatnonzero(chosen[row, column])
