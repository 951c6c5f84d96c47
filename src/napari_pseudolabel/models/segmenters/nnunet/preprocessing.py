"""From raw pixels to the network's grid and back, as nnU-Net v2 does it.

The order is its own: crop to what is not zero, normalise the crop, then resample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.transform import resize

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.imaging.statistics import Box, LayerStatistics, Moments
from napari_pseudolabel.models.segmenters.nnunet.plans import Configuration, ForegroundIntensities, Plans

Shape = tuple[int, int]
_Plane = NDArray[np.float32]
_Mask = NDArray[np.bool_] | None
_EPSILON = 1e-8
_RESAMPLING = "resample_data_or_seg_to_shape"


def nonzero_box(image: NDArray[np.float32]) -> Box:
    """Bounding box of the pixels of (C, H, W) that are not zero in any channel; all if there are none."""
    found = ndimage.find_objects((image != 0).any(axis=0).astype(np.uint8))
    rows, columns = found[0] if found else (slice(0, side) for side in image.shape[1:])
    return Box(rows.start, rows.stop, columns.start, columns.stop)


@dataclass(frozen=True)
class Preprocessing:
    """How images of one model are prepared.

    Attributes
    ----------
    spacing
        Pixel size (y, x) of the network's grid, in the unit of the training set (mm; 1 for PNG and TIFF).
    schemes
        Name of the normalisation of each channel.
    masked
        For each channel, whether statistics leave out pixels that are zero in all channels.
    intensities
        Training statistics of each channel, for CT normalisation.
    image_order, probability_order
        Spline orders of resampling.
    swapped
        Whether the network sees rows and columns exchanged.
    """

    spacing: tuple[float, float]
    schemes: tuple[str, ...]
    masked: tuple[bool, ...]
    intensities: tuple[ForegroundIntensities | None, ...]
    image_order: int
    probability_order: int
    swapped: bool

    @classmethod
    def of(cls, plans: Plans, configuration: Configuration, channels: int) -> Preprocessing:
        """Collect what the plans say, for images of `channels` channels.

        Raises
        ------
        CheckpointError
            If the plans ask for something unknown or do not fit the number of channels.
        """
        schemes, masked = configuration.normalization_schemes, configuration.use_mask_for_norm
        if len(schemes) != channels or len(masked) != channels:
            raise CheckpointError(
                f"plans.json normalises {len(schemes)} channels, dataset.json names {channels}."
            )
        for name in (configuration.resampling_fn_data, configuration.resampling_fn_probabilities):
            if name != _RESAMPLING:
                raise CheckpointError(f"The resampling {name} of the nnU-Net plans is not supported.")
        intensities = tuple(plans.foreground_intensity_properties.get(str(i)) for i in range(channels))
        for index, scheme in enumerate(schemes):
            if scheme not in _SCHEMES:
                raise CheckpointError(f"The normalisation {scheme} of the nnU-Net plans is not supported.")
            if scheme == "CTNormalization" and intensities[index] is None:
                raise CheckpointError(
                    f"plans.json lacks the intensities of channel {index} for CTNormalization."
                )
        return cls(
            spacing=(configuration.spacing[-2], configuration.spacing[-1]),
            schemes=schemes,
            masked=masked,
            intensities=intensities,
            image_order=_order(configuration.resampling_fn_data_kwargs, 3),
            probability_order=_order(configuration.resampling_fn_probabilities_kwargs, 1),
            swapped=plans.transpose_forward == (0, 2, 1),
        )

    def forward(
        self, image: NDArray[np.float32], spacing: tuple[float, float]
    ) -> tuple[NDArray[np.float32], Box]:
        """Prepare an image for the network.

        Parameters
        ----------
        image
            (C, H, W) raw values.
        spacing
            Pixel size (y, x) of the image in the unit of the training set.

        Returns
        -------
        data
            (C, h, w) float32 on the network's grid.
        box
            What was cropped, in pixels of `image` (rows and columns exchanged if `swapped`).
        """
        if self.swapped:
            image, spacing = image.swapaxes(1, 2), spacing[::-1]
        box = nonzero_box(image)
        # a view, as in the original: numpy adds up a contiguous copy in another order
        cropped = np.array(image, dtype=np.float32, order="K")[:, *box.slices]
        inside = (cropped != 0).any(axis=0) if any(self.masked) else None
        for index, scheme in enumerate(self.schemes):
            mask = inside if self.masked[index] else None
            _SCHEMES[scheme](cropped[index], mask, self.intensities[index], None)
        return _resized(cropped, self._target(box.shape, spacing), self.image_order), box

    def part(
        self, image: NDArray[np.float32], whole: LayerStatistics, inside: Box | None
    ) -> NDArray[np.float32]:
        """Prepare a part of a layer that is on the network's grid already.

        Parameters
        ----------
        image
            (C, H, W) raw values.
        whole
            Of the layer, which is normalised as one case, all its planes together.
        inside
            The box of the layer in pixels of `image`, None if it holds all of them; beyond are zeros, as the
            original pads.

        Returns
        -------
        NDArray
            (C, H, W), or (C, W, H) if `swapped`.
        """
        data = np.array(image, dtype=np.float32)
        mask = (data != 0).any(axis=0) if any(self.masked) else None
        for index, scheme in enumerate(self.schemes):
            moments = whole.channels[index].moments
            assert moments is not None  # the family asks for them
            chosen = mask if self.masked[index] else None
            _SCHEMES[scheme](data[index], chosen, self.intensities[index], moments)
        if inside is not None:
            kept = np.zeros_like(data)
            kept[:, *inside.slices] = data[:, *inside.slices]
            data = kept
        return np.ascontiguousarray(data.swapaxes(1, 2)) if self.swapped else data

    def backward(self, logits: NDArray[np.floating], box: Box) -> NDArray[np.floating]:
        """Bring logits (K, h, w) back to the grid of the crop; the dtype stays."""
        return _resized(logits, box.shape, self.probability_order)

    def uncrop(
        self, probabilities: NDArray[np.float32], box: Box, shape: Shape, background: bool
    ) -> NDArray[np.float32]:
        """Put probabilities (K, h, w) back into an image (H, W); outside is background, if there is one."""
        canvas = (shape[1], shape[0]) if self.swapped else shape
        full = np.zeros((len(probabilities), *canvas), np.float32)
        if background:
            full[0] = 1
        full[:, *box.slices] = probabilities
        return np.ascontiguousarray(full.swapaxes(1, 2)) if self.swapped else full

    def _target(self, shape: Shape, spacing: tuple[float, float]) -> Shape:
        height, width = (
            # the order of the operations decides cases that end in .5
            round(have / want * size)
            for have, want, size in zip(spacing, self.spacing, shape, strict=True)
        )
        if min(height, width) < 1:
            raise InputError(
                f"At a pixel size of {spacing} the image is smaller than one pixel of the model "
                f"({self.spacing}); check the pixel size."
            )
        return height, width


def _order(arguments: dict[str, object], default: int) -> int:
    order = arguments.get("order", default)
    if not isinstance(order, int) or not 0 <= order <= 5:
        raise CheckpointError(f"plans.json asks for resampling of order {order}; 0 to 5 are possible.")
    return order


def _resized(planes: NDArray, shape: Shape, order: int) -> NDArray:
    if planes.shape[1:] == shape:
        return planes
    result = np.empty((len(planes), *shape), planes.dtype)
    for plane, target in zip(planes, result, strict=True):
        target[:] = resize(plane.astype(np.float64), shape, order, mode="edge", anti_aliasing=False)
    return result


# Each works in place on one channel (H, W) float32: with the moments of the layer that it is a part of, else its own.


def _ct(channel: _Plane, mask: _Mask, known: ForegroundIntensities | None, whole: Moments | None) -> None:
    assert known is not None  # `Preprocessing.of` has checked it
    np.clip(channel, known.percentile_00_5, known.percentile_99_5, out=channel)
    channel -= known.mean
    channel /= max(known.std, _EPSILON)


def _z_score(
    channel: _Plane, mask: _Mask, known: ForegroundIntensities | None, whole: Moments | None
) -> None:
    if mask is None:
        mean, std = (channel.mean(), channel.std()) if whole is None else (whole.mean, whole.std)
        channel -= mean
        channel /= max(std, _EPSILON)
    elif mask.any():
        values = channel[mask]
        mean, std = (values.mean(), values.std()) if whole is None else (whole.inner_mean, whole.inner_std)
        channel[mask] = (values - mean) / max(std, _EPSILON)


def _to_one(channel: _Plane, mask: _Mask, known: ForegroundIntensities | None, whole: Moments | None) -> None:
    channel -= channel.min() if whole is None else whole.low
    channel /= max(channel.max() if whole is None else whole.high - whole.low, _EPSILON)


def _rgb(channel: _Plane, mask: _Mask, known: ForegroundIntensities | None, whole: Moments | None) -> None:
    low, high = (channel.min(), channel.max()) if whole is None else (whole.low, whole.high)
    if low < 0 or high > 255:
        raise InputError(
            "This nnU-Net model expects 8-bit colours, but the image has values outside 0 to 255."
        )
    channel /= 255.0


_SCHEMES = {
    "CTNormalization": _ct,
    "ZScoreNormalization": _z_score,
    "NoNormalization": lambda *_: None,
    "RescaleTo01Normalization": _to_one,
    "RGBTo01Normalization": _rgb,
}
