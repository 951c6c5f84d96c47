"""What a field looks like: axons in a transmission and a scanning electron microscope, nuclei in two stains.

TEM: myelin dark, axoplasm light with dark mitochondria, background of membranes and small
unmyelinated axons. SEM (backscattered contrast shown inverted): myelin bright, axon and background dark,
charging stripes and knife marks. Contrast, noise and blur vary from image to image around those of the real sets.

Fluorescence, and a purple stain on white (as luminance): dye, grain and sharpness belong to the field, so both looks
show the same nuclei pale, grainy or out of focus. The purple look follows Beer and Lambert: light falls off exponentially
with the dye it meets. Pale cell bodies, their edges and fibres are in the purple look only: the fluorescent dye does not bind to them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.measure import label

from napari_pseudolabel.sample_data.fields import AXON, BACKGROUND, MYELIN
from napari_pseudolabel.training.data.nuclei_fields import NucleiField, nuclei_field

_OUT_OF_FOCUS = 0.15  # share of the nuclei


def render_tem(labels: NDArray[np.uint8], *, seed: int) -> NDArray[np.uint8]:
    """Render a field as TEM.

    Parameters
    ----------
    labels
        (Y, X) field of `axon_field`.
    seed
        Of texture, contrast and noise.

    Returns
    -------
    NDArray
        (Y, X) uint8.
    """
    rng = np.random.default_rng((seed, 1))
    shape = labels.shape
    levels = {
        BACKGROUND: rng.uniform(0.5, 0.72),
        MYELIN: rng.uniform(0.08, 0.2),
        AXON: rng.uniform(0.72, 0.86),
    }
    image = _levels(labels, levels) + (labels == AXON) * _per_object(labels == AXON, rng, 0.05)
    image += (labels == BACKGROUND) * _profiles(shape, rng)
    image += (labels == AXON) * _smooth(shape, rng, 1.0, 0.05)
    image += (labels == MYELIN) * _smooth(shape, rng, 0.7, 0.05)
    image -= _blobs(labels == AXON, rng, density=1 / 900) * rng.uniform(0.25, 0.45)
    image += _smooth(shape, rng, 60, 0.04)
    return _finish(image, rng, blur=rng.uniform(0.5, 0.8), noise=rng.uniform(0.015, 0.04))


def render_sem(labels: NDArray[np.uint8], *, seed: int) -> NDArray[np.uint8]:
    """Render a field as SEM; see `render_tem`."""
    rng = np.random.default_rng((seed, 2))
    shape = labels.shape
    myelin = rng.uniform(0.6, 0.85)
    levels = {BACKGROUND: rng.uniform(0.08, 0.38), MYELIN: myelin, AXON: rng.uniform(0.08, 0.3)}
    image = _levels(labels, levels) + (labels == AXON) * _per_object(labels == AXON, rng, 0.08)
    image += (labels == MYELIN) * (_per_object(labels > 0, rng, 0.06) + _smooth(shape, rng, 1.2, 0.08))
    image += (labels == BACKGROUND) * (_smooth(shape, rng, 2.5, 0.09) + _smooth(shape, rng, 10, 0.05))
    image += (labels == AXON) * _smooth(shape, rng, 2, 0.04)
    image += _blobs(labels == AXON, rng, density=1 / 2500) * rng.uniform(0.05, 0.25)
    image += _blobs(labels == BACKGROUND, rng, density=1 / 1200) * rng.uniform(0.1, 0.35)
    image += _smooth(shape, rng, 60, 0.05) + _charging(shape, rng) + _knife_marks(shape, rng)
    return _finish(image, rng, blur=rng.uniform(0.7, 1.5), noise=rng.uniform(0.02, 0.06))


def _levels(labels: NDArray[np.uint8], levels: dict[int, float]) -> NDArray[np.float64]:
    table = np.array([levels[value] for value in (BACKGROUND, MYELIN, AXON)])
    return table[labels]


def _per_object(mask: NDArray[np.bool_], rng: np.random.Generator, spread: float) -> NDArray[np.float64]:
    """Return a constant offset per connected object."""
    objects, count = label(mask, return_num=True)
    offsets = np.r_[0.0, rng.normal(0, spread, count)]
    return offsets[objects]


def _blobs(mask: NDArray[np.bool_], rng: np.random.Generator, density: float) -> NDArray[np.float64]:
    """Soft spots of mitochondrial size inside `mask`, in [0, 1]."""
    seeds = rng.random(mask.shape) < density
    seeds &= ndi.binary_erosion(mask, iterations=3)
    size = rng.uniform(1.4, 2.6)
    spots = ndi.gaussian_filter(seeds.astype(float), size) * (2 * np.pi * size**2) * 1.5
    return np.clip(spots, 0, 1) * mask


def _profiles(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Small unmyelinated axons: light cells with dark membranes, around zero."""
    cell = rng.uniform(7, 13)
    count = max(2, int(shape[0] * shape[1] / cell**2))
    points = rng.uniform(0, 1, (count, 2)) * shape
    seeds = np.zeros(shape, np.int32)
    rows, columns = (np.clip(points[:, k].astype(int), 0, shape[k] - 1) for k in (0, 1))
    seeds[rows, columns] = np.arange(1, count + 1)
    nearest = ndi.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True)
    cells = seeds[tuple(nearest)]
    membrane = ndi.morphological_gradient(cells, size=3) > 0
    lightness = np.r_[0, rng.normal(0.06, 0.07, count)][cells]
    return np.where(membrane, -rng.uniform(0.1, 0.22), lightness)


