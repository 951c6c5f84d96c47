"""Where labels are probably wrong, as far as an ensemble and its confidence tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import skimage
from numpy.typing import NDArray
from scipy import ndimage

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.review.region_grid import RegionGrid

# Of labels that nobody knows anything about: the same everywhere, so that regions with more in them come first.
_UNKNOWN = 0.1
# Away from everything that was predicted by anybody, faint doubt is about texture and not about missed objects.
_FAR_WEIGHT, _FAINT = 0.25, 0.3
# Share of boundaries that people redraw, per mean doubt along them; measured on real images (docs/benchmarks.md).
_REDRAWN_PER_DOUBT = 2.5
# What the expected and the agreed Dice of a region lack of 1, as parts of what the true one does; least squares over regions of SEM
# rats 1 and 2 and of TEM mice 366A, 367A, 368A and 369B (`benchmarks/confidence.py`).
_OF_DOUBT, _OF_DISPUTES = 0.78, 0.49
# What is near to what is found out on a grid that is so much coarser.
_COARSE = 4
_NOTHING = 255
_LARGEST = 255


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Doubt about the labels of a plane.

    Attributes
    ----------
    labels
        (H, W) class values as they stand.
    wrong
        (H, W) float32 in [0, 1]: estimated probability that the label of a pixel is wrong; 0 where a person decided.
    settled
        (H, W) bool: what a person decided; None for nothing.
    members
        How many members the ensemble has; 0 without an ensemble of at least two.
    places
        (N,) int: flat positions of the pixels that members and labels do not agree on.
    member_labels
        (K, N) uint8: what the members say there; a member that says nothing follows the labels.
    """

    labels: NDArray[np.uint8]
    wrong: NDArray[np.float32]
    settled: NDArray[np.bool_] | None
    members: int
    places: NDArray[np.intp]
    member_labels: NDArray[np.uint8]

    @property
    def disputed(self) -> NDArray[np.bool_]:
        """(H, W) bool: where not all say the same, or the probability to be wrong is at least one half."""
        found: NDArray[np.bool_] = self.wrong >= 0.5
        found.ravel()[self.places] = True
        return found

    @property
    def foreground(self) -> NDArray[np.bool_]:
        """(H, W) bool: where anybody says that there is something."""
        found = self.labels != 0
        found.ravel()[self.places] = True
        return found

    def quality(self, regions: RegionGrid) -> NDArray[np.float64]:
        """(R,) expected Dice of each region, mean over the classes in it; 1 where there is nothing.

        Notes
        -----
        Of a class with A predicted pixels, of which T are expected to be right, and Q expected true pixels, it is
        2 T / (A + Q). Where there is an ensemble, what that and the pairwise Dice of its members lack of 1 is added up with weights:
        members share their mistakes, so they alone promise too much (docs/benchmarks.md).
        """
        here = self.labels.ravel()[self.places]
        values = sorted({*np.unique(self.labels).tolist(), *np.unique(self.member_labels).tolist()} - {0})
        differ = np.maximum((self.member_labels != here).sum(axis=0), 1)
        number = regions.number_at(*np.divmod(self.places, self.labels.shape[1]))
        doubted = self.wrong.ravel()[self.places]
        total, weight = np.zeros((2, regions.count))

        def counted(weights: NDArray[np.floating]) -> NDArray[np.float64]:
            return np.bincount(number, weights, regions.count).astype(np.float64)

        all_wrong = regions.sums(self.wrong)
        for value in values:
            own = self.labels == value
            area, own_wrong = regions.sums(own), regions.sums(np.where(own, self.wrong, 0))
            # What is wrong outside belongs to the class as far as members say so, else to each class alike.
            outside = here != value
            votes = (self.member_labels == value).sum(axis=0)
            named = counted(np.where(outside, doubted * votes / differ, 0))
            unnamed = all_wrong - own_wrong - counted(np.where(outside, doubted, 0))
            real = area - own_wrong + named + np.maximum(unnamed, 0) / len(values)
            score, present = _ratio(2 * (area - own_wrong), area + real), area > 0
            if self.members:
                undisputed = area - counted(~outside)
                agreeing = undisputed * self.members * (self.members - 1) + counted(votes * (votes - 1))
                asked = undisputed * self.members + counted(votes)
                agreed = _ratio(agreeing, (self.members - 1) * asked)
                score = np.clip(1 - _OF_DOUBT * (1 - score) - _OF_DISPUTES * (1 - agreed), 0, 1)
                present |= asked > 0
            total += np.where(present, score, 0)
            weight += present
        return _ratio(total, weight)

    def path(self, regions: RegionGrid) -> NDArray[np.float64]:
        """(R,) expected boundary to redraw in pixels.

        Notes
        -----
        Members share their mistakes, so what they draw differently is a small part of what is wrong; on real
        images the length of all boundaries tells more. Of these a share is redrawn that follows from the doubt along
        all boundaries of the plane, and what members draw away from any boundary of the labels comes on top.
        """
        drawn = edges(self.labels)
        counted = drawn if self.settled is None else drawn & ~self.settled
        length = regions.sums(counted)
        along = float(regions.sums(np.where(counted, self.wrong, 0)).sum()) / max(float(length.sum()), 1)
        expected = length * min(1.0, _REDRAWN_PER_DOUBT * along)
        away = ~ndimage.binary_dilation(drawn, SQUARE)
        for member in self._each():
            expected += regions.sums(edges(member) & away) / self.members
        return expected

    def benefit(self, regions: RegionGrid, diameter: float | None) -> NDArray[np.float64]:
        """(R,) expected wrong pixels; those far from everything that was predicted count less.

        Parameters
        ----------
        diameter
            Of objects in pixels; half of it around the foreground counts as near.
        """
        weights = np.where(
            _near(self.labels != 0, (diameter or 0) / 2), np.float32(1), np.float32(_FAR_WEIGHT)
        )
        return regions.sums(self.wrong * weights)

    def _each(self) -> Iterator[NDArray[np.uint8]]:
        """(H, W) labels of each member."""
        for said in self.member_labels:
            member = self.labels.copy()
            member.ravel()[self.places] = said
            yield member


