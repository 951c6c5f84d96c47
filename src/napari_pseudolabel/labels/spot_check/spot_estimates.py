"""A share with its interval, from answers of a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit

LEVEL = 0.95
# Beyond this many answers nobody asks.
_MOST = 100_000


@dataclass(frozen=True)
class Share:
    """A share with its interval.

    Attributes
    ----------
    value, low, high
        In [0, 1].
    number
        How many objects it is the share of.
    effective
        How many independent objects would say as much.
    """

    value: float
    low: float
    high: float
    number: int
    effective: float


def wilson(share: float, number: float, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's interval of a share.

    Parameters
    ----------
    share
        In [0, 1].
    number
        Of independent answers; need not be whole, which is why the function of scipy does not do.

    Returns
    -------
    float, float
        [0, 1] for no answers at all.

    Notes
    -----
    E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209.
    """
    if number <= 0:
        return 0.0, 1.0
    square = NormalDist().inv_cdf((1 + level) / 2) ** 2 / number
    centre = (share + square / 2) / (1 + square)
    half = sqrt(square * share * (1 - share) + square**2 / 4) / (1 + square)
    return max(0.0, centre - half), min(1.0, centre + half)


def judged(right: int, number: int, level: float = LEVEL) -> Share | None:
    """Return the share of objects that are right, each drawn by itself; None without any."""
    if not number:
        return None
    return Share(right / number, *wilson(right / number, number, level), number, number)


def clustered(right: Sequence[int], every: Sequence[int], level: float = LEVEL) -> Share | None:
    """Return a share of objects that were drawn box by box; None without objects.

    Objects of one box are alike, so they say less than as many that were drawn one by one. The share is that of all together
    (a ratio of two sums), its variance that between the boxes (linearised); the interval is Wilson's for as many
    independent objects as have that variance, never more than there are, and wider still for few boxes (quantiles of Student's t).

    Parameters
    ----------
    right, every
        Of each box: how many objects there are right, and how many there are.

    Notes
    -----
    The effective number is that of E. L. Korn and B. I. Graubard, Survey Methodology 24 (1998) 193; that Wilson's interval
    with it covers best for shares near 1 is from N. Dean and M. Pagano, J. Surv. Stat. Methodol. 3 (2015) 484. One box alone tells nothing
    about how boxes differ: the interval is all of [0, 1].
    """
    parts, sizes, boxes = np.asarray(right, float), np.asarray(every, float), len(every)
    total = sizes.sum()
    if not total:
        return None
    share = float(parts.sum() / total)
    effective = 0.0
    if boxes > 1:
        between = boxes / (boxes - 1) * float(((parts - share * sizes) ** 2).sum()) / total**2
        alone = share * (1 - share) / total
        effective = total / max(1.0, between / alone if alone else 1.0)
        effective *= (NormalDist().inv_cdf((1 + level) / 2) / stdtrit(boxes - 1, (1 + level) / 2)) ** 2
    return Share(share, *wilson(share, effective, level), int(total), float(effective))


def half_width(number: int, share: float = 0.9, level: float = LEVEL) -> float:
    """Return how far the interval of a share reaches to either side after so many answers, on average of the two."""
    low, high = wilson(share, number, level)
    return (high - low) / 2


def answers_for(half: float, share: float = 0.9, level: float = LEVEL) -> int:
    """Return how many independent answers it takes for an interval that reaches `half` to either side."""
    low, high = 1, _MOST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if half_width(middle, share, level) <= half else (middle + 1, high)
    return low
