"""Which magnifications are tried, and which one is believed.

The constants were chosen on the images that ``benchmarks/scales.py`` names so; it measures them on all others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from napari_pseudolabel.imaging.scale.comparison import LARGEST, SMALLEST, TextureEstimates
from napari_pseudolabel.strategies.found_scale import FoundScale, TriedScale

# Octaves between two magnifications.
_STEP = 0.5
# Octaves around the estimates of the texture, and around the image as it is where it says nothing.
_REACH, _BLIND_REACH = 0.75, 2.0
# What an octave away from the texture costs, squared, in agreement: agreement is flat near its best, texture is not.
_PULL = 0.01
# A peak that is so much lower than the best counts as well, and of those the smallest magnification: too large hurts far more.
_NEAR_TIE = 0.015
# Without a texture, agreement must differ by so much over what was tried for the best to mean something.
_LEAST_SPREAD = 0.05
_LEAST_AGREEMENT = 0.85
# Nothing, and everything, is no foreground.
_LEAST_SHARE, _MOST_SHARE = 0.003, 0.98
# So many octaves may lie between what was chosen and the texture, and between the two estimates of the texture.
_APART = 1.0


def next_factors(tried: Sequence[TriedScale], estimates: TextureEstimates) -> tuple[float, ...]:
    """Return what has to be tried before a choice can be made; empty if that is enough.

    First a sweep around the estimates. It goes on where the best lies at its edge.
    """
    if not tried:
        return tuple(2.0**octave for octave in _sweep(estimates))
    usable = [one for one in tried if _has_foreground(one)]
    if not usable:
        return ()
    best = max(usable, key=lambda one: _score(one, estimates)).factor
    low, high = min(one.factor for one in tried), max(one.factor for one in tried)
    if best == low and low > SMALLEST:
        return (_moved(low, -_STEP),)
    if best == high and high < LARGEST:
        return (_moved(high, _STEP),)
    return ()


def _moved(factor: float, octaves: float) -> float:
    """Return a neighbour on the grid of magnifications, exactly."""
    return float(2.0 ** (round(math.log2(factor) / _STEP) * _STEP + octaves))


def choose(
    tried: Sequence[TriedScale], estimates: TextureEstimates, object_size_px: float | None = None
) -> FoundScale:
    """Return what is believed after everything was tried.

    Parameters
    ----------
    object_size_px
        Width of a typical object on the model's grid; None if unknown.
    """
    tried = sorted(tried, key=lambda one: one.factor)
    usable = [one for one in tried if _has_foreground(one)]
    agreements = [one.agreement for one in usable]
    spread = max(agreements) - min(agreements) if agreements else 0.0
    factor, agreement = _peak(usable, estimates) if usable else (estimates.middle or 1.0, None)
    why = _doubt(tried, usable, spread, factor, estimates)
    return FoundScale(
        factor,
        not why,
        why,
        agreement,
        spread,
        estimates.by_correlation,
        estimates.by_spectrum,
        None if object_size_px is None else object_size_px / factor,
        tuple(tried),
    )


def _doubt(
    tried: Sequence[TriedScale],
    usable: Sequence[TriedScale],
    spread: float,
    factor: float,
    estimates: TextureEstimates,
) -> str:
    """Say in a clause why a choice is not safe; empty where it is."""
    texture = estimates.middle
    alike = len(estimates.all) == 2 and estimates.octaves_apart <= _APART
    if tried and not usable:
        return "the models find nothing in the image, or nothing but objects, at any scale"
    if usable and max(one.agreement for one in usable) < _LEAST_AGREEMENT:
        return "the models contradict themselves at every scale"
    if texture is not None and alike:
        apart = abs(math.log2(factor / texture))
        if apart <= _APART:
            return ""
        return f"the models agree best at {factor:.2g} times, but the texture of the image speaks for {texture:.2g}"
    if not tried:
        return "nothing is known of the images that the model learned from"
    if spread < _LEAST_SPREAD:
        return "the models agree with themselves alike at all scales"
    if texture is not None:
        return "the texture of the image says two things"
    return ""


def _peak(usable: Sequence[TriedScale], estimates: TextureEstimates) -> tuple[float, float]:
    """Return the smallest of the best peaks of the score, between the factors by a parabola, and the agreement there."""
    scores = [_score(one, estimates) for one in usable]
    last = len(usable) - 1
    peaks = [
        at
        for at, score in enumerate(scores)
        if score >= scores[max(at - 1, 0)]
        and score >= scores[min(at + 1, last)]
        and score >= max(scores) - _NEAR_TIE
    ]
    at = peaks[0]
    one = usable[at]
    if not 0 < at < last:
        return one.factor, one.agreement
    before, here, after = scores[at - 1 : at + 2]
    bend = before - 2 * here + after
    shift = 0.0 if bend >= 0 else 0.5 * (before - after) / bend
    return one.factor * 2 ** (shift * _STEP), one.agreement


def _score(one: TriedScale, estimates: TextureEstimates) -> float:
    texture = estimates.middle
    away = 0.0 if texture is None else math.log2(one.factor / texture)
    return one.agreement - _PULL * away**2


def _sweep(estimates: TextureEstimates) -> list[float]:
    """Octaves of the first sweep, on a grid that is the same for all images."""
    around = [math.log2(one) for one in estimates.all] or [0.0]
    reach = _REACH if estimates.all else _BLIND_REACH
    low = max(math.floor((min(around) - reach) / _STEP), math.ceil(math.log2(SMALLEST) / _STEP))
    high = min(math.ceil((max(around) + reach) / _STEP), math.floor(math.log2(LARGEST) / _STEP))
    return [number * _STEP for number in range(low, high + 1)]


def _has_foreground(one: TriedScale) -> bool:
    return _LEAST_SHARE <= one.foreground <= _MOST_SHARE
