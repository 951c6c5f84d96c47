"""What is known about the pixels of one plane: the image, the labels, and who made them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging import Intensities, IntensityRange
from napari_pseudolabel.imaging.scale import Scale


@dataclass(frozen=True, eq=False)
class AnnotatedPlane:
    """One plane of an image and what is known about its pixels.

    Attributes
    ----------
    name
        What the plane is called in sentences for the person.
    key
        Fingerprint of the image content and the index of the plane; the validation split is remembered under it.
    image
        (H, W) float32, raw values of the chosen channel.
    limits
        Which raw values become 0 and 1 for the eye, from the whole layer.
    pixel_size_um
        Side of a pixel in micrometres, None if unknown.
    labels
        (H, W) uint8 class values as they stand in the layer.
    touched
        (H, W), True where a person corrected or confirmed the label.
    confidence
        (H, W) float32 in [0, 1], NaN where nothing was predicted; None if nothing was predicted at all.
    validation
        (H, W), True where pixels are kept out of training for the life of the workspace. Only those that
        are also touched count in the validation.
    modality
        What the image shows; empty if unknown.
    intensities
        Of the whole layer: from them a model sees what its card asks for. None where only the limits are known.
    scale
        How this image is brought to the grid of the models; None for what is said of all.
    """

    name: str
    key: str
    image: NDArray[np.float32]
    limits: IntensityRange
    pixel_size_um: float | None
    labels: NDArray[np.uint8]
    touched: NDArray[np.bool_]
    confidence: NDArray[np.float32] | None
    validation: NDArray[np.bool_]
    modality: str = ""
    intensities: Intensities | None = None
    scale: Scale | None = None

    def __post_init__(self) -> None:
        shape = self.image.shape
        masks = (self.labels, self.touched, self.validation, self.confidence)
        if len(shape) != 2 or any(mask is not None and mask.shape != shape for mask in masks):
            raise ValueError(f"every array of {self.name} must have the same two axes")

    @property
    def of_layer(self) -> Intensities | IntensityRange:
        """The most that is known about the intensities of the whole layer."""
        return self.limits if self.intensities is None else self.intensities

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """(H, W), pixels that a person decided and that only the validation may see; not where the image has no value."""
        return self.touched & self.validation & np.isfinite(self.image)

    def weights(self, trust: float) -> NDArray[np.float32]:
        """How much each pixel counts in training.

        Parameters
        ----------
        trust
            In [0, 1], for what no person has looked at: such a pixel counts `trust` times its confidence.

        Returns
        -------
        NDArray
            (H, W) float32 in [0, 1]: 1 where a person decided, 0 in the validation, where nothing is known and where nothing is to be seen.
        """
        own = np.zeros(self.image.shape, np.float32)
        if self.confidence is not None and trust > 0:
            own = np.float32(trust) * np.clip(np.nan_to_num(self.confidence, nan=0.0), 0, 1)
        own = np.where(self.touched, np.float32(1), own)
        return np.where(self.validation | ~np.isfinite(self.image), np.float32(0), own).astype(np.float32)