def _charging(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Horizontal stripes, as charging leaves along the scan lines."""
    stripes = ndi.gaussian_filter1d(rng.standard_normal(shape[0]), 1.5)
    return (stripes / max(stripes.std(), 1e-9) * rng.uniform(0, 0.025))[:, None] * np.ones(shape)


def _knife_marks(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a few long scratches of the knife."""
    y, x = np.indices(shape)
    marks = np.zeros(shape)
    for _ in range(rng.poisson(0.7)):
        angle = rng.uniform(0, np.pi)
        distance = (x - rng.uniform(0, shape[1])) * np.cos(angle) + (y - rng.uniform(0, shape[0])) * np.sin(
            angle
        )
        marks += (
            rng.choice([-1, 1])
            * rng.uniform(0.05, 0.2)
            * np.exp(-0.5 * (distance / rng.uniform(0.6, 1.5)) ** 2)
        )
    return marks


def render_fluorescence(field: NucleiField, *, seed: int) -> NDArray[np.uint8]:
    """Render a field as fluorescence, nuclei bright on dark.

    Parameters
    ----------
    field
        Of `nuclei_field`.
    seed
        Of texture, brightness and noise; shared between the looks of one scene.

    Returns
    -------
    NDArray
        (Y, X) uint8.
    """
    dye = _dye(field, seed)
    rng = np.random.default_rng((seed, 1))
    brightness = np.r_[0.0, np.exp(rng.normal(0, 0.2, len(field.density) - 1))]
    image = dye * (0.35 + 0.45 * field.density + 0.2 * brightness)[field.labels]
    image = _defocused(image, field, seed)
    image += rng.uniform(0, 0.12) * ndi.gaussian_filter(image, 12)
    haze = rng.uniform(0.0, 0.08) + _smooth(field.labels.shape, rng, 60, rng.uniform(0, 0.03))
    image = image * rng.uniform(0.6, 0.95) + np.clip(haze, 0, None)
    return _finish(image, rng, blur=rng.uniform(0.5, 1.4), noise=rng.uniform(0.003, 0.03))


def render_purple(field: NucleiField, *, seed: int) -> NDArray[np.uint8]:
    """Render a field as the luminance of a purple stain, nuclei dark on white; see `render_fluorescence`."""
    dye = _dye(field, seed)
    rng = np.random.default_rng((seed, 2))
    shape = field.labels.shape
    strength = rng.uniform(1.1, 2.4)
    nuclei = _defocused(dye * (0.25 + 0.75 * field.density)[field.labels] * (field.labels > 0), field, seed)
    absorbed = strength * nuclei
    bodies = _bodies(shape, rng)
    absorbed += bodies * rng.uniform(0.02, 0.14) + _edges(bodies, rng) + _fibres(shape, rng)
    absorbed += rng.uniform(0, 0.12) * ndi.gaussian_filter(nuclei, 6)
    absorbed += np.clip(_smooth(shape, rng, 25, rng.uniform(0.0, 0.03)), -0.03, None)
    image = rng.uniform(0.9, 0.98) * np.exp(-np.clip(absorbed, -0.05, None))
    return _finish(image, rng, blur=rng.uniform(0.5, 1.0), noise=rng.uniform(0.004, 0.015))


def _dye(field: NucleiField, seed: int) -> NDArray[np.float64]:
    """Dye inside of the nuclei around 1: grains of chromatin, pale nuclei grainier and with a rim."""
    rng = np.random.default_rng((seed, 0))
    inside = field.labels > 0
    pale = (1 - field.density)[field.labels]
    grain = _smooth(inside.shape, rng, 1.3, 0.5) + _smooth(inside.shape, rng, 3.0, 0.25)
    depth = ndi.distance_transform_edt(_apart(field.labels))
    rim = np.exp(-0.5 * (depth / 2.0) ** 2)
    dye = 1 + grain * (0.12 + 0.6 * pale) + 0.35 * pale * rim
    return np.where(inside, np.clip(dye, 0.15, 1.9), 0.0)


def _defocused(image: NDArray[np.float64], field: NucleiField, seed: int) -> NDArray[np.float64]:
    """Return some nuclei lie above or below the plane of focus."""
    rng = np.random.default_rng((seed, 3))
    away = np.r_[False, rng.random(len(field.density) - 1) < _OUT_OF_FOCUS][field.labels]
    return np.where(away, 0, image) + ndi.gaussian_filter(np.where(away, image, 0), rng.uniform(1.2, 2.5))


def _apart(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Nuclei with a line between those that touch."""
    return (labels > 0) & (ndi.grey_erosion(labels, size=3) == labels)


def _bodies(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Pale cell bodies without dye, in [0, 1]."""
    drawn = nuclei_field((shape[0], shape[1]), seed=int(rng.integers(2**31)))
    kept = np.r_[False, rng.random(len(drawn.density) - 1) < rng.uniform(0, 0.7)]
    patches = ndi.gaussian_filter(np.where(kept, drawn.density, 0)[drawn.labels], rng.uniform(0.6, 1.5))
    tissue = np.clip(_smooth(shape, rng, 12, 0.6), 0, 1) * rng.uniform(0, 1)
    return np.clip(patches + tissue, 0, 1)


def _edges(bodies: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Light is bent at the borders of cell bodies: one side darker, the other lighter."""
    angle = rng.uniform(0, 2 * np.pi)
    slope = ndi.sobel(bodies, 0) * np.sin(angle) + ndi.sobel(bodies, 1) * np.cos(angle)
    return slope * rng.uniform(0, 0.08)


def _fibres(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """Strands of connective tissue along one direction, in parts of some images."""
    if rng.random() < 0.6:
        return np.zeros(shape)
    around = 2 * max(shape)
    strands = ndi.gaussian_filter(rng.standard_normal((around, around)), (rng.uniform(1.0, 3.0), 25))
    turned = ndi.rotate(strands / strands.std(), rng.uniform(0, 180), reshape=False, order=1, mode="wrap")
    top, left = ((around - side) // 2 for side in shape)
    inside = turned[top : top + shape[0], left : left + shape[1]]
    where = np.clip(_smooth(shape, rng, 40, 1.0), 0, 1.5)
    return np.clip(inside, -0.5, 3) * where * rng.uniform(0.02, 0.12)


def _smooth(
    shape: tuple[int, ...], rng: np.random.Generator, size: float, amplitude: float
) -> NDArray[np.float64]:
    """Gaussian texture of a given grain in pixels and standard deviation."""
    texture = ndi.gaussian_filter(rng.standard_normal(shape), size, mode="wrap")
    # On a field smaller than the grain the mean would shift the whole image.
    texture -= texture.mean()
    return texture / max(texture.std(), 1e-9) * amplitude


def _finish(
    image: NDArray[np.float64], rng: np.random.Generator, *, blur: float, noise: float
) -> NDArray[np.uint8]:
    """Blur of the optics in pixels, and shot noise of this standard deviation at half of the range; (Y, X) uint8."""
    image = ndi.gaussian_filter(image, blur)
    # Shot noise: grows with the signal.
    image = image + rng.standard_normal(image.shape) * noise * np.sqrt(np.clip(image, 0.1, 1) / 0.5)
    return (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
