"""Which magnifications are tried, and which one is believed.

The constants were chosen on the images that ``benchmarks/scales.py`` names so; it measures them on all others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set

from napari_pseudolabel.imaging.scale.comparison import LARGEST, SMALLEST, TextureEstimates
from napari_pseudolabel.strategies.found_scale import FoundScale, TriedScale

# Octaves between two magnifications.
_STEP = 0.5
# Octaves around the estimates of the texture, and around the image as it is where it says nothing.
_REACH, _BLIND_REACH = 0.75, 2.0
# What an octave away from the texture costs, squared, in agreement: agreement is flat near its best, texture is not.
_PULL = 0.01
# What an octave between the objects that are found and those that the model learned from costs, squared; where that is known.
_SIZE_PULL = 0.1
# So many octaves may lie between them at the magnification that is believed.
_WIDER = 0.75
# So much less may looks agree anywhere than about the image as it is: else what has the right width there are no objects.
_LESS = 0.03
# A peak that is so much lower than the best counts as well, and of those the smallest magnification: too large hurts far more.
_NEAR_TIE = 0.015
# Without a texture, agreement must differ by so much over what was tried for the best to mean something.
_LEAST_SPREAD = 0.05
_LEAST_AGREEMENT = 0.85
# Nothing, and everything, is no foreground.
_LEAST_SHARE, _MOST_SHARE = 0.003, 0.98
# Narrower objects, in pixels of the image, are hardly told from its noise, which looks like objects where it is magnified enough.
_LEAST_PX = 5.0
# So many steps the first sweep has at most; where the texture leaves more open, they are twice as wide.
_MOST_STEPS = 9
# So many octaves may lie between what was chosen and the texture, and between the two estimates of the texture.
_APART = 1.0


def next_factors(
    tried: Sequence[TriedScale], estimates: TextureEstimates, smallest: float = SMALLEST
) -> tuple[float, ...]:
    """Return what has to be tried before a choice can be made; empty if that is enough.

    First a sweep around the estimates. It goes on beside the best as long as that can still lead to a choice.

    Parameters
    ----------
    smallest
        Magnification below which the places that are looked at show too little.
    """
    if not tried:
        return tuple(2.0**octave for octave in _sweep(estimates, smallest))
    usable = _believable([one for one in tried if _has_foreground(one)])
    if not usable:
        # Texture may be wrong by octaves, and there may be nothing to find so far away.
        return (1.0,) if smallest <= 1 and all(one.factor != 1 for one in tried) else ()
    leading = max(usable, key=lambda one: _score(one, estimates))
    best, sized = leading.factor, leading.wider is not None
    known = {one.factor for one in tried}
    if sized and 1.0 not in known and smallest <= 1:
        return (1.0,)  # texture may speak for what lies far away; of objects one sees which way they are
    beside = (_moved(best, -_STEP), _moved(best, _STEP))
    return tuple(
        one
        for one in beside
        if one not in known
        and max(smallest, SMALLEST) <= one <= LARGEST
        and _may_lead(one, known, estimates, sized=sized)
    )


def _may_lead(factor: float, known: Set[float], estimates: TextureEstimates, *, sized: bool) -> bool:
    """Whether a look can change what is believed: beyond the sweep only what the texture would not contradict, or objects tell."""
    if sized or estimates.middle is None or min(known) < factor < max(known):
        return True
    return _alike(estimates) and abs(math.log2(factor / estimates.middle)) <= _APART + _STEP


def _alike(estimates: TextureEstimates) -> bool:
    return len(estimates.all) == 2 and estimates.octaves_apart <= _APART


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
    resolved = [one for one in usable if object_size_px is None or object_size_px / one.factor >= _LEAST_PX]
    usable = _believable(resolved or usable)
    agreements = [one.agreement for one in usable]
    spread = max(agreements) - min(agreements) if agreements else 0.0
    factor, agreement = _peak(usable, estimates) if usable else (estimates.middle or 1.0, None)
    why = _doubt(tried, usable, spread, factor, estimates)
    if not why and object_size_px is not None and (width := object_size_px / factor) < _LEAST_PX:
        why = (
            f"objects of the model would be {width:.2g} pixels wide in the image, hardly more than its noise"
        )
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
    wider = min(usable, key=lambda one: abs(math.log2(one.factor / factor))).wider if usable else None
    if tried and not usable:
        return "the models find nothing in the image, or nothing but objects, at any scale"
    if usable and max(one.agreement for one in usable) < _LEAST_AGREEMENT:
        return "the models contradict themselves at every scale"
    if wider is not None:
        # What was found in the image itself knows better than what its texture is like.
        times = f"{2**wider:.2g} times as wide as those that the model learned from"
        return "" if abs(wider) <= _WIDER else f"the objects found at {factor:.2g} times are {times}"
    if texture is not None and _alike(estimates):
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
    if factor in (tried[0].factor, tried[-1].factor):
        return f"the models agree best at {factor:.2g} times, and what lies beyond was not looked at"
    return ""


def _peak(usable: Sequence[TriedScale], estimates: TextureEstimates) -> tuple[float, float]:
    """Return the smallest of the best peaks of the score, between the factors by a parabola, and the agreement there.

    Where objects are measured, the image as it is, if that is as good: it is the only one that nothing was interpolated in.
    """
    scores = [_score(one, estimates) for one in usable]
    for one, score in zip(usable, scores, strict=True):
        if one.factor == 1 and one.wider is not None and score >= max(scores) - _NEAR_TIE:
            return 1.0, one.agreement
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
    # Where steps are wider around it, the parabola is no place to read a factor from.
    even = math.isclose(usable[at + 1].factor / one.factor, one.factor / usable[at - 1].factor)
    step = math.log2(usable[at + 1].factor / one.factor) if even else 0.0
    return one.factor * 2 ** (shift * step), one.agreement


def _score(one: TriedScale, estimates: TextureEstimates) -> float:
    if one.wider is not None:
        return one.agreement - _SIZE_PULL * one.wider**2
    texture = estimates.middle
    away = 0.0 if texture is None else math.log2(one.factor / texture)
    return one.agreement - _PULL * away**2


def _sweep(estimates: TextureEstimates, smallest: float) -> list[float]:
    """Octaves of the first sweep, on a grid that is the same for all images."""
    around = [math.log2(one) for one in estimates.all] or [0.0]
    reach = _REACH if estimates.all else _BLIND_REACH
    least = math.ceil(math.log2(max(smallest, SMALLEST)) / _STEP)
    low = max(math.floor((min(around) - reach) / _STEP), least)
    high = min(math.ceil((max(around) + reach) / _STEP), math.floor(math.log2(LARGEST) / _STEP))
    wide = 2 if high - low >= _MOST_STEPS else 1
    return [number * _STEP for number in range(low, max(high, low) + 1, wide)]


def _believable(usable: Sequence[TriedScale]) -> list[TriedScale]:
    """Without magnifications that the width of objects alone speaks for, against the looks."""
    plain = next((one.agreement for one in usable if one.factor == 1 and one.wider is not None), 0.0)
    return [one for one in usable if one.agreement >= plain - _LESS]


def _has_foreground(one: TriedScale) -> bool:
    return _LEAST_SHARE <= one.foreground <= _MOST_SHARE
