"""Whether two images of one shape are of the same place, as far as their files tell."""

from __future__ import annotations

import math

import numpy as np

from napari_pseudolabel.imaging.image import Image
from napari_pseudolabel.imaging.units import micrometres


def lie_elsewhere(one: Image, other: Image, names: tuple[str, str]) -> tuple[str, ...]:
    """Say where two images whose pixels belong together are probably not of the same place.

    Parameters
    ----------
    names
        What to call them, without an article.

    Returns
    -------
    tuple of str
        A sentence; nothing where their files do not contradict each other, or do not say.
    """
    widths = [micrometres((image.placement.units or ("",))[-1]) for image in (one, other)]
    if widths[0] is None or widths[1] is None:
        return ()
    first, second = (
        image.placement.spacing[-1] * width
        for image, width in zip((one, other), widths, strict=True)
        if width
    )
    if not math.isclose(first, second, rel_tol=0.02):
        return (
            f"The pixels of the {names[0]} are {first:.4g} um wide and those of the {names[1]} {second:.4g} um; they were taken for the "
            "same, pixel by pixel.",
        )
    places = [np.array(image.placement.position[-2:]) for image in (one, other)]
    away = np.abs(places[0] * widths[0] - places[1] * widths[1]) / first
    turned = one.placement.is_turned, other.placement.is_turned
    # Most files do not know where they lie, and say 0.
    if turned[0] == turned[1] and (away.max() <= 1 or not all(place.any() for place in places)):
        return ()
    return (
        f"By what their files say, the {names[0]} and the {names[1]} do not lie in the same place; they were taken for the same, pixel by "
        "pixel.",
    )
