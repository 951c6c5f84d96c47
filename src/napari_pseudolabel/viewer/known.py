"""What is known about the open labels, as a snapshot that a training can take with it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel, Image, Intensities
from napari_pseudolabel.training.data.known_plane import KnownPlane
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.images import image_of, possible_channel_axis
from napari_pseudolabel.viewer.records import channel_of, find, is_ours, may_belong, source_layer

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.workspace import Split

# So many rows and columns tell two images apart, and reading them takes a few milliseconds.
_GRID = 1024


def source_of(viewer: ViewerModel, labels: Labels) -> ImageLayer | None:
    """The image that labels belong to, None if that cannot be told.

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


def plane_key(image: Image, index: tuple[int, ...] = ()) -> str:
    """Fingerprint of a plane: the same after a restart, or for another file with the same pixels.

    Parameters
    ----------
    index
        Of the plane, over the axes before Y and X.

    Raises
    ------
    InputError
        When the image cannot be read.
    """
    height, width = image.shape[-2:]
    rows, columns = (slice(None, None, max(1, size // _GRID)) for size in (height, width))
    values = np.ascontiguousarray(image.plane(index, window=(rows, columns)), dtype="<f4")
    content = hashlib.sha256(f"{height}x{width}".encode())
    content.update(values.tobytes())
    return "-".join((content.hexdigest()[:32], *map(str, index)))


def known_planes(
    viewer: ViewerModel,
    labels: Labels,
    split: Split,
    *,
    source: ImageLayer | None = None,
    image: Image | None = None,
    channel: Channel | None = None,
) -> tuple[KnownPlane, ...]:
    """Copy the planes on which a person has corrected or confirmed at least one pixel.

    Parameters
    ----------
    labels
        Class values, 0 to 255.
    split
        Which pixels are kept for validation.
    source
        The layer that the labels belong to; None for `source_of`.
    image
        How the source is to be understood; None to find out.
    channel
        Which channel; None for the one of the last run, or the default of the image.

    Raises
    ------
    InputError
        When the image is not open, has another shape than the labels, or cannot be read; when the labels
        are no class values; when the split is damaged.
    """
    layer = source_of(viewer, labels) if source is None else source
    if layer is None:
        raise InputError(
            f"The image of {labels.name} is not open, or it cannot be told which one it is; choose it."
        )
    image = image_fitting(layer, labels) if image is None else image
    if image is None or image.shape != labels.data.shape:
        raise InputError(
            f"{labels.name} has another shape than {layer.name}; choose labels that were drawn on this image."
        )
    corrections = Corrections.of(labels)
    touched = corrections.touched
    planes = [index for index in image.planes() if touched[index].any()]
    if not planes:
        return ()
    used = channel if channel is not None else channel_of(labels)
    intensities = Intensities.of(image, used)
    confidence = find(viewer, layer, "confidence", image.shape)
    found = []
    for index in planes:
        key = plane_key(image, index)
        found.append(
            KnownPlane(
                name=f"{image.name}, plane {', '.join(map(str, index))}" if index else image.name,
                key=key,
                image=image.plane(index, used),
                limits=intensities.limits(),
                pixel_size_um=_pixel_size(image),
                labels=_class_values(labels, index),
                touched=touched[index].copy(),
                confidence=None if confidence is None else confidence_in(corrections, confidence, index),
                validation=split.validation(key, (image.shape[-2], image.shape[-1])),
                modality=image.modality,
                intensities=intensities,
            )
        )
    return tuple(found)


def confidence_in(corrections: Corrections, confidence: ImageLayer, index: tuple[int, ...]) -> np.ndarray:
    """(H, W) float32: confidence of the labels of a plane, NaN where they are not those of a prediction.

    The layer that shows it knows nothing of a prediction that was taken back.
    """
    reached = corrections.reached_in((*index, ...))
    return np.where(reached, np.asarray(confidence.data[index], np.float32), np.float32(np.nan))


def image_fitting(layer: ImageLayer, labels: Labels) -> Image | None:
    """The image of a layer if its planes have the shape of the labels, if need be without its first axis."""
    axes = (None, possible_channel_axis(layer))
    for axis in axes[: 1 if axes[1] is None else 2]:
        try:
            image = image_of(layer, axis)
        except InputError:
            continue
        if image.shape == labels.data.shape:
            return image
    return None


def _pixel_size(image: Image) -> float | None:
    try:
        return image.placement.pixel_size_um()
    except InputError:
        return None  # pixels that are not square have no single size


def _class_values(labels: Labels, index: tuple[int, ...]) -> np.ndarray:
    values = np.asarray(labels.data[index])
    if values.dtype != np.uint8 and values.size and (values.min() < 0 or values.max() > 255):
        raise InputError(
            f"{labels.name} holds values up to {values.max()}, but classes go from 0 to 255; "
            "choose a layer with one value per class."
        )
    return values.astype(np.uint8)  # always a copy
