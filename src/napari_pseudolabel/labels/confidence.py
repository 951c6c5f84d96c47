"""How sure the models are, per pixel and as a whole; how well labels of the same pixels agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import Array

# Of a plane, for a temperature; more do not change its second digit.
_MOST_PIXELS = 20_000
_WIDEST = 5.0
# Probabilities nearer to 0 than this are taken for it: float16 says no less, and the logarithm must stay finite.
_LEAST = 1e-6


def tempered(
    probabilities: NDArray[np.float32], classes: Sequence[LabelClass], temperature: float
) -> NDArray[np.float32]:
    """Probabilities that are as often right as they say: their logarithms divided by a temperature.

    Parameters
    ----------
    probabilities
        (K, ...) float32 in [0, 1], a softmax over classes that include the background, or independent probabilities
        of regions.
    classes
        In the order of the channels.
    temperature
        Above 0. Above 1 everything becomes less sure, below 1 surer; 1 changes nothing.

    Returns
    -------
    NDArray
        (K, ...) float32 in [0, 1]. What was more probable than something else still is, so labels stay what they are.

    Notes
    -----
    Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017), of the mean of an ensemble.
    """
    if temperature == 1:
        return probabilities
    power = np.float32(1 / temperature)
    raised = _raised(probabilities, power)
    softmax = any(c.value == 0 for c in classes)
    raised /= raised.sum(axis=0) if softmax else raised + _raised(1 - probabilities, power)
    return raised


def _raised(probabilities: NDArray[np.float32], power: np.float32) -> NDArray[np.float32]:
    """Raise to a power by logarithms, which numpy computes several values at a time; a power it does not."""
    found = np.clip(probabilities, np.float32(_LEAST), 1)
    np.log(found, out=found)
    found *= power
    np.exp(found, out=found)
    return found


def fitted_temperature(
    probabilities: Sequence[NDArray[np.float32]], truths: Sequence[NDArray[np.integer]]
) -> float:
    """Find the temperature at which probabilities explain the truth best; see `tempered`.

    Parameters
    ----------
    probabilities
        (K, H, W) each, a softmax.
    truths
        (H, W) each: the channel that is true, below 0 where nobody knows. Every plane counts alike, whatever its size.

    Returns
    -------
    float
        In [0.2, 5]; 1 where there is nothing to learn from.
    """
    logs, rights = [], []
    for chances, truth in zip(probabilities, truths, strict=True):
        known = truth >= 0
        step = max(1, int(known.sum()) // _MOST_PIXELS)
        kept, right = chances[:, known][:, ::step], truth[known][::step]
        if right.size:
            logs.append(np.log(np.clip(kept.astype(np.float64), _LEAST, 1)))
            rights.append(right.astype(np.intp))
    if not logs:
        return 1.0

    def loss(of_log: float) -> float:
        power = np.exp(-of_log)
        each = [
            logsumexp(values * power, axis=0) - values[right, np.arange(right.size)] * power
            for values, right in zip(logs, rights, strict=True)
        ]
        return float(np.mean([one.mean() for one in each]))

    from scipy.optimize import minimize_scalar  # labelling does without

    found = minimize_scalar(loss, bounds=(-np.log(_WIDEST), np.log(_WIDEST)), method="bounded")
    return float(np.exp(found.x))


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


def entropy(probabilities: NDArray[np.float32], classes: Sequence[LabelClass]) -> NDArray[np.float32]:
    """Doubt of every pixel in nats: (K, H, W) as in `class_confidence` -> (H, W) float32, 0 where all is sure."""
    held = np.clip(probabilities, np.float32(_LEAST), 1)
    found = -(held * np.log(held)).sum(axis=0)
    if not any(c.value == 0 for c in classes):
        other = np.clip(1 - probabilities, np.float32(_LEAST), 1)
        found = found - (other * np.log(other)).sum(axis=0)
    return np.asarray(found, np.float32)


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
