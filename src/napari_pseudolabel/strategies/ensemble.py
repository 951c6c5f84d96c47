"""An ensemble of samples, flips and segmenters: labels by their mean probability, and what each member said."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.labels.confidence import background, class_confidence, entropy, tempered
from napari_pseudolabel.labels.objects import Scheme, apart, scheme_for
from napari_pseudolabel.labels.specks import holes, specks, without_crumbs
from napari_pseudolabel.labels.windows import ALL_OPEN, Sides
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.segmenters.base import LayerPart, Segmenter
from napari_pseudolabel.strategies.label_settings import LabelSettings

# Axes along which a plane is flipped, in the order in which `LabelSettings.flips` adds them.
_FLIPS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("", ()),
    (" flipped", (-1,)),
    (" upside down", (-2,)),
    (" turned", (-2, -1)),
)


@dataclass(frozen=True, eq=False)
class SegmenterInput:
    """A segmenter, and what it is given.

    Attributes
    ----------
    images
        (K, H, W) or (K, C, H, W) float32 raw values on the segmenter's grid: translated samples, or one raw image.
    part
        What it knows of the whole layer.
    onto
        Brings probabilities (C, H, W) onto the pixels that are wanted.
    name
        Stands before the names of its members.
    temperature
        Of its probabilities, see `labels.confidence.tempered`.
    """

    segmenter: Segmenter
    images: NDArray[np.float32]
    part: LayerPart
    onto: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    name: str = ""
    temperature: float = 1.0


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels of one plane, and how sure they are.

    Attributes
    ----------
    labels
        (H, W) uint8.
    confidence
        (H, W) float32 in [0, 1].
    candidates
        (K, H, W) uint8, labels of each member.
    members
        Names of the candidates.
    left_out
        Share of the labelled pixels that lay in islands too small to be objects, or in crumbs inside of objects.
    unsure
        Share of the labelled pixels that lay in nuclei or cells that models hardly believe in.
    doubt, unshared
        (H, W) float32 in nats: entropy of the mean as it is, and what of it the members do not share.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    candidates: NDArray[np.uint8]
    members: tuple[str, ...]
    left_out: float
    unsure: float
    doubt: NDArray[np.float32]
    unshared: NDArray[np.float32]


def segment_ensemble(
    inputs: Sequence[SegmenterInput],
    settings: LabelSettings,
    *,
    control: Control,
    least_px: float = 0.0,
    typical_px: float | None = None,
    inner: tuple[slice, slice] = (slice(None), slice(None)),
    goes_on: Sides = ALL_OPEN,
) -> Segmentation:
    """Let every segmenter segment each of its images, flipped as the settings say, and average.

    Parameters
    ----------
    inputs
        Segmenters with the same classes; the first decides about the order of the channels, and how
        probabilities become labels.
    least_px
        Smaller islands of labels, in pixels that are wanted, become background, crumbs of axons and myelin what is around
        them, and smaller holes in nuclei and cells are filled.
    typical_px
        Width of a typical object, in the same pixels: nuclei and cells that touch are told apart by a line of background. Where it is
        unknown they stay together, to be told apart by their shape wherever they are counted.
    inner
        Rows and columns that are handed back of those pixels; the others only tell islands from objects.
    goes_on
        On which sides the plane goes on beyond those pixels: there an island is no speck, because it may go on.

    Notes
    -----
    Probabilities are interpolated, not labels: class borders come out smooth, and probabilities are
    what the confidence needs. Labels are those of the mean as it is. Its temperature, the geometric mean over the members and
    the same for all pixels of all chunks, is for the confidence; by that small islands are kept or left out.
    """
    first = inputs[0].segmenter
    scheme = scheme_for(first.classes)
    total = alone = None
    candidates, names, heats = [], [], []
    for given in inputs:
        order = _channels(first, given.segmenter)
        for name, probabilities in members(given, settings, control=control):
            said = _Said.of(probabilities, given.segmenter, given.temperature)
            tidy = said.tidy(least_px, scheme, goes_on)
            candidates.append(tidy[inner])
            names.append(name)
            heats.append(math.log(given.temperature))
            ordered = probabilities[order]
            total = ordered if total is None else total + ordered
            own = entropy(ordered[:, *inner], first.classes)
            alone = own if alone is None else alone + own
    assert total is not None
    assert alone is not None
    mean = total / np.float32(len(candidates))
    doubt = entropy(mean[:, *inner], first.classes)
    if len(candidates) > 1:  # else all has been said
        said = _Said.of(mean, first, math.exp(float(np.mean(heats))))
        tidy = said.tidy(least_px, scheme, goes_on)
    tidied, unsure = tidy[inner], 0.0
    if typical_px is not None:
        tidy, doubted = _told_apart(tidy, said.probabilities, first.classes, typical_px, scheme, goes_on)
        if least_px > 1:
            tidy = np.where(doubted, np.uint8(0), tidy)
            unsure = float(doubted[inner].sum() / max(np.count_nonzero(tidied), 1))
        if len(candidates) == 1:
            candidates = [tidy[inner]]
    tidy = tidy[inner]
    labels, mean, sure = said.labels[inner], said.probabilities[:, *inner], said.sure[inner]
    labelled = labels != 0
    return Segmentation(
        tidy,
        _sure_of(tidy, mean, first.classes, np.where(tidy == labels, sure, np.float32(np.nan))),
        np.stack(candidates),
        tuple(names),
        float(((tidied != labels) & labelled).sum() / max(np.count_nonzero(labelled), 1)),
        unsure,
        doubt,
        doubt - alone / np.float32(len(candidates)),
    )


@dataclass(frozen=True, eq=False)
class _Said:
    """What one member says, or all together.

    Attributes
    ----------
    labels
        (H, W) of the probabilities as they are.
    probabilities
        (K, H, W) after the temperature.
    sure
        (H, W) of what was chosen, by these.
    """

    labels: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    sure: NDArray[np.float32]

    @classmethod
    def of(cls, probabilities: NDArray[np.float32], segmenter: Segmenter, temperature: float) -> _Said:
        after = tempered(probabilities, segmenter.classes, temperature)
        return cls(segmenter.labels(probabilities), after, class_confidence(after, segmenter.classes))

    def tidy(self, least_px: float, scheme: Scheme, goes_on: Sides) -> NDArray[np.uint8]:
        return _tidy(self.labels, self.sure, least_px, scheme, goes_on)


def _tidy(
    labels: NDArray[np.uint8], sure: NDArray[np.float32], least_px: float, scheme: Scheme, goes_on: Sides
) -> NDArray[np.uint8]:
    """Labels without specks and crumbs, and without holes where there are none."""
    for fibre in scheme.fibres:
        labels = without_crumbs(labels, sure, least_px, fibre, goes_on)
    specked = specks(labels, least_px, sure if scheme.touching else None, goes_on)
    kept = np.where(specked, np.uint8(0), labels)
    # Nuclei and cells; gaps between fibres are no holes.
    return kept + holes(kept, least_px, scheme.touching)


def _told_apart(
    labels: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    classes: Sequence[LabelClass],
    typical_px: float,
    scheme: Scheme,
    goes_on: Sides,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Labels with a line of background between nuclei or cells that touch; where those lie that are hardly believed in."""
    doubted = np.zeros(labels.shape, bool)
    for chance, label_class in zip(probabilities, classes, strict=True):
        mask = labels == label_class.value
        if label_class.value in scheme.touching and mask.any():
            lined, unsure = apart(mask, chance, typical_px, goes_on)
            labels = np.where(mask & ~lined, np.uint8(0), labels)
            doubted |= unsure
    return labels, doubted


