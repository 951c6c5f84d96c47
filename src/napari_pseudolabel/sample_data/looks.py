"""What a field looks like in a transmission and in a scanning electron microscope.

TEM: myelin dark, axoplasm light with dark mitochondria, background of membranes and small
unmyelinated axons. SEM (backscattered contrast shown inverted): myelin bright, axon and background dark,
charging stripes and knife marks. Contrast, noise and blur vary from image to image around those of the real sets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.measure import label

from napari_pseudolabel.sample_data.fields import AXON, BACKGROUND, MYELIN
from napari_pseudolabel.sample_data.texture import finish, smooth


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
    image += (labels == AXON) * smooth(shape, rng, 1.0, 0.05)
    image += (labels == MYELIN) * smooth(shape, rng, 0.7, 0.05)
    image -= _blobs(labels == AXON, rng, density=1 / 900) * rng.uniform(0.25, 0.45)
    image += smooth(shape, rng, 60, 0.04)
    return finish(image, rng, blur=rng.uniform(0.5, 0.8), noise=rng.uniform(0.015, 0.04))


def render_sem(labels: NDArray[np.uint8], *, seed: int) -> NDArray[np.uint8]:
    """Render a field as SEM; see `render_tem`."""
    rng = np.random.default_rng((seed, 2))
    shape = labels.shape
    myelin = rng.uniform(0.6, 0.85)
    levels = {BACKGROUND: rng.uniform(0.08, 0.38), MYELIN: myelin, AXON: rng.uniform(0.08, 0.3)}
    image = _levels(labels, levels) + (labels == AXON) * _per_object(labels == AXON, rng, 0.08)
    image += (labels == MYELIN) * (_per_object(labels > 0, rng, 0.06) + smooth(shape, rng, 1.2, 0.08))
    image += (labels == BACKGROUND) * (smooth(shape, rng, 2.5, 0.09) + smooth(shape, rng, 10, 0.05))
    image += (labels == AXON) * smooth(shape, rng, 2, 0.04)
    image += _blobs(labels == AXON, rng, density=1 / 2500) * rng.uniform(0.05, 0.25)
    image += _blobs(labels == BACKGROUND, rng, density=1 / 1200) * rng.uniform(0.1, 0.35)
    image += smooth(shape, rng, 60, 0.05) + _charging(shape, rng) + _knife_marks(shape, rng)
    return finish(image, rng, blur=rng.uniform(0.7, 1.5), noise=rng.uniform(0.02, 0.06))


def _levels(labels: NDArray[np.uint8], levels: dict[int, float]) -> NDArray[np.float64]:
    table = np.array([levels[value] for value in (BACKGROUND, MYELIN, AXON)])
    return table[labels]


def _per_object(mask: NDArray[np.bool_], rng: np.random.Generator, spread: float) -> NDArray[np.float64]:
    """A constant offset per connected object."""
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
    """A few long scratches of the knife."""
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
