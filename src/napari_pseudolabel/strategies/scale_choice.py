"""Which magnifications are tried, and which one is believed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from napari_pseudolabel.imaging.scale.comparison import LARGEST, SMALLEST, TextureEstimates
from napari_pseudolabel.strategies.found_scale import FoundScale, TriedScale

# Octaves between two magnifications, at first and near the best.
_STEP, _FINE_STEP = 0.5, 0.25
# Around the estimates of the texture, and without any.
_REACH, _BLIND_REACH = 1.0, 2.0
# Agreement must differ by so much over what was tried for the best to mean something.
_LEAST_SPREAD = 0.04
_LEAST_AGREEMENT = 0.6
# Within so much of the best, the smaller magnification is taken: too large hurts far more.
_NEAR_TIE = 0.01
# Nothing, and everything, is no foreground.
_LEAST_SHARE, _MOST_SHARE = 0.005, 0.98
# The looks and the texture may differ by so many octaves.
_APART = 1.0


def next_factors(tried: Sequence[TriedScale], estimates: TextureEstimates) -> tuple[float, ...]:
    """Return what has to be tried before a choice can be made; empty if that is enough.

    First a sweep around the estimates. It goes on where the best lies at its edge, and is refined around the best.
    """
    if not tried:
        return tuple(2**octave for octave in _sweep(estimates))
    octaves = {round(math.log2(one.factor), 6): one for one in tried}
    usable = {octave: one for octave, one in octaves.items() if _has_foreground(one)}
    if not usable:
        return ()
    best = max(usable, key=lambda octave: usable[octave].agreement)
    low, high = min(octaves), max(octaves)
    if best == low and 2 ** (low - _STEP) >= SMALLEST:
        return (2 ** (low - _STEP),)
    if best == high and 2 ** (high + _STEP) <= LARGEST:
        return (2 ** (high + _STEP),)
    beside = (round(best - _FINE_STEP, 6), round(best + _FINE_STEP, 6))
    return tuple(2**octave for octave in beside if octave not in octaves and low < octave < high)


def choose(
    tried: Sequence[TriedScale], estimates: TextureEstimates, object_size_px: float | None = None
) -> FoundScale:
    """Return what is believed after everything was tried.

    Parameters
    ----------
    object_size_px
        Width of a typical object on the model's grid.
    """
    by_hand = (estimates.by_correlation, estimates.by_spectrum)

    def found(factor: float, sure: bool, why: str = "", one: TriedScale | None = None) -> FoundScale:
        return FoundScale(
            factor,
            sure,
            why,
            None if one is None else one.agreement,
            spread,
            *by_hand,
            None if object_size_px is None else object_size_px / factor,
            tuple(sorted(tried, key=lambda other: other.factor)),
        )

    usable = sorted((one for one in tried if _has_foreground(one)), key=lambda one: one.factor)
    spread = max((one.agreement for one in usable), default=0.0) - min(
        (one.agreement for one in usable), default=0.0
    )
    texture = estimates.middle
    if not usable or spread < _LEAST_SPREAD:
        why = "the models find nothing in it at any scale" if tried and not usable else ""
        why = why or "the looks of the models agree alike at all scales" if tried else "no model looked at it"
        if texture is not None and len(estimates.all) == 2 and estimates.octaves_apart <= _STEP:
            return found(texture, sure=not tried or bool(usable))
        return found(texture or 1.0, sure=False, why=why)
    most = max(one.agreement for one in usable)
    best = next(one for one in usable if one.agreement >= most - _NEAR_TIE)
    if most < _LEAST_AGREEMENT:
        return found(best.factor, False, "the looks of the models agree nowhere", best)
    if texture is not None and abs(math.log2(best.factor / texture)) > _APART:
        return found(best.factor, False, "the texture of the image speaks for another scale", best)
    return found(best.factor, True, "", best)


def _sweep(estimates: TextureEstimates) -> list[float]:
    """Octaves of the first sweep, on a grid that is the same for all images."""
    around = [math.log2(one) for one in estimates.all] or [0.0]
    reach = _REACH if estimates.all else _BLIND_REACH
    low = max(math.floor((min(around) - reach) / _STEP), math.ceil(math.log2(SMALLEST) / _STEP))
    high = min(math.ceil((max(around) + reach) / _STEP), math.floor(math.log2(LARGEST) / _STEP))
    return [number * _STEP for number in range(low, high + 1)]


def _has_foreground(one: TriedScale) -> bool:
    return _LEAST_SHARE <= one.foreground <= _MOST_SHARE
