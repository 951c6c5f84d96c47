"""Measuring labels for the review queue; runs beside the window and reads what is open there."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.labels.classes import LARGEST_VALUE
from napari_pseudolabel.labels.review import (
    Calibration,
    Forecast,
    Pace,
    Place,
    RegionScore,
    forecast,
    measure,
    object_diameter,
    order,
    side_for,
)
from napari_pseudolabel.labels.windows import whole, window_of
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.viewer import Candidates, Corrections
from napari_pseudolabel.viewer.corrections import Index, Window, key_of
from napari_pseudolabel.widgets.correct.review.state import ReviewState

if TYPE_CHECKING:
    from napari.layers import Labels

NO_CLASSES = "These labels hold one value per object; the review needs one value per class, from 0 to 255."
# Every so many rows and columns tell one prediction from another.
_STRIDE = 4


@dataclass(frozen=True, eq=False)
class ReviewScene:
    """The labels and what is known about them; arrays are those of the layers, not copies.

    Attributes
    ----------
    confidence
        Of the shape of the labels; None if there is none.
    """

    labels: Labels
    corrections: Corrections
    classes: tuple[LabelClass, ...]
    confidence: NDArray[np.floating] | None = None

    def touched(self, plane: Index) -> NDArray[np.bool_]:
        """(H, W) bool: what a person decided."""
        return self.corrections.touched_in((*plane, ...))

    def predicted(self, plane: Index) -> NDArray[np.bool_] | None:
        """(H, W) bool: what can be right or wrong; None for everything."""
        return None if self.corrections.own else self.corrections.reached_in((*plane, ...))

    def members(self, plane: Index, window: Window) -> NDArray[np.uint8] | None:
        """(K, h, w) uint8: what the members of the ensemble say in a part of a plane, None without one."""
        candidates = Candidates.of(self.labels)
        found = None if candidates is None else candidates.members(plane, window)
        return found if found is not None and len(found) else None

    @property
    def judged(self) -> bool:
        """Whether a model has said anything about how sure these labels are."""
        return self.confidence is not None or Candidates.of(self.labels) is not None

    def confidence_of(self, plane: Index) -> NDArray[np.floating] | None:
        """(H, W) confidence, NaN where nothing was predicted."""
        return None if self.confidence is None else np.asarray(self.confidence[plane])


@dataclass(frozen=True)
class ScoredRegions:
    """All regions of labels.

    Attributes
    ----------
    scores
        By their places, with qualities as estimated, not calibrated.
    side
        Of the regions in pixels.
    fingerprint
        Of the predictions that were measured.
    """

    scores: Mapping[Place, RegionScore]
    side: int
    fingerprint: int


@dataclass(frozen=True)
class ReviewOrder:
    """What is left of a review.

    Attributes
    ----------
    queue
        Regions in the order in which they should be reviewed; skipped ones last.
    reviewed
        Places that need no review: accepted, mended, or confirmed as a whole.
    """

    queue: tuple[RegionScore, ...]
    reviewed: frozenset[Place]
    forecast: Forecast


def score_and_order(
    scene: ReviewScene, state: ReviewState, before: ScoredRegions | None, gone: Callable[[], bool]
) -> tuple[ScoredRegions, ReviewOrder]:
    """Measure labels, unless nothing was predicted since they were measured, and put the regions in order.

    Parameters
    ----------
    gone
        Whether nobody wants to know any more.

    Raises
    ------
    Cancelled
        When nobody wants to know any more.
    """
    fingerprint = _fingerprint(scene)
    if before is None or before.fingerprint != fingerprint or state.side not in (None, before.side):
        before = _measured(scene, state.side, fingerprint, gone)
    return before, arrange(scene, state, before)


def arrange(scene: ReviewScene, state: ReviewState, measured: ScoredRegions) -> ReviewOrder:
    """Put regions in order, with what was learned from those that were reviewed."""
    calibration, pace = learned(state)
    scores = tuple(
        replace(
            score,
            quality=float(calibration.apply(np.array(score.quality))),
            seconds=pace.seconds(score.path_px),
        )
        for score in measured.scores.values()
    )
    reviewed = _reviewed(scene.corrections, state, scores)
    ordered = order(scores, reviewed=reviewed)
    later = {region.place: number for number, region in enumerate(state.skipped)}
    queue = sorted(ordered, key=lambda score: later.get(score.place, -1))
    ahead = forecast(scores, queue, reviewed=reviewed, target=state.target, calibrated=calibration.known)
    # Where nothing was found something may have been missed, so such regions come too, after all others.
    anything = any(score.foreground for score in scores)
    return ReviewOrder(tuple(queue) if anything else (), reviewed, ahead)


def learned(state: ReviewState) -> tuple[Calibration, Pace]:
    """How good estimates are, and how fast the person is."""
    judged = [reviewed for reviewed in state.done if reviewed.estimate is not None]
    calibration = Calibration.fitted([one.estimate or 0.0 for one in judged], [one.truth for one in judged])
    timed = [reviewed for reviewed in state.done if reviewed.seconds > 0]
    return calibration, Pace.fitted([reviewed.path_px for reviewed in timed], [one.seconds for one in timed])


def _measured(
    scene: ReviewScene, side: int | None, fingerprint: int, gone: Callable[[], bool]
) -> ScoredRegions:
    data = scene.labels.data
    planes = []
    for index in np.ndindex(*data.shape[:-2]):
        most = int(np.max(data[index], initial=0))
        if most > LARGEST_VALUE:
            raise InputError(NO_CLASSES)
        if most:
            planes.append(index)
    if side is None:
        # One size for all planes: the same objects lie in many of them.
        sides = [side_for(object_diameter(np.asarray(data[index]))) for index in _some(planes)]
        side = int(np.median(sides)) if sides else side_for(None)
    scores: list[RegionScore] = []
    for plane in planes:
        if gone():
            raise Cancelled
        scores += measure(
            np.asarray(data[plane]),
            classes=scene.classes,
            confidence=scene.confidence_of(plane),
            candidates=scene.members(plane, whole(data.shape)),
            touched=scene.touched(plane),
            predicted=scene.predicted(plane),
            plane=plane,
            side=side,
        )
    return ScoredRegions({score.place: score for score in scores}, side, fingerprint)


def _some(planes: Sequence[Index]) -> Sequence[Index]:
    """Return a few planes from all over a stack."""
    return planes[:: max(1, len(planes) // 5)]


def _reviewed(
    corrections: Corrections, state: ReviewState, scores: Sequence[RegionScore]
) -> frozenset[Place]:
    done = {reviewed.place for reviewed in state.done}

    def confirmed(place: Place) -> bool:
        key = key_of(place[0], window_of(place[1]))
        part = corrections.confirmed_in(key)
        # What was reviewed and is painted on afterwards stays reviewed; what was taken back does not.
        return bool(part.any() if place in done else (part | ~corrections.reached_in(key)).all())

    return frozenset(score.place for score in scores if confirmed(score.place))


def _fingerprint(scene: ReviewScene) -> int:
    part = (..., slice(None, None, _STRIDE), slice(None, None, _STRIDE))
    labels = zlib.crc32(scene.corrections.predicted_in(part).tobytes())
    return zlib.crc32(scene.corrections.reached_in(part).tobytes(), labels)