def _sure_of(
    tidy: NDArray[np.uint8],
    mean: NDArray[np.float32],
    classes: Sequence[LabelClass],
    sure: NDArray[np.float32],
) -> NDArray[np.float32]:
    """How sure what was chosen is; where something else was chosen than the models said, `sure` is NaN."""
    changed = np.isnan(sure)
    for channel, label_class in enumerate(classes):
        here = changed & (tidy == label_class.value)
        sure[here] = mean[channel][here]
    here = changed & (tidy == 0)
    sure[here] = background(mean, classes)[here]
    return sure


def members(
    given: SegmenterInput, settings: LabelSettings, *, control: Control
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Name and probabilities (C, h, w) of every member of one segmenter, on the pixels that are wanted."""
    for number, look in enumerate(given.images, start=1):
        height, width = look.shape[-2:]
        for flipped, axes in _FLIPS[: settings.flips + 1]:
            found = given.segmenter.probabilities(
                np.ascontiguousarray(np.flip(look, axes)),
                settings=settings.tiles,
                control=control,
                part=given.part.flipped(axes, (height, width)),
            )
            yield f"{given.name}sample {number}{flipped}", given.onto(np.flip(found, axes))


def _channels(first: Segmenter, other: Segmenter) -> list[int]:
    """For each channel of `first`, which channel of `other` means the same."""
    places = {label_class.value: channel for channel, label_class in enumerate(other.classes)}
    return [places[label_class.value] for label_class in first.classes]
