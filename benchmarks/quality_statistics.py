"""Means over groups and seeds, and confidence intervals over images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES, SEED = 10_000, 0


@dataclass(frozen=True)
class Record:
    """What one segmenter scores on one image.

    Attributes
    ----------
    scores
        By measure, such as "Dice axon" or "F1 nucleus".
    """

    direction: str
    method: str
    seed: int
    image: str
    group: str
    held_out: bool
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Summary:
    """One measure of one method.

    Attributes
    ----------
    value, spread
        Mean over groups, mean and standard deviation over seeds.
    held_out
        The mean over the groups that were held out; NaN if there is none.
    low, high
        95 % confidence interval of the mean over images, each averaged over seeds.
    """

    value: float
    spread: float
    held_out: float
    low: float
    high: float
    seeds: int
    images: int


@dataclass(frozen=True)
class Difference:
    """A method minus another one, image by image.

    Attributes
    ----------
    value, low, high
        Mean over images, and its 95 % confidence interval.
    """

    value: float
    low: float
    high: float
    images: int


def summary(records: Iterable[Record], measure: str) -> Summary:
    """Of the records of one method in one direction."""
    records = list(records)
    seeds = sorted({record.seed for record in records})
    means = [group_mean([r for r in records if r.seed == seed], measure) for seed in seeds]
    unseen = [group_mean([r for r in records if r.seed == seed and r.held_out], measure) for seed in seeds]
    per_image = list(by_image(records, measure).values())
    low, high = interval(per_image)
    return Summary(
        float(np.mean(means)),
        float(np.std(means)),
        float(np.mean(unseen)),
        low,
        high,
        len(seeds),
        len(per_image),
    )


def difference(records: Iterable[Record], others: Iterable[Record], measure: str) -> Difference:
    """Paired by image: one method minus another one, on the images that both have."""
    one, other = by_image(records, measure), by_image(others, measure)
    values = [one[image] - other[image] for image in one if image in other]
    low, high = interval(values)
    return Difference(float(np.mean(values)) if values else float("nan"), low, high, len(values))


def by_image(records: Iterable[Record], measure: str) -> dict[str, float]:
    """Mean over the seeds."""
    values: dict[str, list[float]] = defaultdict(list)
    for record in records:
        values[record.image].append(record.scores[measure])
    return {image: float(np.mean(found)) for image, found in values.items()}


def group_mean(records: Iterable[Record], measure: str) -> float:
    """Mean over groups of the mean over their images; NaN without images."""
    values: dict[str, list[float]] = defaultdict(list)
    for record in records:
        values[record.group].append(record.scores[measure])
    return float(np.mean([np.mean(found) for found in values.values()])) if values else float("nan")


def interval(values: Sequence[float] | NDArray[np.floating]) -> tuple[float, float]:
    """95 % confidence interval of the mean by bootstrap; NaN for fewer than two values."""
    array = np.asarray(values, np.float64)
    if len(array) < 2:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(SEED).integers(0, len(array), (RESAMPLES, len(array)))
    low, high = np.percentile(array[drawn].mean(axis=1), (2.5, 97.5))
    return float(low), float(high)
