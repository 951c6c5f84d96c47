"""The images that are learned from without labels, on the grid of the segmenter, in parts; and how it labels them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control, Stage
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import IntensityRange, labels_to, normalise, resample
from napari_pseudolabel.labels.confidence import class_confidence
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.grids import limits_for
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.data.image_folders import LabelledPlane, Notify
from napari_pseudolabel.training.data.patches import SMALLEST_SIDE
from napari_pseudolabel.training.data.target_images import TargetImages
from napari_pseudolabel.training.segmenter.validation import score
from napari_pseudolabel.training.self_training.gating import PlaneDecisions, TargetLabels, gated
from napari_pseudolabel.training.self_training.self_training_task import Round

_SIDE = 512
# As it is, and mirrored.
_LOOKS: tuple[tuple[int, ...], ...] = ((), (-1,))


@dataclass(frozen=True, eq=False)
class TargetPart:
    """A part of an image.

    Attributes
    ----------
    name
        Of the image.
    image
        (H, W) float32 in [0, 1].
    seen
        (H, W), False where the image has no value, so that nothing can be predicted.
    decided
        What a person has decided.
    """

    name: str
    image: NDArray[np.float32]
    seen: NDArray[np.bool_]
    decided: PlaneDecisions

    def taught(self, said: TargetLabels, least: float) -> LabelledPlane:
        """Return what is learned from it; its weight is 0 where nothing is."""
        labels, weight = gated(said, self.decided, least)
        return LabelledPlane(self.name, self.image, labels, weight)

    def judging(self) -> LabelledPlane | None:
        """Return the decisions that are not learned from; None without."""
        judges = self.decided.judges
        if not judges.any():
            return None
        return LabelledPlane(self.name, self.image, self.decided.truth, judges.astype(np.float32))


def target_parts(images: TargetImages, card: Card, most: int, seed: int, notify: Notify) -> list[TargetPart]:
    """Bring images to the grid of a segmenter, cut what is large, and choose so many parts, those with decisions first.

    Raises
    ------
    InputError
        If there is no image, one cannot be used, or all are too small.
    """
    found: list[TargetPart] = []
    for plane in images.known(notify):
        factor, assumed = images.factor(plane, card.source)
        notify((assumed,) if assumed else ())
        found += _cut(_on_grid(plane, card, factor))
    if not found:
        raise InputError(
            f"No image has a side of {SMALLEST_SIDE} pixels or more on the grid of the segmenter; check the pixel sizes."
        )
    order = np.random.default_rng(seed).permutation(len(found))
    chosen = sorted(order, key=lambda number: not found[number].decided.touched.any())[:most]
    if len(chosen) < len(found):
        notify((f"{len(chosen)} of {len(found)} parts of the images were learned from, chosen at random.",))
    return [found[number] for number in sorted(chosen)]


def _on_grid(plane: AnnotatedPlane, card: Card, factor: float) -> TargetPart:
    image = resample(normalise(plane.image, limits_for(card, plane.of_layer)), factor)
    shape = image.shape
    truth = labels_to(plane.labels, shape)
    # A value of no class says nothing.
    named = np.isin(truth, [one.value for one in card.classes])
    touched, kept = (labels_to(mask, shape) for mask in (plane.touched, plane.validation))
    seen = labels_to(np.isfinite(plane.image), shape)
    return TargetPart(plane.name, image, seen, PlaneDecisions(truth, touched & named, kept))


def _cut(whole: TargetPart) -> list[TargetPart]:
    rows, columns = (
        np.linspace(0, length, -(-length // _SIDE) + 1).round().astype(int) for length in whole.image.shape
    )
    windows = [np.s_[y0:y1, x0:x1] for y0, y1 in pairwise(rows) for x0, x1 in pairwise(columns)]
    d = whole.decided
    parts = [
        TargetPart(
            whole.name,
            np.ascontiguousarray(whole.image[at]),
            whole.seen[at],
            PlaneDecisions(d.truth[at], d.touched[at], d.held_out[at]),
        )
        for at in windows
    ]
    return [part for part in parts if min(part.image.shape) >= SMALLEST_SIDE and np.ptp(part.image) > 0]


def labels_of(
    segmenter: Segmenter,
    parts: Sequence[TargetPart],
    known: NDArray[np.float32],
    device: str,
    control: Control,
    stage: Stage,
) -> list[TargetLabels]:
    """Label all parts, by two looks, each at a part and its neighbours; counts parts.

    Parameters
    ----------
    known
        (N, N), how much is known of each part from every other one; see `neighbours.shares`.
    """
    answers: list[list[NDArray[np.float32]]] = []
    for part in parts:
        answers.append(
            [
                np.flip(
                    segmenter.probabilities(
                        np.ascontiguousarray(np.flip(part.image, axes)),
                        settings=TileSettings(device=device),
                        control=Control(cancelled=control.cancelled),
                        part=of_limits(IntensityRange(0.0, 1.0, clip=False)),
                    ),
                    axes,
                )
                for axes in _LOOKS
            ]
        )
        stage.advance()
    found = []
    for part, row in zip(parts, known, strict=True):
        # A look is at a part and its neighbours together.
        seen = [(row[i], answers[i]) for i in np.flatnonzero(row)]
        looks = [sum(share * one[look] for share, one in seen) for look in range(len(_LOOKS))]
        mean = np.asarray(sum(looks) / np.float32(len(looks)), np.float32)
        sure = np.where(part.seen, class_confidence(mean, segmenter.classes), np.float32(np.nan))
        votes = np.stack([segmenter.labels(np.asarray(one, np.float32)) for one in looks])
        found.append(TargetLabels(segmenter.labels(mean), votes, sure))
    return found


def report(
    number: int,
    parts: Sequence[TargetPart],
    start: Sequence[TargetLabels],
    now: Sequence[TargetLabels],
    classes: Mapping[str, int],
    least: float,
) -> Round:
    """Compare how parts are labelled with how they were at the start.

    Parameters
    ----------
    classes
        Value by name, without the background.
    least
        Of the gate.
    """
    seen = np.concatenate([part.seen.ravel() for part in parts])
    first, second, labels, before = (
        np.concatenate([one.ravel() for one in arrays])[seen]
        for arrays in (
            [one.votes[0] for one in now],
            [one.votes[1] for one in now],
            [one.labels for one in now],
            [one.labels for one in start],
        )
    )
    dice = [
        2 * np.count_nonzero((first == value) & (second == value)) / total
        for value in classes.values()
        if (total := np.count_nonzero(first == value) + np.count_nonzero(second == value))
    ]
    passing = sum(np.count_nonzero(one.passes(least)) for one in now)
    count = max(len(labels), 1)
    judging = [part.judging() for part in parts]
    known = [one for one in judging if one is not None]
    answers = iter([one.labels for one, plane in zip(now, judging, strict=True) if plane is not None])
    return Round(
        number,
        agreement=float(np.mean(dice)) if dice else 1.0,
        gated=passing / count,
        changed=np.count_nonzero(labels != before) / count,
        areas={name: np.count_nonzero(labels == value) / count for name, value in classes.items()},
        surviving=surviving(parts, start, now),
        score=score(known, lambda _: next(answers), classes, number) if known else None,
    )


def surviving(
    parts: Sequence[TargetPart], start: Sequence[TargetLabels], now: Sequence[TargetLabels]
) -> float | None:
    """Share of what was wrongly found at the start, where decisions judge, that is found still; None without any."""
    wrong = left = 0
    for part, before, after in zip(parts, start, now, strict=True):
        false = part.decided.judges & (before.labels != 0) & (before.labels != part.decided.truth)
        wrong += int(np.count_nonzero(false))
        left += int(np.count_nonzero(false & (after.labels == before.labels)))
    return left / wrong if wrong else None
