"""What is known about the open labels, as a snapshot that a training can take with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel, Image, Intensities, IntensityRange
from napari_pseudolabel.imaging.image import finest
from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.labels.windows import Index, whole
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.image_layers import image_fitting
from napari_pseudolabel.viewer.records import channel_of, find_layer, is_ours, may_belong, source_layer
from napari_pseudolabel.viewer.view_regions import current_plane

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.workspace import WorkspaceSplit


def source_of(viewer: ViewerModel, labels: Labels) -> ImageLayer | None:
    """Return the image that labels belong to, None if that cannot be told.

    For labels that the plugin made it is noted; for others it is the only image with planes of that shape.
    """
    found = source_layer(viewer, labels)
    if isinstance(found, ImageLayer):
        return found if is_ours(labels) or image_fitting(found, labels) is not None else None
    fitting = [
        layer
        for layer in viewer.layers
        if isinstance(layer, ImageLayer)
        and not is_ours(layer)
        and may_belong(viewer, labels, layer)
        and image_fitting(layer, labels) is not None
    ]
    return fitting[0] if len(fitting) == 1 else None


@dataclass(frozen=True, eq=False)
class AnnotatedLayers:
    """Labels, and the layers that they are known from, to be read in another thread than that of the window.

    A person goes on painting meanwhile. Therefore what is touched is read before the labels: a label may be
    newer than what is known about it, never older.

    Attributes
    ----------
    labels
        Class values, 0 to 255.
    confidence
        The layer that shows it; may be None.
    channel
        Which channel of the image was labelled; None for its default.
    """

    image: Image
    labels: Labels
    corrections: Corrections
    confidence: ImageLayer | None = None
    channel: Channel | None = None

    @classmethod
    def of(
        cls, viewer: ViewerModel, source: ImageLayer, labels: Labels, image: Image, channel: Channel | None
    ) -> AnnotatedLayers:
        """Take note of the layers, in the thread of the window."""
        corrections = Corrections.of(labels)
        try:
            # What came without a paint event, such as an undo, happened on the plane in view.
            corrections.sync_part(current_plane(viewer, source, image), whole(image.shape))
        except InputError:
            corrections.sync()
        return cls(image, labels, corrections, find_layer(viewer, source, "confidence", image.shape), channel)

    def touched_planes(self) -> Iterator[tuple[Index, NDArray[np.bool_]]]:
        """Yield index and mask of every plane on which a person corrected or confirmed something."""
        for index in self.image.planes():
            touched = self.corrections.touched_in((*index, ...))
            if touched.any():
                yield index, touched

    def planes(self, split: WorkspaceSplit) -> tuple[AnnotatedPlane, ...]:
        """Copy these planes, with the image.

        Raises
        ------
        InputError
            When the image cannot be read, the labels are no class values, or the split is damaged.
        """
        touched = list(self.touched_planes())
        intensities = Intensities.of(self.image, self.channel) if touched else None
        return tuple(self.plane(index, mask, split, intensities) for index, mask in touched)

    def plane(
        self,
        index: Index,
        touched: NDArray[np.bool_],
        split: WorkspaceSplit,
        intensities: Intensities | None = None,
    ) -> AnnotatedPlane:
        """Copy what is known about a plane.

        Parameters
        ----------
        touched
            (H, W) bool: what counts as decided by a person.
        split
            Which pixels are kept for validation.
        intensities
            Of the whole image; None where only the labels matter, and the image is left out.
        """
        key, bare = plane_key(self.image, index), intensities is None
        sure = None if bare else self.confidence
        return AnnotatedPlane(
            name=f"{self.image.name}, plane {', '.join(map(str, index))}" if index else self.image.name,
            key=key,
            image=np.broadcast_to(np.float32(0), touched.shape)
            if bare
            else self.image.plane(index, self.channel),
            limits=IntensityRange(0.0, 1.0) if intensities is None else intensities.limits(),
            pixel_size_um=_pixel_size(self.image),
            labels=_class_values(self.labels, index),
            touched=touched,
            confidence=None if sure is None else self._confidence(sure, index),
            validation=split.validation(key, (touched.shape[0], touched.shape[1])),
            modality=self.image.modality,
            intensities=intensities,
        )

    def _confidence(self, layer: ImageLayer, index: Index) -> NDArray[np.float32]:
        """NaN where labels are not those of a prediction: the layer knows nothing of one that was taken back."""
        reached = self.corrections.reached_in((*index, ...))
        return np.where(reached, np.asarray(layer.data[index], np.float32), np.float32(np.nan))


def annotated_planes(
    viewer: ViewerModel,
    labels: Labels,
    split: WorkspaceSplit,
    *,
    source: ImageLayer | None = None,
    channel: Channel | None = None,
) -> tuple[AnnotatedPlane, ...]:
    """Copy the planes on which a person has corrected or confirmed at least one pixel.

    Parameters
    ----------
    labels
        Class values, 0 to 255.
    split
        Which pixels are kept for validation.
    source
        The layer that the labels belong to; None for `source_of`.
    channel
        Which channel; None for the one of the last run, or the default of the image.

    Raises
    ------
    InputError
        As `AnnotatedLayers.planes`; and when the image is not open, or has another shape than the labels.
    """
    layer = source_of(viewer, labels) if source is None else source
    if layer is None:
        raise InputError(
            f"The image of {labels.name} is not open, or it cannot be told which one it is; choose it."
        )
    image = image_fitting(layer, labels)
    if image is None:
        raise InputError(
            f"{labels.name} has another shape than {layer.name}; choose labels that were drawn on this image."
        )
    Corrections.of(labels).sync()
    used = channel_of(labels) if channel is None else channel
    return AnnotatedLayers.of(viewer, layer, labels, image, used).planes(split)


def _pixel_size(image: Image) -> float | None:
    try:
        return image.placement.pixel_size_um()
    except InputError:
        return None  # pixels that are not square have no single size


def _class_values(labels: Labels, index: Index) -> NDArray[np.uint8]:
    values = np.asarray(finest(labels.data)[index])
    if values.dtype != np.uint8 and values.size and (values.min() < 0 or values.max() > 255):
        raise InputError(
            f"{labels.name} holds values up to {values.max()}, but classes go from 0 to 255; "
            "choose a layer with one value per class."
        )
    return values.astype(np.uint8)  # always a copy
