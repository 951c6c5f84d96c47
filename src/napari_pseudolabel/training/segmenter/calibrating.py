"""How often a segmenter is right when it says that it is sure: fitted on validation images, as they are and disturbed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, resample, resample_to
from napari_pseudolabel.labels.confidence import entropy, fitted_temperature
from napari_pseudolabel.labels.evidence import Evidence, total
from napari_pseudolabel.models.cards import CardCalibration, TypicalLabels
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.common.training_record import today
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.wording import some

_MIRRORS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))
# So many planes, each so large, tell a temperature to the second digit in seconds.
_MOST_PLANES, _MOST_PX = 4, 256

Learned = Literal["labels", "translations", "behind a translator"]
"""From labelled images of its modality; from images that a translator has made look like that; or from labelled images that a
translator has brought to its modality, as it will those that are to be labelled."""

_NAMED = 5


@dataclass(frozen=True)
class Disturbance:
    """What may be different in an image than in those that were learned from.

    Attributes
    ----------
    factor
        By which it is magnified too much.
    gamma
        Exponent of its grey levels.
    inverted
        Whether bright is dark.
    """

    factor: float = 1.0
    gamma: float = 1.0
    inverted: bool = False

    def of(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the image (H, W), values in [0, 1], disturbed."""
        found = np.clip(resample(image, self.factor), 0, 1) ** np.float32(self.gamma)
        return (1 - found if self.inverted else found).astype(np.float32)


# As images of the own modality differ from one another: in scale, and in contrast.
OWN = (
    Disturbance(),
    Disturbance(factor=0.6),
    Disturbance(factor=1.6),
    Disturbance(gamma=0.6),
    Disturbance(gamma=1.7),
)
# As what no label of its kind was learned from differs at worst.
OTHER = (*OWN, Disturbance(inverted=True))


def calibrated(
    segmenter: Segmenter,
    planes: Sequence[LabelledPlane],
    *,
    learned: Learned = "labels",
    most: int = _MOST_PLANES,
    device: str = "cpu",
    command: str = "",
    control: Control = Control(),
) -> CardCalibration | None:
    """Fit the temperatures of a segmenter.

    Parameters
    ----------
    planes
        On its grid, none of them learned from; pixels count where their weight is above 0.
    learned
        What from.
    most
        Planes that are looked at, from all over the list.
    control
        May only cancel.

    Returns
    -------
    CardCalibration or None
        None where no pixel counts.

    Notes
    -----
    Images of another kind than the labels that were learned from are labelled worse, and no validation image knows by how
    much. Half way, in logarithms, from what is right for images of the own kind to what is right when there are inverted ones among
    them is a guess; how good it is stands in docs/benchmarks.md.
    """
    values = {label_class.value: channel for channel, label_class in enumerate(segmenter.classes)}
    chosen = [plane for plane in planes if plane.weight is None or (plane.weight > 0).any()]
    if not chosen:
        return None
    chosen = chosen[:: -(-len(chosen) // most)]
    settings, quiet = TileSettings(device=device), Control(cancelled=control.cancelled)
    found: list[list[NDArray[np.float32]]] = [[] for _ in OTHER]
    truths: list[NDArray[np.intp]] = []
    seen: list[Evidence] = []
    for image, labels, known in map(_part, chosen):
        truth = np.full(labels.shape, -1, np.intp)
        for value, channel in values.items():
            truth[(labels == value) & known] = channel
        truths.append(truth)
        for number, disturbance in enumerate(OTHER):
            looks = list(_looks(segmenter, disturbance.of(image), settings, quiet))
            if not number:
                seen.append(_evidence(segmenter, looks, image))
            found[number].append(resample_to(np.mean(looks, axis=0), labels.shape))
    own = _fitted(found[: len(OWN)], truths)
    strange = math.sqrt(own * max(_fitted(found, truths), own))
    names = some(list(dict.fromkeys(plane.name for plane in chosen)), _NAMED)
    return CardCalibration(
        temperature=round(strange if learned == "translations" else own, 3),
        carried=round(own if learned == "behind a translator" else strange, 3),
        typical=_typical(total(seen)),
        data=f"validation images as they are, and in other scales and contrasts ({names})",
        date=today(),
        command=command,
    )


def _evidence(
    segmenter: Segmenter, looks: Sequence[NDArray[np.float32]], image: NDArray[np.float32]
) -> Evidence:
    mean = np.mean(looks, axis=0)
    doubt = entropy(mean, segmenter.classes)
    return Evidence.of(
        segmenter.labels(mean),
        doubt=doubt,
        unshared=doubt - np.mean([entropy(look, segmenter.classes) for look in looks], axis=0),
        candidates=np.stack([segmenter.labels(look) for look in looks]),
        seen=image.reshape(-1, *image.shape[-2:]).mean(axis=0),
        counted=np.ones(image.shape[-2:], bool),
    )


def _typical(found: Evidence | None) -> TypicalLabels | None:
    if found is None or found.agreement is None or found.hesitation is None:
        return None
    return TypicalLabels(
        agreement=round(found.agreement, 4),
        hesitation=round(found.hesitation, 4),
        contrast=tuple((a, b, round(share, 3)) for (a, b), share in found.contrast.items()),
        widths=tuple((value, round(width, 2)) for value, width in found.width_px.items()),
    )


def _fitted(found: Sequence[Sequence[NDArray[np.float32]]], truths: Sequence[NDArray[np.intp]]) -> float:
    return fitted_temperature([one for planes in found for one in planes], list(truths) * len(found))


def _part(plane: LabelledPlane) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.bool_]]:
    """Image, labels, and where these count; of a large plane a window around what counts."""
    known = np.ones(plane.labels.shape, bool) if plane.weight is None else plane.weight > 0
    window = []
    for axis, size in enumerate(known.shape):
        places = np.flatnonzero(known.any(axis=1 - axis))
        middle = int(places.mean())
        start = min(max(middle - _MOST_PX // 2, 0), max(size - _MOST_PX, 0))
        window.append(slice(start, start + _MOST_PX))
    rows, columns = window
    return plane.image[..., rows, columns], plane.labels[rows, columns], known[rows, columns]


def _looks(
    segmenter: Segmenter, image: NDArray[np.float32], settings: TileSettings, control: Control
) -> Iterator[NDArray[np.float32]]:
    for axes in _MIRRORS:
        seen = np.ascontiguousarray(np.flip(image, axes))
        part = of_limits(IntensityRange(0.0, 1.0, clip=False))
        yield np.flip(segmenter.probabilities(seen, settings=settings, control=control, part=part), axes)
