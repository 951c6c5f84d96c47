"""Which objects of two numbered planes are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def matches(one: NDArray[np.integer], other: NDArray[np.integer], iou: float) -> NDArray[np.int64]:
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
    both = (one > 0) & (other > 0)
    pairs, common = np.unique(np.stack([one[both], other[both]]), axis=1, return_counts=True)
    areas, other_areas = np.bincount(one.ravel()), np.bincount(other.ravel())
    overlap = common / (areas[pairs[0]] + other_areas[pairs[1]] - common)
    good = overlap >= iou
    table = np.zeros((len(areas), len(other_areas)))
    table[pairs[0][good], pairs[1][good]] = overlap[good]
    rows, columns = linear_sum_assignment(table, maximize=True)
    real = table[rows, columns] > 0
    return np.stack([rows[real], columns[real]], axis=1).astype(np.int64)


def numbers(instances: NDArray[Any]) -> NDArray[np.int64]:
    """The objects that there are."""
    found = np.unique(instances).astype(np.int64)
    return found[found > 0]


def f1(prediction: NDArray[np.integer], truth: NDArray[np.integer], iou: float = 0.5) -> float:
    """2 TP / (2 TP + FP + FN) of numbered objects; 1 if there are none at all."""
    total = len(numbers(prediction)) + len(numbers(truth))
    return 2 * len(matches(prediction, truth, iou)) / total if total else 1.0
