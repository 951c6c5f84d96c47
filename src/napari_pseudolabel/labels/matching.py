"""Which objects of two numbered planes are the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

LEAST_IOU = 0.5
"""From here on two objects are taken for the same one."""
AP_IOUS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Where matches are counted for `Detection.ap`."""


@dataclass(frozen=True)
class Detection:
    """How many objects were found; counts of several planes or images are added up.

    Attributes
    ----------
    matched
        Objects of the reference that were found, each by another predicted one.
    predicted, real
        Objects of the prediction, and of the reference.
    overlap
        Sum of the IoU of the matched objects.
    closer
        How many of the matched objects have at least each IoU of `AP_IOUS`.
    """

    matched: int = 0
    predicted: int = 0
    real: int = 0
    overlap: float = 0.0
    closer: tuple[int, ...] = (0,) * len(AP_IOUS)

    def __add__(self, other: Detection) -> Detection:
        return Detection(
            self.matched + other.matched,
            self.predicted + other.predicted,
            self.real + other.real,
            self.overlap + other.overlap,
            tuple(map(sum, zip(self.closer, other.closer, strict=True))),
        )

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of objects by what they are."""
        return {"matched": self.matched, "predicted": self.predicted, "real": self.real}

    @property
    def precision(self) -> float:
        """Share of the predicted objects that are real, in [0, 1]; 1 if there are none on either side."""
        return self._share(self.predicted)

    @property
    def recall(self) -> float:
        """Share of the real objects that were found, in [0, 1]; 1 if there are none on either side."""
        return self._share(self.real)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), in [0, 1]; 1 if there are no objects on either side."""
        return self._share(self.predicted + self.real, 2)

    @property
    def sq(self) -> float:
        """Segmentation quality: mean IoU of the matched objects, in [0, 1]; 1 if there are no objects on either side."""
        return self.overlap / self.matched if self.matched else self._share(self.predicted + self.real)

    @property
    def pq(self) -> float:
        """Panoptic quality, `sq` times `f1` (Kirillov et al. 2019, which call the F1 recognition quality)."""
        return self.sq * self.f1

    @property
    def ap(self) -> dict[float, float]:
        """TP / (TP + FP + FN) by IoU, in [0, 1]: what StarDist and Cellpose call average precision; 1 if there are no objects."""
        return {
            iou: common / every if (every := self.predicted + self.real - common) else 1.0
            for iou, common in zip(AP_IOUS, self.closer, strict=True)
        }

    def _share(self, of: int, times: int = 1) -> float:
        if of:
            return times * self.matched / of
        return float(self.predicted == self.real)


def detection(
    prediction: NDArray[np.integer], reference: NDArray[np.integer], iou: float = LEAST_IOU
) -> Detection:
    """Count the objects of a numbered plane that a reference has too; parameters as of `matches`."""
    _, ious = matched(prediction, reference, iou)
    return Detection(
        len(ious),
        len(numbers(prediction)),
        len(numbers(reference)),
        float(ious.sum()),
        tuple(int(np.count_nonzero(ious >= least)) for least in AP_IOUS),
    )


def numbers(instances: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return the numbers of the objects that there are, in their order."""
    found, places = _dense(instances)
    return found[(found > 0) & (np.bincount(places, minlength=len(found)) > 0)]


def matches(
    one: NDArray[np.integer], other: NDArray[np.integer], iou: float = LEAST_IOU
) -> NDArray[np.int64]:
    """Match objects one to one so that the sum of their IoU is the highest.

    Parameters
    ----------
    one, other
        (H, W) numbered objects, 0 is none.
    iou
        Least IoU of a match, above 0.

    Returns
    -------
    NDArray
        (M, 2) numbers in `one` and in `other`.
    """
    return matched(one, other, iou)[0]


def matched(
    one: NDArray[np.integer], other: NDArray[np.integer], iou: float = LEAST_IOU
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """As `matches`, with the IoU of every match (M,)."""
    own, first = _dense(one)
    others, second = _dense(other)
    areas, other_areas = np.bincount(first), np.bincount(second)
    both = np.flatnonzero((own[first] > 0) & (others[second] > 0))
    # Sparse, because large images hold thousands of objects of which each meets a few.
    keys, common = np.unique(first[both] * len(others) + second[both], return_counts=True)
    pairs = np.divmod(keys, len(others))
    overlap = common / (areas[pairs[0]] + other_areas[pairs[1]] - common)
    good = overlap >= iou
    rows, columns, overlap = pairs[0][good], pairs[1][good], overlap[good]
    chosen = one_to_one(rows, columns, overlap)
    pairs_found = np.stack([own[rows[chosen]], others[columns[chosen]]], axis=1).astype(np.int64)
    return pairs_found, overlap[chosen]


def one_to_one(
    rows: NDArray[np.intp], columns: NDArray[np.intp], overlap: NDArray[np.float64]
) -> NDArray[np.intp]:
    """Choose pairs so that nobody is in two of them and the sum of their overlap is the highest.

    Parameters
    ----------
    rows, columns
        (N,) one and the other of every pair that is possible.
    overlap
        (N,) above 0.

    Returns
    -------
    NDArray
        Places of the pairs that were chosen.
    """
    # Where both meet nobody else, they are the match; groups are settled one by one.
    alone = (np.bincount(rows)[rows] == 1) & (np.bincount(columns)[columns] == 1) if rows.size else rows > 0
    return np.concatenate([np.flatnonzero(alone), *_settled(rows, columns, overlap, np.flatnonzero(~alone))])


def _dense(instances: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return numbers, some of which may not occur, and for every pixel the place of its own among them."""
    flat = instances.ravel().astype(np.int64)
    if flat.size and flat.min() >= 0 and flat.max() <= flat.size:
        return np.arange(flat.max() + 1), flat  # without sorting all pixels
    found, places = np.unique(flat, return_inverse=True)
    return found, places


def _settled(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    overlap: NDArray[np.float64],
    among: NDArray[np.intp],
) -> list[NDArray[np.intp]]:
    """Best matches in every group of objects that meet, as places in the arrays; `among` are the places to choose from."""
    if not among.size:
        return []
    rows, columns = rows[among], columns[among]
    shift = int(rows.max()) + 1
    size = shift + int(columns.max()) + 1
    graph = coo_array((overlap[among], (rows, columns + shift)), shape=(size, size))
    _, group = connected_components(graph, directed=False)
    found = []
    for number in np.unique(group[rows]):
        here = np.flatnonzero(group[rows] == number)
        own, at = np.unique(rows[here], return_inverse=True)
        others, beside = np.unique(columns[here], return_inverse=True)
        table, places = np.zeros((len(own), len(others))), np.full((len(own), len(others)), -1)
        table[at, beside], places[at, beside] = overlap[among[here]], among[here]
        y, x = linear_sum_assignment(table, maximize=True)
        found.append(places[y, x][places[y, x] >= 0])
    return found
