"""How sure the shipped segmenters may be of what the shipped translators make, fitted on labelled images of the other modality."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.confidence import class_confidence, tempered
from napari_pseudolabel.models.loaded import LoadedModels
from recipes.ways import WAYS, looked

MOST = 12
"""Images of a way."""

# The card has one temperature for all translators, so it is fitted to all of them together.
CARRIED = {
    "sample:tem-axons": ("SEM adaptation", "SEM grey levels"),
    "sample:sem-axons": ("TEM adaptation", "TEM grey levels"),
    "sample:fluorescence-nuclei": ("purple adaptation", "purple fast version", "purple grey levels"),
    "sample:purple-proxy": ("fluorescence adaptation", "fluorescence grey levels"),
}
# So many pixels of an image, from all over it.
_MOST_PX = 10_000
_TRIED = np.exp(np.arange(-0.3, 1.0, 0.02))
BINS, LEAST_SHARE = 10, 0.01
"""Of confidence; bins with a smaller share of the pixels say nothing."""


@dataclass(frozen=True, eq=False)
class Answers:
    """How often a segmenter is right on an image by how sure it is, at every temperature that is tried.

    Attributes
    ----------
    group
        Animal, or the image itself.
    sums
        (T, 3, 10), see `binned`.
    """

    group: str
    sums: NDArray[np.float64]


def binned(sure: NDArray[np.floating], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(3, 10): number of pixels in each bin of confidence, sum of their confidence, number of those that are right."""
    bin_of = np.clip((sure * BINS).astype(int), 0, BINS - 1).ravel()
    return np.stack(
        [np.bincount(bin_of, one, BINS) for one in (np.ones(right.size), sure.ravel(), right.ravel())]
    )


def answers(segmenter: str, data: Path, runs: Path, models: LoadedModels) -> list[Answers]:
    """Of all ways in which a segmenter labels translated images, without the animals and images that are held out."""
    found = []
    for name in CARRIED[segmenter]:
        way = next(one for one in WAYS if one.name == name)
        for one in islice(looked(way, data, runs, models, lambda source: not source.held_out), MOST):
            step = max(1, round((one.truth.size / _MOST_PX) ** 0.5))
            values = np.array([label_class.value for label_class in one.classes])
            mean = one.members[..., ::step, ::step].mean(axis=0)
            right = values[mean.argmax(axis=0)] == one.truth[::step, ::step]
            sums = [
                binned(class_confidence(tempered(mean, one.classes, float(heat)), one.classes), right)
                for heat in _TRIED
            ]
            found.append(Answers(one.group, np.stack(sums) / right.size))
    return found


def temperature(known: list[Answers], without: str = "") -> float:
    """Fit it to what is known, but for one group: that is how it would be for an animal that was never seen.

    Notes
    -----
    The one that makes the difference between confidence and accuracy smallest, bins counting by the root of their share of the
    pixels. By likelihood, as `fitted_temperature` goes, the many pixels that everybody is sure of decide, and doubtful ones stay too
    sure; where every bin counts alike, few images decide.
    """
    sums = np.sum([one.sums for one in known if one.group != without], axis=0)
    counts, sure, right = sums.swapaxes(0, 1)
    off = (abs(sure - right) / np.sqrt(np.maximum(counts, 1e-9))).sum(axis=1)
    # The lowest point of a smooth curve: bins have sharp borders.
    smooth = np.convolve(np.pad(off, 1, "edge"), (0.25, 0.5, 0.25), "valid")
    return float(_TRIED[smooth.argmin()])
