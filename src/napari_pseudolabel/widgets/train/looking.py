"""What is known about the open layers, counted and gathered away from the window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging import Channel, Image, Intensities, IntensityRange
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.training.data.known_plane import KnownPlane
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.segmenter.fine_tune_task import missing
from napari_pseudolabel.viewer import Corrections, current_plane, find, plane_key
from napari_pseudolabel.viewer.known import confidence_in

if TYPE_CHECKING:
    from napari_pseudolabel.workspace import Split

Classes = Sequence[LabelClass]

# Regions are counted on a coarse copy; what somebody confirms is larger than its pixels.
_COARSE = 1024


@dataclass(frozen=True, eq=False)
class Layers:
    """The layers of a training, to be read in another thread than that of the window.

    A person goes on painting meanwhile. Therefore what is touched is read before the labels: a label may be
    newer than what is known about it, never older.

    Attributes
    ----------
    labels, confidence
        Layers; the confidence may be None.
    channel
        Which channel of the image was labelled; None for its default.
    """

    image: Image
    labels: Any
    corrections: Corrections
    confidence: Any
    channel: Channel | None

    @classmethod
    def of(cls, viewer: Any, source: Any, labels: Any, image: Image, channel: Channel | None) -> Layers:
        """Take note of the layers, in the thread of the window."""
        corrections = Corrections.of(labels)
        try:
            # What came without a paint event, such as an undo, happened on the plane in view.
            whole = slice(0, image.shape[-2]), slice(0, image.shape[-1])
            corrections.sync_part(current_plane(viewer, source, image), whole)
        except InputError:
            corrections.sync()
        return cls(image, labels, corrections, find(viewer, source, "confidence", image.shape), channel)

    def touched_planes(self) -> Iterator[tuple[tuple[int, ...], NDArray[np.bool_]]]:
        """Index and mask of every plane on which a person corrected or confirmed something."""
        for index in self.image.planes():
            touched = self.corrections.touched_in((*index, ...))
            if touched.any():
                yield index, touched

    def plane(
        self,
        index: tuple[int, ...],
        touched: NDArray[np.bool_],
        split: Split,
        pixels: tuple[NDArray[np.float32], Intensities] | None = None,
    ) -> KnownPlane:
        """What is known about a plane.

        Parameters
        ----------
        pixels
            The image and the intensities of its layer; None where only the labels matter.
        """
        name, key = self.image.name, plane_key(self.image, index)
        image = np.broadcast_to(np.float32(0), touched.shape) if pixels is None else pixels[0]
        sure = self.confidence if pixels is not None else None
        return KnownPlane(
            name=f"{name}, plane {', '.join(map(str, index))}" if index else name,
            key=key,
            image=image,
            limits=IntensityRange(0.0, 1.0) if pixels is None else pixels[1].limits(),
            pixel_size_um=_pixel_size(self.image),
            labels=_class_values(self.labels, index),
            touched=touched,
            confidence=None if sure is None else confidence_in(self.corrections, sure, index),
            validation=split.validation(key, (touched.shape[0], touched.shape[1])),
            modality=self.image.modality,
            intensities=None if pixels is None else pixels[1],
        )


@dataclass(frozen=True)
class Counts:
    """How much is known about an image.

    Attributes
    ----------
    regions
        Confirmed regions of which a part is kept for validation.
    share
        Of the pixels that a person corrected or confirmed, in [0, 1].
    """

    regions: int = 0
    share: float = 0.0


@dataclass(frozen=True)
class Looked:
    """What is known about some labels, and why they cannot be learned from yet (None: they can)."""

    counts: Counts
    why_not: str | None


def look(layers: Layers, split: Split, classes: Classes, sets: Sequence[LabelledSet]) -> Looked:
    """Count what is known, and find out what is missing."""
    try:
        planes = [layers.plane(index, touched, split) for index, touched in layers.touched_planes()]
    except PseudolabelError as error:
        return Looked(Counts(), str(error))
    known = sum(int(np.count_nonzero(plane.touched)) for plane in planes)
    counts = Counts(sum(_regions(plane.held_out) for plane in planes), known / _pixels(layers.image))
    return Looked(counts, missing(planes, classes or classes_in(planes), sets))


def gather(
    layers: Layers, split: Split, classes: Classes, sets: Sequence[LabelledSet]
) -> tuple[tuple[KnownPlane, ...], tuple[LabelClass, ...]]:
    """Copy what is known, and note in the split that a training sees it.

    Returns
    -------
    planes, classes
        `classes` are those given, or those that occur.

    Raises
    ------
    InputError
        When something is missing, cannot be read, or the workspace cannot be written to.
    """
    intensities = Intensities.of(layers.image, layers.channel)
    planes = tuple(
        layers.plane(index, touched, split, (layers.image.plane(index, layers.channel), intensities))
        for index, touched in layers.touched_planes()
    )
    found = tuple(classes) or classes_in(planes)
    if why := missing(planes, found, sets):
        raise InputError(why)
    for plane in planes:
        split.teach(plane.key, plane.touched & ~plane.validation)
    return planes, found


def classes_in(planes: Sequence[KnownPlane]) -> tuple[LabelClass, ...]:
    """Nameless classes of labels about which nobody knows more than their values."""
    values = sorted({int(v) for plane in planes for v in np.unique(plane.labels[plane.touched])} - {0})
    named = [LabelClass(name=f"class {value}", value=value) for value in values]
    return (LabelClass(name="background", value=0), *named)


def _regions(mask: NDArray[np.bool_]) -> int:
    from scipy import ndimage

    step = max(1, max(mask.shape) // _COARSE)
    coarse = mask[::step, ::step]
    return int(ndimage.label(coarse)[1]) if coarse.any() else 0


def _pixels(image: Image) -> int:
    return max(1, int(np.prod(image.shape)))


def _pixel_size(image: Image) -> float | None:
    try:
        return image.placement.pixel_size_um()
    except InputError:
        return None  # pixels that are not square have no single size


def _class_values(labels: Any, index: tuple[int, ...]) -> NDArray[np.uint8]:
    values = np.asarray(labels.data[index])
    if values.dtype != np.uint8 and values.size and (values.min() < 0 or values.max() > 255):
        raise InputError(
            f"{labels.name} holds values up to {values.max()}, but classes go from 0 to 255; "
            "choose a layer with one value per class."
        )
    return values.astype(np.uint8)
