"""What objects of an image look like, in numbers: enough to draw fields that look alike, with exact labels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.measure import regionprops_table
from skimage.segmentation import find_boundaries

from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.training.data.nuclei_fields import NucleiField, NucleiParams, nuclei_field

# Immerkær, Fast noise variance estimation, 1996: structure that is straight over three pixels gives nothing.
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_NOISE_GAIN = math.sqrt(math.pi / 2) / 6
_EDGE_SIGMA_PX = 0.7
_FEW = 8


@dataclass(frozen=True)
class FieldLook:
    """The look of one image, in its own pixels; grey levels are parts of its range.

    Attributes
    ----------
    geometry
        Size, spread, density, groups and shape of the objects.
    around, around_spread, around_grain
        Level of what is around objects; how much it differs over more than an object, and over less.
    inside, inside_spread, inside_grain
        Level of the objects, how much they differ from each other, and in themselves.
    blur_px
        Deviation of the Gaussian that objects are blurred by.
    noise
        Deviation of the noise, of every pixel for itself.
    """

    geometry: NucleiParams = field(default_factory=NucleiParams)
    around: float = 0.1
    around_spread: float = 0.02
    around_grain: float = 0.02
    inside: float = 0.7
    inside_spread: float = 0.1
    inside_grain: float = 0.05
    blur_px: float = 1.0
    noise: float = 0.02

    def varied(self, rng: np.random.Generator) -> FieldLook:
        """Return a look like it: images of one kind differ among each other more than a measurement of a few says."""

        def times(value: float, spread: float = 0.2) -> float:
            return float(value * np.exp(rng.normal(0, spread)))

        shape = self.geometry
        return replace(
            self,
            geometry=replace(
                shape,
                diameter_px=times(shape.diameter_px, 0.1),
                covered=float(min(shape.covered * rng.uniform(0.6, 1.5), 0.75)),
            ),
            inside=self.around + times(self.inside - self.around, 0.15),
            around_spread=times(self.around_spread),
            around_grain=times(self.around_grain),
            inside_grain=times(self.inside_grain),
            blur_px=times(self.blur_px),
            noise=times(self.noise),
        )


def look_of(plane: NDArray[np.float32], numbered: NDArray[np.int32], size_px: float) -> FieldLook:
    """Measure the look of an image.

    Parameters
    ----------
    plane
        (H, W) float32 in [0, 1].
    numbered
        (H, W) objects as far as they were found, 0 is background.
    size_px
        Typical diameter of the objects, for what too few of them cannot tell.

    Returns
    -------
    FieldLook
        What cannot be measured is as usual in images of nuclei.
    """
    usual = FieldLook()
    noise = _noise(plane)
    mask = numbered > 0
    away = ndi.distance_transform_edt(~mask) > max(2.0, size_px / 8)
    if not mask.any() or away.sum() < 25:
        return replace(usual, geometry=replace(usual.geometry, diameter_px=size_px), noise=noise)
    around = float(np.median(plane[away]))
    broad, fine = _textures(plane, away, size_px, noise)
    inner = mask & (ndi.distance_transform_edt(mask) > 1.5)
    inner = inner if inner.any() else mask
    numbers = np.unique(numbered[inner])
    levels = ndi.mean(plane, np.where(inner, numbered, 0), numbers)
    grains = ndi.standard_deviation(plane, np.where(inner, numbered, 0), numbers)
    inside = float(np.median(levels))
    return FieldLook(
        _geometry(numbered, size_px),
        around,
        broad,
        fine,
        inside,
        float(np.std(levels)) if len(levels) >= _FEW else usual.inside_spread * abs(inside - around),
        _without(float(np.median(grains)), noise),
        _blur(plane, numbered, inside - around),
        noise,
    )


def drawn(look: FieldLook, shape: tuple[int, int], *, seed: int) -> tuple[NDArray[np.float32], NucleiField]:
    """Draw a field that has a look: (H, W) float32 in about [0, 1], and its objects."""
    made = nuclei_field(shape, seed=seed, params=look.geometry)
    rng = np.random.default_rng((seed, 4))
    size = look.geometry.diameter_px
    levels = look.inside + rng.normal(0, look.inside_spread, len(made.density))
    # An object that cannot be told from what is around it would be a label without a cause.
    apart, least = look.inside - look.around, 0.3
    levels = look.around + np.sign(apart) * np.maximum(
        np.sign(apart) * (levels - look.around), least * abs(apart)
    )
    ground = look.around + _grain(shape, rng, 2 * size, look.around_spread)
    ground += _grain(shape, rng, size / 8, look.around_grain)
    inside = levels[made.labels] + _grain(shape, rng, size / 10, look.inside_grain)
    image = np.where(made.labels > 0, inside, ground)
    # Between objects that touch is less of them: the line by which people tell them apart.
    line = find_boundaries(made.labels, mode="inner") & (ndi.minimum_filter(made.labels, 3) > 0)
    image[line] = (image[line] + look.around) / 2
    image = ndi.gaussian_filter(image, look.blur_px) + rng.normal(0, look.noise, shape)
    return image.astype(np.float32), made


def _geometry(numbered: NDArray[np.int32], size_px: float) -> NucleiParams:
    usual = NucleiParams()
    covered = float(np.clip((numbered > 0).mean(), 0.01, 0.75))
    table = regionprops_table(
        numbered, properties=("label", "area", "axis_major_length", "axis_minor_length")
    )
    if len(table["label"]) < _FEW:
        return replace(usual, diameter_px=size_px, covered=covered)
    ratios = table["axis_major_length"] / np.maximum(table["axis_minor_length"], 1.0)
    islands, count = ndi.label(numbered > 0, SQUARE)
    island_of = ndi.maximum(islands, numbered, table["label"]).astype(int)
    alone = np.bincount(island_of, minlength=count + 1)[island_of] < 2
    return replace(
        usual,
        diameter_px=size_px,
        diameter_spread=float(np.clip(np.std(np.log(table["area"])) / 2, 0.1, 0.5)),
        covered=covered,
        grouping=float(np.clip(1 - alone.mean(), 0.05, 0.9)),
        # The mean of |x| is that share of the deviation of a Gaussian.
        elongation=float(np.clip(np.mean(np.log(ratios)) * math.sqrt(math.pi / 2), 0.1, 0.7)),
    )


def _textures(
    plane: NDArray[np.float32], away: NDArray[np.bool_], size_px: float, noise: float
) -> tuple[float, float]:
    """Deviation of what is around objects over more than an object, and over less without noise."""
    weight = ndi.gaussian_filter(away.astype(np.float32), size_px)
    smooth = ndi.gaussian_filter(np.where(away, plane, 0), size_px) / np.maximum(weight, 1e-3)
    return float(np.std(smooth[away])), _without(float(np.std((plane - smooth)[away])), noise)


def _blur(plane: NDArray[np.float32], numbered: NDArray[np.int32], contrast: float) -> float:
    """How far the borders of objects are blurred: the steepest slope of a blurred step tells."""
    slope = ndi.gaussian_gradient_magnitude(plane, _EDGE_SIGMA_PX)
    border = find_boundaries(numbered > 0, mode="thick")
    steepest = float(np.percentile(slope[border], 75)) if border.any() else 0.0
    seen = abs(contrast) / (math.sqrt(2 * math.pi) * max(steepest, 1e-4))
    return float(np.clip(_without(seen, _EDGE_SIGMA_PX), 0.4, 5.0))


def _noise(plane: NDArray[np.float32]) -> float:
    return float(np.abs(ndi.convolve(plane, _NOISE_KERNEL)).mean() * _NOISE_GAIN)


def _without(deviation: float, part: float) -> float:
    """Return what is left of a deviation without an independent part of it."""
    return math.sqrt(max(deviation**2 - part**2, 0.0))


def _grain(
    shape: tuple[int, int], rng: np.random.Generator, size: float, amplitude: float
) -> NDArray[np.float64]:
    """Gaussian texture of a grain in pixels and a deviation."""
    # Coarse grain is drawn coarsely: a filter as wide as the field would cost seconds.
    step = max(int(size / 4), 1)
    few = tuple(-(-side // step) + 2 for side in shape)
    texture = ndi.gaussian_filter(rng.standard_normal(few), size / step)
    texture *= amplitude / max(float(texture.std()), 1e-9)
    whole = ndi.zoom(texture, step, order=1) if step > 1 else texture
    return np.asarray(whole[: shape[0], : shape[1]])
