"""Which objects and which boxes a person is asked about: every object, and every pixel, is as likely as any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects import Scheme, scheme_for, to_instances
from napari_pseudolabel.labels.objects.object_mask import object_mask
from napari_pseudolabel.labels.review import object_diameter, side_for
from napari_pseudolabel.labels.review.region_grid import RegionGrid
from napari_pseudolabel.labels.spot_check.labels_digest import digest_of
from napari_pseudolabel.labels.spot_check.spot_options import SpotCheckOptions
from napari_pseudolabel.labels.spot_check.spot_questions import (
    BoxQuestion,
    ObjectQuestion,
    SpotCheck,
    SpotObject,
)
from napari_pseudolabel.labels.windows import Box, Index
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import Array


def draw(
    labels: NDArray[np.integer],
    classes: Sequence[LabelClass],
    options: SpotCheckOptions,
    *,
    seed: int,
    labelled: NDArray[np.bool_] | None = None,
    aspect: float = 1.0,
) -> SpotCheck:
    """Draw objects and boxes to ask about, in the order in which they are asked, without putting back.

    Objects are what people count (`labels.objects`): axons with their myelin, nuclei one by one; myelin without an axon is
    none. Every object is as likely to be drawn as any other, those at the border of the image included.

    Boxes are cells of a grid over every plane, about three objects wide, each as likely as any other, so that every
    labelled pixel is as likely to lie in one as any other; what was never predicted lies in none. An object belongs to the one
    box in which its middle lies (the pixel farthest from its border), however far it reaches beyond, so that
    none is counted twice and none is lost at the borders.

    Parameters
    ----------
    labels
        (..., Y, X) class values, 0 is the background; leading axes are planes of their own.
    seed
        The same labels, options and seed give the same sample. Any beginning of it is a sample itself, so whoever stops
        early has a valid, smaller one.
    labelled
        bool, same shape: what was predicted, or decided by a person. None: everywhere.
    aspect
        Height of a pixel by its width.

    Raises
    ------
    InputError
        If there is nothing to ask about.
    """
    scheme = scheme_for(classes, aspect)
    found: list[SpotObject] = []
    sizes: list[float] = []
    for index in np.ndindex(*labels.shape[:-2]):
        plane = np.asarray(labels[index])
        found += objects_of(plane, index, scheme)
        sizes += [size] if (size := object_diameter(plane)) is not None else []
    side = side_for(float(np.median(sizes)) if sizes else None)
    cells = list(_cells(labels.shape, side, labelled))
    if not cells or not (options.objects or options.boxes):
        raise InputError(
            "Nothing is labelled yet, so there is nothing to check; make labels first."
            if options.objects or options.boxes
            else "Ask about one object or one box at least."
        )
    rng = np.random.default_rng(seed)
    asked = [found[at] for at in rng.permutation(len(found))[: options.objects]]
    chosen = [cells[at] for at in rng.permutation(len(cells))[: options.boxes]]
    return SpotCheck(
        begun=datetime.now(UTC).replace(microsecond=0).isoformat(),
        seed=seed,
        digest=digest_of(labels, labelled),
        classes=tuple(classes),
        objects_in_all=len(found),
        boxes_in_all=len(cells),
        side_px=side,
        objects=tuple(ObjectQuestion(**one.model_dump()) for one in asked),
        boxes=tuple(_question(index, box, found) for index, box in chosen),
    )


def objects_of(plane: Array, index: Index, scheme: Scheme) -> list[SpotObject]:
    """Return what people count in a plane, (H, W) class values, in the order of its numbers."""
    numbers = to_instances(plane, scheme)
    sheaths = {fibre.outer for fibre in scheme.fibres}
    found = []
    for number, window in enumerate(ndi.find_objects(numbers), start=1):
        own = numbers[window] == number
        values = set(np.unique(plane[window][own]).tolist()) - sheaths
        if values:
            middle = object_mask(min(values), window, own).middle
            found.append(SpotObject(plane=index, place=middle, value=min(values)))
    return found


def _cells(
    shape: Sequence[int], side: int, labelled: NDArray[np.bool_] | None
) -> Iterator[tuple[Index, Box]]:
    """Every cell of the grid in which anything is labelled, cut to that."""
    grid = RegionGrid.of((int(shape[-2]), int(shape[-1])), side)
    for index in np.ndindex(*shape[:-2]):
        boxes, counts = grid.boxes_of(None if labelled is None else labelled[index])
        yield from ((index, box) for box, count in zip(boxes, counts, strict=True) if count)


def _question(index: Index, box: Box, found: Sequence[SpotObject]) -> BoxQuestion:
    empty = BoxQuestion(plane=index, box=box)
    inside = (one for one in found if one.plane == index and empty.holds(one.place))
    return empty.model_copy(update={"found": tuple(inside)})
