"""How sure the models are, per pixel and as a whole; how well labels of the same pixels agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import Array


def class_confidence(
    probabilities: NDArray[np.float32], classes: Sequence[LabelClass]
) -> NDArray[np.float32]:
    """Probability of what was chosen at each pixel.

    Parameters
    ----------
    probabilities
        (K, H, W) float32 in [0, 1], mean over the samples: a softmax over classes that include the
        background, or independent probabilities of regions.
    classes
        In the order of the channels.

    Returns
    -------
    NDArray
        (H, W) float32 in [0, 1]. Of independent regions the least certain decides.
    """
    if any(c.value == 0 for c in classes):
        return probabilities.max(axis=0)
    return np.maximum(probabilities, 1 - probabilities).min(axis=0)


def background(probabilities: NDArray[np.float32], classes: Sequence[LabelClass]) -> NDArray[np.float32]:
    """Probability that there is nothing: (K, H, W) as in `class_confidence` -> (H, W) float32 in [0, 1]."""
    for channel, label_class in enumerate(classes):
        if label_class.value == 0:
            return probabilities[channel]
    return 1 - probabilities.max(axis=0)


def agreement(labels: Sequence[Array]) -> float | None:
    """Mean pairwise Dice of labels of the same pixels, over all classes but the background.

    Parameters
    ----------
    labels
        Of one shape, one per sample.

    Returns
    -------
    float or None
        In [0, 1]; None with fewer than two samples. A class that both lack counts as nothing.

    Notes
    -----
    The simple label-free quality score that holds up best in comparisons (see docs).
    """
    if len(labels) < 2:
        return None
    values = [v for v in np.unique(np.stack(labels)) if v]
    scores = [
        2 * ((a == v) & (b == v)).sum() / total
        for a, b in combinations(labels, 2)
        for v in values
        if (total := (a == v).sum() + (b == v).sum())
    ]
    return float(np.mean(scores)) if scores else 1.0


def mean_dice(one: Array, other: Array) -> float:
    """Return the Dice of labels of the same pixels, mean over the classes that either has; 1 where that is none."""
    found = agreement((one, other))
    assert found is not None
    return found
