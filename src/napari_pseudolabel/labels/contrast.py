"""Which class is brighter than which: it tells whether labelled images can be of one modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Contrast = Mapping[tuple[int, int], float]
"""Probability that a pixel of the first class is brighter than one of the second, by pairs of values."""

_MOST_PIXELS = 4000  # of a class; more do not change the second digit
_CLEAR = 0.2  # distance from 1/2; on labelled images of one modality it keeps its sign (tests)


def contrast(images: Sequence[NDArray[np.float32]], labels: Sequence[NDArray[np.uint8]]) -> Contrast:
    """Measure, as the median over planes that hold both classes of a pair.

    Parameters
    ----------
    images
        Planes (H, W).
    labels
        Class values, same shapes; 0 is a class like the others.
    """
    from scipy.stats import mannwhitneyu  # the shell's help and the docks do without

    found: dict[tuple[int, int], list[float]] = {}
    for image, values in zip(images, labels, strict=True):
        pixels = {int(value): _thinned(image[values == value]) for value in np.unique(values)}
        for a, b in combinations(sorted(pixels), 2):
            u = mannwhitneyu(pixels[a], pixels[b]).statistic
            found.setdefault((a, b), []).append(float(u) / (pixels[a].size * pixels[b].size))
    return {pair: float(np.median(shares)) for pair, shares in found.items()}


def turned_around(one: Contrast, other: Contrast) -> tuple[tuple[int, int], ...] | None:
    """Pairs of classes that are clearly the other way around in the other images, if these are more than the rest.

    Returns
    -------
    tuple of pairs, or None
        The brighter class of `one` comes first. Empty if the images agree, None if no pair is clear in both.
    """
    clear = [
        pair
        for pair in one.keys() & other.keys()
        if min(abs(one[pair] - 0.5), abs(other[pair] - 0.5)) >= _CLEAR
    ]
    if not clear:
        return None
    turned = [pair for pair in clear if (one[pair] > 0.5) != (other[pair] > 0.5)]
    if 2 * len(turned) <= len(clear):
        return ()
    turned.sort(key=lambda pair: -abs(one[pair] - other[pair]))
    return tuple(pair if one[pair] > 0.5 else (pair[1], pair[0]) for pair in turned)


def _thinned(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values[:: -(-values.size // _MOST_PIXELS)]
