"""What a translation does to the objects and the places of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.filters import sobel
from skimage.registration import phase_cross_correlation

from napari_pseudolabel.labels.matching import matches, numbers
from napari_pseudolabel.labels.objects import Scheme, scheme_for, to_instances
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.tiling import Grid, TileSettings

SAME_IOU = 0.3
LEAST_PX = 10  # smaller objects are not counted, but may be what a counted one is matched with
BAND_PX = 8


@dataclass(frozen=True, eq=False)
class Objects:
    """The objects of one image, before and after.

    Attributes
    ----------
    before
        (N,) areas in pixels of the objects of the real image.
    kept
        (N,) whether each has a partner after.
    appeared
        (M,) areas of the objects after that have no partner before.
    moved
        (K,) pixels between the centres of partners.
    """

    before: NDArray[np.int64]
    kept: NDArray[np.bool_]
    appeared: NDArray[np.int64]
    moved: NDArray[np.float64]


def told_apart(labels: NDArray[np.uint8], classes: Sequence[LabelClass]) -> NDArray[np.int32]:
    """(H, W) numbered objects: axons without their myelin, nuclei, mitochondria."""
    scheme = scheme_for(classes)
    for fibre in scheme.fibres:
        return to_instances(np.where(labels == fibre.inner, labels, 0), Scheme())
    return to_instances(labels, scheme)


def compared(before: NDArray[np.int32], after: NDArray[np.int32]) -> Objects:
    """Match objects one to one and count."""
    pairs = matches(before, after, SAME_IOU)
    areas, areas_after = (np.bincount(one.ravel(), minlength=1) for one in (before, after))
    counted, counted_after = (
        there[sizes[there] >= LEAST_PX]
        for there, sizes in ((numbers(before), areas), (numbers(after), areas_after))
    )
    new = counted_after[~np.isin(counted_after, pairs[:, 1])]
    pairs = pairs[np.isin(pairs[:, 0], counted)]
    moved = np.zeros(0)
    if len(pairs):
        here = np.array(ndi.center_of_mass(before > 0, before, pairs[:, 0]))
        there = np.array(ndi.center_of_mass(after > 0, after, pairs[:, 1]))
        moved = np.linalg.norm(here - there, axis=1)
    return Objects(areas[counted], np.isin(counted, pairs[:, 0]), areas_after[new], moved)


def shift(image: NDArray[np.float32], made: NDArray[np.float32]) -> float:
    """Pixels by which the whole image was moved: of the edges, because contrasts may be inverted."""
    offset, _, _ = phase_cross_correlation(sobel(image), sobel(made), upsample_factor=20)
    return float(np.linalg.norm(offset))


def tiles_of(translator: Translator, shape: tuple[int, ...]) -> Grid:
    """The tiles that a translation of a plane of this shape is made of."""
    return translator.layout.grid((shape[0], shape[1]), TileSettings(), None)


def drift(made: NDArray[np.float32], grid: Grid) -> float:
    """Steps of the grey level at tile borders beyond those half a tile away, as a share of the grey range.

    A step is the absolute difference of the means of two bands of `BAND_PX` pixels along one side of a tile. NaN where an image has
    no inner border.
    """
    at_borders: list[float] = []
    elsewhere: list[float] = []
    for image, along, across in ((made, grid.rows, grid.columns), (made.T, grid.columns, grid.rows)):
        tile = across.tile
        edges = {edge for start in across.starts for edge in (start, start + tile)}
        for edge in edges:
            for steps, place in ((at_borders, edge), (elsewhere, edge + tile // 2)):
                if not BAND_PX <= place <= across.length - BAND_PX:
                    continue
                for start in along.starts:
                    part = image[max(start, 0) : start + along.tile]
                    low, high = part[:, place - BAND_PX : place], part[:, place : place + BAND_PX]
                    steps.append(abs(float(low.mean()) - float(high.mean())))
    return float(np.mean(at_borders) - np.mean(elsewhere)) if at_borders and elsewhere else float("nan")


def counts(found: Sequence[Objects]) -> dict[str, Any]:
    """All objects of several images together, and by thirds of their size.

    Returns
    -------
    dict
        ``all``, ``small``, ``middle``, ``large``: objects before, and percent of them that were kept, vanished and
        appeared; ``moved_px``: the median displacement of the kept ones.
    """
    before, appeared = (np.concatenate([getattr(o, n) for o in found]) for n in ("before", "appeared"))
    kept, moved = (np.concatenate([getattr(o, n) for o in found]) for n in ("kept", "moved"))
    result: dict[str, Any] = {"moved_px": float(np.median(moved)) if len(moved) else float("nan")}
    limits = np.quantile(before, (1 / 3, 2 / 3)) if len(before) else np.zeros(2)
    third, third_new = (np.searchsorted(limits, areas, side="right") for areas in (before, appeared))
    for k, name in enumerate(("small", "middle", "large")):
        result[name] = _shares(kept[third == k], int((third_new == k).sum()))
    return {"all": _shares(kept, len(appeared)), **result}


def _shares(kept: NDArray[np.bool_], appeared: int) -> dict[str, float]:
    count = len(kept)
    percent = 100 / count if count else float("nan")
    stayed = int(kept.sum())
    return {
        "before": count,
        "kept": stayed * percent,
        "vanished": (count - stayed) * percent,
        "appeared": appeared * percent,
    }
