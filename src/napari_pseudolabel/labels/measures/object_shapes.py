"""Size and shape of numbered objects, with pixels of any proportions."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Spacing = tuple[float, float]
"""Height and width of a pixel."""

# Directions of the lines, as steps of rows and columns from one pixel to the next on a line.
_STEPS = ((0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
_BETWEEN_CHECKS = 50
_OF_SKIMAGE = MappingProxyType(
    {
        "area": "area",
        "equivalent_diameter_area": "equivalent_diameter",
        "axis_major_length": "major_axis",
        "axis_minor_length": "minor_axis",
        "eccentricity": "eccentricity",
        "orientation": "orientation",
        "solidity": "solidity",
        "centroid-0": "y0",
        "centroid-1": "x0",
        "bbox-0": "bbox_min_y",
        "bbox-1": "bbox_min_x",
        "bbox-2": "bbox_max_y",
        "bbox-3": "bbox_max_x",
    }
)


def shapes(
    numbers: NDArray[np.integer],
    count: int,
    spacing: Spacing,
    check: Callable[[], object] = lambda: None,
) -> dict[str, NDArray[Any]]:
    """Measure the objects of a plane.

    Parameters
    ----------
    numbers
        (H, W): 1 to `count`, all of which occur; 0 is none.
    spacing
        Height and width of a pixel, in the unit that lengths shall have.
    check
        Called after every few objects; what it raises stops the work.

    Returns
    -------
    dict
        Arrays (count,) by name of the column (`measure_columns`); centroids and boxes in pixels.
    """
    from skimage.measure import regionprops  # the shell and the docks start without

    wanted = [(name, *other.split("-")) for other, name in _OF_SKIMAGE.items()]
    found: dict[str, list[float]] = {name: [] for name, *_ in wanted}
    for number, region in enumerate(regionprops(numbers, spacing=spacing)):
        if number % _BETWEEN_CHECKS == 0:
            check()
        for name, asked, *place in wanted:
            value = getattr(region, asked)
            found[name].append(value[int(place[0])] if place else value)
    named = {name: np.asarray(values) for name, values in found.items()}
    for name, size in zip(("y0", "x0"), spacing, strict=True):
        named[name] = named[name] / size
    named["perimeter"] = perimeters(numbers, count, spacing)
    return named


def perimeters(numbers: NDArray[np.integer], count: int, spacing: Spacing) -> NDArray[np.float64]:
    """Length of the border of every object, holes included, by the formula of Cauchy and Crofton.

    A border is as long as the measure of the lines that cross it (Legland, Kiêu and Devaux 2007, Image Anal. Stereol. 26:83); here
    lines run in eight directions through the pixels. On discs of 15 pixels radius or more it is right within .5 %, on
    rectangles in all directions within 5 %. The border of 4-neighbours that scikit-image has as `perimeter` is 4 % too long on large
    discs and 4 % too short at a radius of 5 (docs/measures.md).

    Parameters
    ----------
    numbers
        (H, W): 1 to `count`, 0 is none; the edge of the plane is a border.
    spacing
        Height and width of a pixel.
    """
    height, width = spacing
    framed = np.pad(numbers, 2)
    angles = np.array([np.arctan2(down * height, right * width) % np.pi for down, right in _STEPS])
    order = np.argsort(angles)
    around = np.concatenate([[angles[order[-1]] - np.pi], angles[order], [angles[order[0]] + np.pi]])
    shares = np.empty(len(_STEPS))
    shares[order] = (around[2:] - around[:-2]) / 2
    lengths = np.zeros(count + 1)
    for (down, right), share in zip(_STEPS, shares, strict=True):
        rows, columns = framed.shape
        one = framed[: rows - down, max(-right, 0) : columns - max(right, 0)]
        other = framed[down:, max(right, 0) : columns - max(-right, 0)]
        crossed = one != other
        crossings = sum(np.bincount(side[crossed], minlength=count + 1) for side in (one, other))
        apart = height * width / np.hypot(down * height, right * width)
        lengths += share * apart / 2 * crossings
    return lengths[1:]
