"""Whether a fixed range of intensities was meant for the values of a layer: clipping everything to white is silent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from napari_pseudolabel.imaging.normalisation import IntensityRange

# A range that cuts off a larger part of the values, or of which they use a smaller one, was hardly meant for them.
_CUT_OFF = 0.01
_USED = 0.05


def holds(limits: IntensityRange, dtype: npt.DTypeLike) -> bool:
    """Whether a range is that of all values of a dtype, so that nobody has to look at them."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return (limits.low, limits.high) == (0, 1)
    if kind.kind not in "ui":
        return False
    least, most = np.iinfo(kind).min, np.iinfo(kind).max
    return limits.low <= least and most <= limits.high and most - least >= _USED * (limits.high - limits.low)


def unfitting(
    name: str, values: NDArray[np.float32], limits: IntensityRange, *, usual: bool
) -> tuple[str, ...]:
    """Say what becomes of values that a fixed range was not meant for.

    Parameters
    ----------
    name
        Of the layer.
    values
        Its finite values, 1D.
    limits
        What becomes 0 and 1.
    usual
        The limits were found by `usual_range`.

    Returns
    -------
    tuple
        One sentence for the person, or none.
    """
    if not values.size or not limits.clip:
        return ()
    if usual and (limits.low, limits.high) not in ((0, 1), (0, 255)):
        return (
            f"The model was trained on images with values from 0 to 255, or 0 to 1, but those of {name} reach from "
            f"{values.min():g} to {values.max():g}: {limits.low:.4g} became black and {limits.high:.4g} white, their percentiles "
            "0.5 and 99.5. Write another normalisation into the card of the model if that is wrong.",
        )
    takes = f"the range from {limits.low:g} to {limits.high:g} that the model takes"
    outside = float(((values < limits.low) | (values > limits.high)).mean())
    if outside > _CUT_OFF:
        return (
            f"{outside:.0%} of the values of {name} are outside of {takes}, and were cut off there. If that is not meant, "
            "correct the normalisation in the card of the model, or convert the image.",
        )
    low, high = (float(one) for one in np.percentile(values, [0.5, 99.5]))
    if low < high and high - low < _USED * (limits.high - limits.low):
        return (
            f"The values of {name} reach only from {low:g} to {high:g}, a small part of {takes}. If that is not meant, "
            "correct the normalisation in the card of the model, or convert the image.",
        )
    return ()
