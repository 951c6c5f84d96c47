"""How sure the shipped segmenters may be, fitted on labelled images as they label them: translated ones, and some of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.confidence import class_confidence, tempered
from napari_pseudolabel.models.loaded import LoadedModels
from recipes.ways import BESIDE, TRANSLATED, VALIDATED, Way, looked

# A card has one temperature for all translators, so it is fitted to all of them together.
CARRIED = {
    segmenter: tuple(way for way in TRANSLATED if way.segmenter == segmenter)
    for segmenter in dict.fromkeys(way.segmenter for way in TRANSLATED)
}
OWN = {"sample:fluorescence-nuclei": VALIDATED}
"""Where there are enough labelled images that no training has seen, the other temperature is fitted to them as they are."""

OTHER_STAIN = {way.segmenter: (way,) for way in BESIDE}
"""A proxy is half as sure, in logarithms, as validation images and half as another stain tells: no label of its own is used."""

# So many pixels of an image, from all over it.
_MOST_PX = 40_000
_TRIED = np.exp(np.arange(-0.4, 1.0, 0.02))
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
        (T, 3, 10), see `binned`; of an image they count by the root of its pixels.
    """

    group: str
    sums: NDArray[np.float64]


def binned(sure: NDArray[np.floating], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(3, 10): number of pixels in each bin of confidence, sum of their confidence, number of those that are right."""
    bin_of = np.clip((sure * BINS).astype(int), 0, BINS - 1).ravel()
    return np.stack(
        [np.bincount(bin_of, one, BINS) for one in (np.ones(right.size), sure.ravel(), right.ravel())]
    )


def fitted_ways(way: Way) -> tuple[Way, ...]:
    """Return what the temperature of a way is fitted to, with labels; nothing where none of its modality is used."""
    tables = (OWN, OTHER_STAIN, CARRIED)
    return next((ways for ways in (one.get(way.segmenter, ()) for one in tables) if way in ways), ())


def left_out(way: Way, known: list[Answers], group: str, usual: float) -> float:
    """Return the temperature of the card as it would be had it not been fitted to a group."""
    found = temperature(known, without=group)
    if way in OTHER_STAIN.get(way.segmenter, ()):
        return usual * (found / temperature(known)) ** 0.5  # it counts half
    return found


@cache
def answers(ways: tuple[Way, ...], data: Path, runs: Path, models: LoadedModels) -> list[Answers]:
    """Of ways in which one segmenter labels images, without the animals and images that are held out."""
    found = []
    for way in ways:
        for one in looked(way, data, runs, models, lambda source: not source.held_out):
            step = max(1, round((one.truth.size / _MOST_PX) ** 0.5))
            values = np.array([label_class.value for label_class in one.classes])
            mean = one.members[..., ::step, ::step].mean(axis=0)
            right = values[mean.argmax(axis=0)] == one.truth[::step, ::step]
            sums = [
                binned(class_confidence(tempered(mean, one.classes, float(heat)), one.classes), right)
                for heat in _TRIED
            ]
            # Large images tell more, but no image speaks for all of its kind.
            found.append(Answers(one.group, np.stack(sums) * one.truth.size**0.5 / right.size))
    return found


def temperature(known: list[Answers], without: str = "") -> float:
    """Fit it to what is known, but for one group: that is how it would be for an animal that was never seen.

    Notes
    -----
    The one that makes the difference between confidence and accuracy smallest, images counting by the root of their pixels and bins
    by the cube root of their share of all. By likelihood, as `fitted_temperature` goes, the many pixels that everybody is sure of decide,
    and doubtful ones stay too sure; where every bin counts alike, few images decide (docs/benchmarks.md).
    """
    sums = np.sum([one.sums for one in known if one.group != without], axis=0)
    counts, sure, right = sums.swapaxes(0, 1)
    off = (abs(sure - right) / np.maximum(counts, 1e-9) ** (2 / 3)).sum(axis=1)
    # The lowest point of a smooth curve: bins have sharp borders.
    smooth = np.convolve(np.pad(off, 2, "edge"), np.ones(5) / 5, "valid")
    return float(_TRIED[smooth.argmin()])
