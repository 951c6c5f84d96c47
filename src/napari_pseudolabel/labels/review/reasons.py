"""Why a region should be looked at, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_pseudolabel.labels.objects import HalfFibre, scheme_for
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.object_mask import Place
from napari_pseudolabel.labels.review.region_grid import RegionGrid
from napari_pseudolabel.labels.review.uncertainty import Uncertainty
from napari_pseudolabel.models.cards import LabelClass

# A dispute that is no thicker than SQUARE is about where a border runs; a thicker one about what is there.
_LEAST_CORE_PX = 12
# Less than this part of a typical object is called small.
_SMALL = 1 / 3
# Borders without a dispute are worth a word where this long a stretch of them is at least so doubtful.
_UNSURE = 0.4
_LEAST_STRETCH_PX = 12
NO_DOUBT = "nothing in doubt"


def reasons(
    uncertainty: Uncertainty,
    regions: RegionGrid,
    classes: Sequence[LabelClass],
    diameter: float | None,
    halves: Sequence[HalfFibre] = (),
) -> tuple[str, ...]:
    """Return a reason for each region, in the order of its boxes.

    Parameters
    ----------
    classes
        For their names.
    diameter
        Of typical objects in pixels, None if it is not known.
    halves
        Axons without myelin, and myelin without an axon.

    Returns
    -------
    tuple of str
        Such as "axon without myelin at (120, 48); looks disagree: 3 × small axon, 1 × myelin; low confidence at 2
        borders".
    """
    names = {label_class.value: label_class.name for label_class in classes}
    limit = _SMALL * np.pi / 4 * (diameter or 0) ** 2
    found: list[Counter[str]] = [Counter() for _ in regions.boxes]
    places, values, areas = _disputes(uncertainty, regions)
    for place, value, area in zip(places.tolist(), values.tolist(), areas.tolist(), strict=True):
        name = names.get(value, f"class {value}")
        found[place][f"small {name}" if area < limit else name] += 1
    verb = "looks disagree" if uncertainty.members else "low confidence"
    stretches = _stretches(uncertainty, regions)
    incomplete = _incomplete(halves, regions, classes)
    return tuple(
        _sentence(verb, counter, int(many), half)
        for counter, many, half in zip(found, stretches, incomplete, strict=True)
    )


def half_pixels(halves: Sequence[HalfFibre], regions: RegionGrid) -> NDArray[np.float64]:
    """(R,) pixels of the halves of fibres whose first pixel lies in a region: about as many are wrong or missing."""
    found = np.zeros(regions.count)
    for half in halves:
        found[_region_of(half, regions)] += half.pixels
    return found


def _region_of(half: HalfFibre, regions: RegionGrid) -> int:
    return int(regions.number_at(*(np.array([place]) for place in half.place))[0])


def _incomplete(
    halves: Sequence[HalfFibre], regions: RegionGrid, classes: Sequence[LabelClass]
) -> list[list[str]]:
    """Halves of fibres in each region, in words, with the place of the first of a kind."""
    scheme = scheme_for(classes)
    names = {label_class.value: label_class.name for label_class in classes}
    found: list[list[str]] = [[] for _ in range(regions.count)]
    placed: dict[tuple[int, str], list[Place]] = {}
    for half in halves:
        fibre = scheme.fibre_of(half.value)
        assert fibre is not None
        other = fibre.outer if half.value == fibre.inner else fibre.inner
        kind = f"{names[half.value]} without {names[other]}"
        placed.setdefault((_region_of(half, regions), kind), []).append(half.place)
    for (region, kind), places in placed.items():
        many = f"{len(places)} × {kind}, the first" if len(places) > 1 else kind
        found[region].append(f"{many} at ({places[0][0]}, {places[0][1]})")
    return found


def _sentence(verb: str, disputes: Counter[str], stretches: int, incomplete: Sequence[str]) -> str:
    parts = list(incomplete)
    if disputes:
        parts.append(f"{verb}: " + ", ".join(f"{number} × {name}" for name, number in disputes.most_common()))
    if stretches:
        parts.append(f"low confidence at {stretches} border{'s' if stretches > 1 else ''}")
    return "; ".join(parts) or NO_DOUBT


def _disputes(
    uncertainty: Uncertainty, regions: RegionGrid
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Region, class and pixels of every connected dispute that is thicker than a border."""
    core = ndimage.binary_opening(uncertainty.disputed, SQUARE)
    which, ys, xs, count = _components(core)
    if not count:
        return (np.zeros(0, np.intp),) * 3
    # The class that is said most often where not everybody says the same.
    numbers = np.full(core.size, -1, np.int32)
    numbers[ys * core.shape[1] + xs] = which
    votes = np.zeros((count, 256), np.int32)
    for where, said in (
        (which, uncertainty.labels[ys, xs]),
        *((numbers[uncertainty.places], label) for label in uncertainty.member_labels),
    ):
        counted = (where >= 0) & (said > 0)
        np.add.at(votes, (where[counted], said[counted].astype(np.intp)), 1)
    areas, places = _middles(which, ys, xs, count, regions)
    values = votes.argmax(axis=1)
    counted = (areas >= _LEAST_CORE_PX) & (values > 0)
    return places[counted], values[counted], areas[counted]


def _stretches(uncertainty: Uncertainty, regions: RegionGrid) -> NDArray[np.intp]:
    """(R,) stretches of doubtful border that nobody disputes."""
    which, ys, xs, count = _components((uncertainty.wrong >= _UNSURE) & ~uncertainty.disputed)
    areas, places = _middles(which, ys, xs, count, regions)
    return np.bincount(places[areas >= _LEAST_STRETCH_PX], minlength=regions.count)


def _components(
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], int]:
    """Return number from 0 of the 8-connected component, row and column of every pixel of a mask; how many there are."""
    numbered, count = ndimage.label(mask, structure=SQUARE)
    flat = np.flatnonzero(mask)
    ys, xs = np.divmod(flat, mask.shape[1])
    return numbered.ravel()[flat].astype(np.intp) - 1, ys, xs, int(count)


def _middles(
    which: NDArray[np.intp], ys: NDArray[np.intp], xs: NDArray[np.intp], count: int, regions: RegionGrid
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pixels of each component, and the region that its middle lies in."""
    areas = np.bincount(which, minlength=count)
    divisor = np.maximum(areas, 1)
    y, x = (np.bincount(which, place, count) / divisor for place in (ys, xs))
    return areas, regions.number_at(y, x)
