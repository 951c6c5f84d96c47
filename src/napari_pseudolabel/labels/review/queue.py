"""The review queue: regions of a plane, scored, in the order in which a person's time helps most."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.objects import half_fibres, scheme_for
from napari_pseudolabel.labels.review.pace import Pace
from napari_pseudolabel.labels.review.reasons import half_pixels, reasons
from napari_pseudolabel.labels.review.region_grid import Box, RegionGrid, object_diameter, side_for
from napari_pseudolabel.labels.review.uncertainty import uncertainty_of
from napari_pseudolabel.labels.windows import Index, shape_of, window_of
from napari_pseudolabel.models.cards import LabelClass

Place = tuple[Index, Box]
"""A region: its plane and its rectangle."""

# Share of random picks at the start, and after how many reviewed regions half of it is left.
_RANDOM_SHARE, _HALF_LIFE = 0.2, 8
# After so many half lives nothing random is left.
_HALF_LIVES = 10


@dataclass(frozen=True)
class RegionScore:
    """What is known about a region before a person looks at it.

    Attributes
    ----------
    box
        y0, x0, y1, x1 in pixels, half open.
    plane
        Index over the axes before Y and X.
    quality
        Estimate of the mean Dice of its classes, in [0, 1]; 1 where everything was confirmed or corrected.
    foreground
        Share of its pixels that the labels, or any member of the ensemble, give to a class other than the background.
    path_px
        Estimated boundary that a person will have to redraw, in pixels.
    seconds
        Estimated time for it.
    benefit
        Expected wrong pixels that looking at it will mend; an axon without myelin counts with its area, and so does
        myelin without an axon.
    reason
        Why it should be looked at, in words.
    """

    box: Box
    plane: Index
    quality: float
    foreground: float
    path_px: float
    seconds: float
    benefit: float
    reason: str

    @property
    def place(self) -> Place:
        """Plane and rectangle."""
        return self.plane, self.box

    @property
    def gain(self) -> float:
        """Wrong pixels that are mended in a second of a person's time."""
        return self.benefit / self.seconds


def measure(
    labels: NDArray[np.integer],
    *,
    classes: Sequence[LabelClass] = (),
    confidence: NDArray[np.floating] | None = None,
    candidates: NDArray[np.uint8] | None = None,
    touched: NDArray[np.bool_] | None = None,
    predicted: NDArray[np.bool_] | None = None,
    plane: Index = (),
    side: int | None = None,
) -> tuple[RegionScore, ...]:
    """Cut a plane into regions and score each.

    Parameters
    ----------
    labels
        (H, W) class values as they stand.
    classes
        For the words of the reason; 0 is the background.
    confidence
        (H, W) in [0, 1]; NaN where nothing was predicted.
    candidates
        (K, H, W) uint8 class values of the members of the ensemble, 255 where one says nothing.
    touched
        (H, W) bool: what a person corrected or confirmed. It is right by definition.
    predicted
        (H, W) bool: where there is a prediction that can be right or wrong; None for everywhere. Regions are cut to
        it, and those without any of it left out.
    plane
        Index that the scores carry.
    side
        Of the regions in pixels; None for about three object diameters, within 96 to 384. Whoever measures the
        same plane again after a correction passes the side of the first time, so that regions stay regions.

    Returns
    -------
    tuple of RegionScore
        Row after row; see `order`.

    Raises
    ------
    InputError
        When the arrays do not have the shape of the labels, or these are not class values from 0 to 255.
    """
    settled = touched
    if predicted is not None:
        # Nobody can say yet whether what was not predicted is right, so it has no part in any number.
        settled = ~predicted if touched is None else touched | ~predicted
    doubt = uncertainty_of(labels, confidence, candidates, settled)
    diameter = object_diameter(doubt.labels)
    height, width = labels.shape
    regions = RegionGrid.of((height, width), side_for(diameter) if side is None else side)
    if predicted is not None:
        regions = regions.fitted(predicted)
    boxes, counts = regions.boxes_of(predicted)
    sizes = np.array([math.prod(shape_of(window_of(box))) for box in boxes])
    quality = doubt.quality(regions)
    pace = Pace()
    held = doubt.foreground if predicted is None else doubt.foreground & predicted
    foreground = regions.sums(held) / np.maximum(sizes, 1)
    path = doubt.path(regions)
    halves = [
        half
        for fibre in scheme_for(classes).fibres
        for half in half_fibres(doubt.labels, fibre, settled)  # what a person decided is right as it is
    ]
    benefit = doubt.benefit(regions, diameter) + half_pixels(halves, regions)
    if settled is not None:
        quality = np.where(regions.sums(settled) == regions.sizes, 1.0, quality)
    words = reasons(doubt, regions, classes, diameter, halves)
    return tuple(
        RegionScore(
            box,
            plane,
            float(quality[i]),
            float(foreground[i]),
            float(path[i]),
            pace.seconds(float(path[i])),
            float(benefit[i]),
            words[i],
        )
        for i, box in enumerate(boxes)
        if counts[i]
    )


def order(
    scores: Sequence[RegionScore], *, reviewed: Collection[Place] = (), seed: int = 0
) -> tuple[RegionScore, ...]:
    """Regions in the order in which they should be reviewed.

    Parameters
    ----------
    scores
        Of any number of planes.
    reviewed
        Places that are done; they are left out. The more there are, the rarer are random picks.
    seed
        Of the random picks: the same seed and the same places give the same picks.

    Returns
    -------
    tuple of RegionScore
        By expected benefit per second; regions without predicted foreground come last. Some of the early
        ones are picked at random, because an ensemble can be wrong without doubting itself.
    """
    done = set(reviewed)
    rest = sorted(
        (score for score in scores if score.place not in done),
        key=lambda score: (score.foreground == 0, -score.gain, score.place),
    )
    empty = [score for score in rest if score.foreground == 0]
    rest = rest[: len(rest) - len(empty)]
    ordered = []
    for position in range(len(done), min(len(done) + len(rest), _HALF_LIVES * _HALF_LIFE)):
        rng = np.random.default_rng((seed, position))
        randomly = rng.random() < _RANDOM_SHARE * 0.5 ** (position / _HALF_LIFE)
        ordered.append(rest.pop(int(rng.integers(len(rest))) if randomly else 0))
    return (*ordered, *rest, *empty)
