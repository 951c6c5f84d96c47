"""How well a label image agrees with a reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from skimage.measure import label

from napari_pseudolabel.errors import InputError


@dataclass(frozen=True)
class Evaluation:
    """Scores per class name, all in [0, 1].

    Attributes
    ----------
    dice, iou
        Of the pixels of a class. A class that both images lack scores 1, one that only one image has 0.
    instance_f1
        Of connected components (8-connected), matched one to one at an IoU of at least 0.5.
    """

    dice: dict[str, float]
    iou: dict[str, float]
    instance_f1: dict[str, float]


def evaluate(
    prediction: NDArray[np.integer], reference: NDArray[np.integer], classes: Mapping[str, int]
) -> Evaluation:
    """Compare two label images.

    Parameters
    ----------
    prediction, reference
        Label images of the same shape, (..., Y, X); leading axes are planes of their own.
    classes
        Value of each class by name.

    Raises
    ------
    InputError
        If the shapes differ or no class is given.
    """
    prediction, reference = np.asarray(prediction), np.asarray(reference)
    if prediction.shape != reference.shape:
        sizes = (" x ".join(map(str, array.shape)) for array in (prediction, reference))
        raise InputError("The prediction is {} but the reference is {}; they must match.".format(*sizes))
    if not classes:
        raise InputError("Name at least one class to evaluate, such as axon=2.")
    dice, iou, f1 = {}, {}, {}
    for name, value in classes.items():
        a, b = prediction == value, reference == value
        common, total = int((a & b).sum()), int(a.sum()) + int(b.sum())
        dice[name] = 2 * common / total if total else 1.0
        iou[name] = common / (total - common) if total else 1.0
        f1[name] = instance_f1(a, b)
    return Evaluation(dice, iou, f1)


def instance_f1(prediction: NDArray[np.bool_], reference: NDArray[np.bool_], iou: float = 0.5) -> float:
    """F1 of connected components, each matched at most once at `iou` or more.

    Parameters
    ----------
    prediction, reference
        (..., Y, X) masks.

    Returns
    -------
    float
        2 TP / (2 TP + FP + FN); 1 if both masks are empty.
    """
    matched = predicted = real = 0
    planes = zip(*(mask.reshape(-1, *mask.shape[-2:]) for mask in (prediction, reference)), strict=True)
    for a, b in planes:
        (one, n), (two, m) = (label(mask, return_num=True, connectivity=2) for mask in (a, b))
        predicted, real = predicted + n, real + m
        if not (n and m):
            continue
        # Sparse, because large images hold thousands of objects of which each meets a few.
        pairs, common = np.unique(np.stack([one, two])[:, (one > 0) & (two > 0)], axis=1, return_counts=True)
        sizes = np.bincount(one.ravel())[pairs[0]] + np.bincount(two.ravel())[pairs[1]]
        close = common >= iou * (sizes - common)
        fitting = csr_array((close[close], pairs[:, close]), shape=(n + 1, m + 1))
        # Above 0.5 a match is unique anyway; the matching settles exact ties.
        matched += int((maximum_bipartite_matching(fitting) >= 0).sum())
    total = predicted + real
    return 2 * matched / total if total else 1.0
