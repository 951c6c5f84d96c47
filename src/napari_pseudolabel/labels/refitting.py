"""A temperature from regions that a person confirmed: there it is known where models were right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.windows import Box

LEAST_REGIONS, LEAST_PX = 3, 5_000
"""From less nothing is fitted."""

# The usual temperature counts as much as so many regions of the image, or so many other images (docs/benchmarks.md).
_USUAL_REGIONS, _USUAL_IMAGES = 6, 12
# Fewer other images do not tell whether they are alike by accident.
_LEAST_IMAGES = 6
# Of the logarithm of the odds, before any temperature; what is surer than that is not told apart.
_EDGES = np.linspace(-10, 10, 81)
_MIDDLES = (_EDGES[:-1] + _EDGES[1:]) / 2
# Logarithms of temperatures that are tried, against the usual one: a third to three times.
_TRIED = np.linspace(-np.log(3), np.log(3), 111)
_BINS = 10


@dataclass(frozen=True)
class ConfirmedRegion:
    """How often models were right in a region, by how sure they were.

    Attributes
    ----------
    plane, box
        Where.
    models
        Which models labelled it; numbers of others say nothing about them.
    counts, right
        Pixels in each of 80 steps of the odds of their label before any temperature, and those that the person left as they were.
    image
        Path or name of the image; empty where nobody noted it.
    """

    plane: tuple[int, ...]
    box: Box
    models: str
    counts: tuple[int, ...]
    right: tuple[int, ...]
    image: str = ""

    def __post_init__(self) -> None:
        """Refuse what a damaged file may hold; `ValueError`."""
        if len(self.counts) != _EDGES.size - 1 or len(self.right) != _EDGES.size - 1:
            raise ValueError("a confirmed region has another number of steps")

    @classmethod
    def of(
        cls,
        place: tuple[tuple[int, ...], Box],
        models: str,
        sure: NDArray[np.floating],
        right: NDArray[np.bool_],
        temperature: float,
        image: str = "",
    ) -> ConfirmedRegion:
        """Count pixels.

        Parameters
        ----------
        sure
            (N,) in [0, 1]: probability of what was predicted, at a temperature.
        right
            (N,) bool: whether it was that.
        """
        held = np.clip(np.asarray(sure, np.float64), 1e-6, 1 - 1e-6)
        odds = np.clip(np.log(held / (1 - held)) * temperature, _EDGES[0], _EDGES[-1])
        counts, _ = np.histogram(odds, _EDGES)
        good, _ = np.histogram(odds[right], _EDGES)
        return cls(*place, models, tuple(counts.tolist()), tuple(good.tolist()), image)


@dataclass(frozen=True)
class ConfidenceFit:
    """The temperature of a run, and where it comes from.

    Attributes
    ----------
    temperature
        By which confidence was made from probabilities.
    usual
        That of the cards.
    regions, pixels, images
        Confirmed ones that it was fitted on, and of how many images; 0 for that of the cards.
    """

    temperature: float
    usual: float
    regions: int = 0
    pixels: int = 0
    images: int = 0


def refitted(regions: Sequence[ConfirmedRegion], usual: float, image: str = "") -> ConfidenceFit:
    """Fit the temperature at which models are as often right as they say, held to the usual one.

    Parameters
    ----------
    regions
        All by the models in question.
    usual
        Temperature of their cards.
    image
        Path or name of the image that is labelled: its own regions say more than those of others.

    Returns
    -------
    ConfidenceFit
        The usual one from fewer than three regions, or 5,000 pixels.

    Notes
    -----
    Of the probabilities only that of the label is known afterwards, so it counts against all others together, which is exact where
    two classes are likely. The temperature that fits regions is the one that makes the difference between confidence and accuracy
    smallest, bins counting by the root of their share of the pixels, regions alike: by likelihood, doubtful pixels of nuclei stay too
    sure (docs/benchmarks.md). The logarithms of it and of the usual one are averaged: few regions are like each other by accident.
    Regions of an image count by their number, and those of others, before, by the number of images: these differ far more from each
    other than the places of one. They count from six images on, and less the less these agree on a temperature.
    """
    others = [one for one in regions if one.image not in ("", image)]
    own = [one for one in regions if one.image in ("", image)]
    found, used = math.log(usual), list[ConfirmedRegion]()
    shares = (_share_of_others(others, usual), len(own) / (len(own) + _USUAL_REGIONS))
    for some, share in zip((others, own), shares, strict=True):
        if share and len(some) >= LEAST_REGIONS and sum(sum(one.counts) for one in some) >= LEAST_PX:
            found += (math.log(_fitting(some, usual)) - found) * share
            used += some
    pixels = sum(sum(one.counts) for one in used)
    return ConfidenceFit(round(math.exp(found), 3), usual, len(used), pixels, _images(used))


def _share_of_others(others: Sequence[ConfirmedRegion], usual: float) -> float:
    """Return how far other images move the temperature towards what fits them: not at all where each wants another one."""
    images = list(dict.fromkeys(one.image for one in others))
    if len(images) < _LEAST_IMAGES:
        return 0.0
    wanted = [
        math.log(_fitting([one for one in others if one.image == image], usual) / usual) for image in images
    ]
    by_chance = float(np.var(wanted, ddof=1)) / len(images)
    common = float(np.mean(wanted)) ** 2
    agreed = max(0.0, 1 - by_chance / common) if common else 0.0
    return agreed * len(images) / (len(images) + _USUAL_IMAGES)


def _images(regions: Sequence[ConfirmedRegion]) -> int:
    return len({one.image for one in regions})


def _fitting(regions: Sequence[ConfirmedRegion], usual: float) -> float:
    """Return the temperature that fits regions best, within a third and three times the usual one."""
    counts, right = (np.array([getattr(one, name) for one in regions], float) for name in ("counts", "right"))
    share = 1 / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    here, good = (counts * share).sum(axis=0), (right * share).sum(axis=0)
    tried = usual * np.exp(_TRIED)
    return float(tried[np.argmin(_smooth(np.array([_apart(here, good, one) for one in tried])))])


def _apart(counts: NDArray[np.float64], right: NDArray[np.float64], temperature: float) -> float:
    """Return the difference between confidence and accuracy at a temperature, over bins of confidence."""
    sure = 1 / (1 + np.exp(-_MIDDLES / temperature))
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    many, said, was = (np.bincount(bins, one, _BINS) for one in (counts, counts * sure, right))
    return float((abs(said - was) / np.sqrt(np.maximum(many, 1e-9))).sum())


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Even out what sharp borders of bins make uneven."""
    return np.convolve(np.pad(values, 2, "edge"), np.ones(5) / 5, "valid")
