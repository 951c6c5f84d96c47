"""What a field of nuclei looks like in fluorescence, and in a purple stain on white (as luminance).

Dye, grain and sharpness belong to the field, so both looks show the same nuclei pale, grainy or out of focus.
The purple look follows Beer and Lambert: light falls off exponentially with the dye it meets. Pale cell bodies,
their edges and fibres are in the purple look only: the fluorescent dye does not bind to them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.sample_data.nuclei import NucleiField, nuclei_field
from napari_pseudolabel.sample_data.texture import finish, smooth

_OUT_OF_FOCUS = 0.15  # share of the nuclei


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
    haze = rng.uniform(0.0, 0.08) + smooth(field.labels.shape, rng, 60, rng.uniform(0, 0.03))
    image = image * rng.uniform(0.6, 0.95) + np.clip(haze, 0, None)
    return finish(image, rng, blur=rng.uniform(0.5, 1.4), noise=rng.uniform(0.003, 0.03))


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
    absorbed += np.clip(smooth(shape, rng, 25, rng.uniform(0.0, 0.03)), -0.03, None)
    image = rng.uniform(0.9, 0.98) * np.exp(-np.clip(absorbed, -0.05, None))
    return finish(image, rng, blur=rng.uniform(0.5, 1.0), noise=rng.uniform(0.004, 0.015))


def _dye(field: NucleiField, seed: int) -> NDArray[np.float64]:
    """Dye inside of the nuclei around 1: grains of chromatin, pale nuclei grainier and with a rim."""
    rng = np.random.default_rng((seed, 0))
    inside = field.labels > 0
    pale = (1 - field.density)[field.labels]
    grain = smooth(inside.shape, rng, 1.3, 0.5) + smooth(inside.shape, rng, 3.0, 0.25)
    depth = ndi.distance_transform_edt(_apart(field.labels))
    rim = np.exp(-0.5 * (depth / 2.0) ** 2)
    dye = 1 + grain * (0.12 + 0.6 * pale) + 0.35 * pale * rim
    return np.where(inside, np.clip(dye, 0.15, 1.9), 0.0)


def _defocused(image: NDArray[np.float64], field: NucleiField, seed: int) -> NDArray[np.float64]:
    """Some nuclei lie above or below the plane of focus."""
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
    tissue = np.clip(smooth(shape, rng, 12, 0.6), 0, 1) * rng.uniform(0, 1)
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
    where = np.clip(smooth(shape, rng, 40, 1.0), 0, 1.5)
    return np.clip(inside, -0.5, 3) * where * rng.uniform(0.02, 0.12)