def uncertainty_of(
    labels: NDArray[np.integer],
    confidence: NDArray[np.floating] | None,
    candidates: NDArray[np.uint8] | None,
    touched: NDArray[np.bool_] | None,
) -> Uncertainty:
    """Doubt about labels; for the parameters see `queue.measure`.

    Raises
    ------
    InputError
        When the arrays do not have the shape of the labels, or these are not class values.
    """
    for name, array in (("confidence", confidence), ("candidates", candidates), ("touched", touched)):
        if array is not None and array.shape[-2:] != labels.shape:
            raise InputError(
                f"{name} has planes of {array.shape[-2:]} but labels of {labels.shape}; give those of the same plane."
            )
    if labels.size and not 0 <= labels.min() <= labels.max() <= _LARGEST:
        raise InputError(
            f"The labels hold values from {labels.min()} to {labels.max()}, but classes go from 0 to {_LARGEST}; "
            "give one value per class, not per object."
        )
    classes = np.ascontiguousarray(labels).astype(np.uint8, copy=False)
    members = () if candidates is None or len(candidates) < 2 else tuple(candidates)
    disputed = np.zeros(labels.shape, bool)
    for member in members:
        disputed |= (member != classes) & (member != _NOTHING)
    if touched is not None:
        disputed &= ~touched
    places = np.flatnonzero(disputed)
    here = classes.ravel()[places]
    said = np.zeros((len(members), len(places)), np.uint8)
    for row, member in zip(said, members, strict=True):
        row[...] = member.ravel()[places]
        np.copyto(row, here, where=row == _NOTHING)
    if confidence is not None:
        wrong = np.float32(1) - confidence.astype(np.float32)
        wrong[np.isnan(wrong)] = _UNKNOWN
    elif members:
        wrong = np.zeros(labels.shape, np.float32)
        wrong.ravel()[places] = (said != here).mean(axis=0)
    else:
        wrong = np.full(labels.shape, _UNKNOWN, np.float32)
    if touched is not None:
        wrong[touched] = 0
    return Uncertainty(classes, wrong, touched, len(members), places, said)


def edges(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """(H, W) bool: pixels of any class but the background that touch a pixel of another value (4-connected)."""
    found: NDArray[np.bool_] = skimage.segmentation.find_boundaries(labels, mode="inner")
    return found


def _near(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    """Return what lies within about `reach` pixels of a mask."""
    height, width = mask.shape
    rows, columns = np.arange(0, height, _COARSE), np.arange(0, width, _COARSE)
    coarse = np.logical_or.reduceat(np.logical_or.reduceat(mask, rows, axis=0), columns, axis=1)
    size = 2 * max(1, round(reach / _COARSE)) + 1
    grown = ndimage.maximum_filter(coarse.view(np.uint8), size).view(bool)
    return grown.repeat(_COARSE, axis=0)[:height].repeat(_COARSE, axis=1)[:, :width]


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of a whole, 1 where there is no whole."""
    return np.divide(part, whole, out=np.ones_like(whole), where=whole > 0)
