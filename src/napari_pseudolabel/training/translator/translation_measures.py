"""How good is a translation when nobody knows the right one? Measured through a low-pass.

A translator that is trained to find the way back hides the source in fine patterns of low amplitude: the way
back looks perfect although structures of the translation are missing or invented. Everything here therefore
looks only at what passes a low-pass (Chu et al. 2017 for the hidden signals; DCT truncation for the filter), and the
way back is also tried from a translation whose fine patterns are replaced by noise of the same strength. Structures
that are really there survive that; hidden ones do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn, idctn

Images = NDArray[np.float32]

_ENERGY = 0.99
# At least half of the frequencies are always filtered out, because that is where signals are hidden.
_KEEP_RANGE = (0.1, 0.5)
_BINS = 24
_LEAST_NOISE = 0.01

WAYS = ("source_to_target", "target_to_source")


def low_pass(images: Images, keep: float) -> Images:
    """Keep the lowest share of the frequencies of a cosine transform along both axes.

    Parameters
    ----------
    images
        (..., H, W) float32.
    keep
        Share of the indices that stay, in (0, 1].

    Returns
    -------
    ndarray
        As `images`; values may leave the range of the input by a little.
    """
    spectrum = dctn(images, axes=(-2, -1), norm="ortho")
    rows, columns = (max(1, int(np.ceil(keep * size))) for size in images.shape[-2:])
    spectrum[..., rows:, :] = 0
    spectrum[..., columns:] = 0
    return idctn(spectrum, axes=(-2, -1), norm="ortho").astype(np.float32)


def cutoff(images: Images, energy: float = _ENERGY) -> float:
    """Return the smallest share of frequencies that holds `energy` of the variation of real images, in [0.1, 0.5]."""
    power = dctn(images, axes=(-2, -1), norm="ortho").astype(np.float64) ** 2
    power[..., 0, 0] = 0
    power = power.reshape(-1, *images.shape[-2:]).sum(axis=0)
    position = _position(power.shape)
    order = np.argsort(position, axis=None, kind="stable")
    held = np.cumsum(power.ravel()[order])
    if held[-1] == 0:
        return _KEEP_RANGE[0]
    at = int(np.searchsorted(held, energy * held[-1]))
    return float(np.clip(position.ravel()[order[min(at, held.size - 1)]], *_KEEP_RANGE))


def sharpness(made: Images, real: Images, keep: float) -> float:
    """Energy of fine structure in translations over that in real images of the modality.

    Below 1 they are blurred, above 1 they are noisier than real ones. Fine is the upper half of what passes the
    low-pass. Both arrays are (N, H, W) of the same H and W; infinite when only the real ones are flat.
    """
    energies = []
    for images in (made, real):
        power = dctn(images, axes=(-2, -1), norm="ortho") ** 2
        position = _position(images.shape[-2:])
        band = (position > keep / 2) & (position <= keep)
        energies.append(float(power[..., band].mean()))
    return energies[0] / energies[1] if energies[1] > 0 else float("inf") if energies[0] > 0 else 1.0


def edge_agreement(first: Images, second: Images) -> float:
    """Correlation of the strengths of edges, in [-1, 1], mean over images; blind to the sign of the contrast.

    Mutual information of grey values, the other measure that is blind to contrast, was tried on real images and
    rose while labels got worse: it rewards translations that lose their texture.
    """
    one, two = (np.hypot(*np.gradient(images, axis=(-2, -1))) for images in (first, second))
    return contrast(one, two)


def contrast(first: Images, second: Images) -> float:
    """Pearson's correlation of the grey values, in [-1, 1], mean over images: 1 where bright stays bright, -1 where it becomes dark.

    Which of the two is right depends on the modalities. The way back undoes an inversion and edges do not
    see it, so no other measure tells that a training has taken the wrong one. 0 for an image without any variation.
    """
    found = []
    for one, two in zip(first, second, strict=True):
        a, b = (image.ravel() - image.mean() for image in (one, two))
        norm = float(np.linalg.norm(a) * np.linalg.norm(b))
        found.append(float(a @ b) / norm if norm > 0 else 0.0)
    return float(np.mean(found))


def look(made: Images, real: Images) -> float:
    """How far the histograms of translations and of real images overlap, in [0, 1]."""
    shares = [np.histogram(np.clip(x, 0, 1), _BINS, (0, 1))[0] / x.size for x in (made, real)]
    return float(np.minimum(*shares).sum())


def probed(images: Images, keep: float, seed: int) -> Images:
    """Replace what the low-pass takes away by white noise of the same strength (at least 0.01), clipped to [0, 1]."""
    coarse = low_pass(images, keep)
    strength = np.maximum((images - coarse).std(axis=(-2, -1), keepdims=True), _LEAST_NOISE)
    noise = np.random.default_rng(seed).standard_normal(images.shape, np.float32)
    return np.clip(coarse + strength * noise, 0, 1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Crossing:
    """One way of a pair of translators on some crops, all (N, H, W) float32 in [0, 1].

    Attributes
    ----------
    real
        Crops of the modality that is translated.
    made
        Their translations.
    back
        The way back from `made`.
    back_probed
        The way back from ``probed(made)``.
    wanted
        Real crops of the modality that is made, unrelated to the others.
    """

    real: Images
    made: Images
    back: Images
    back_probed: Images
    wanted: Images


def measure(ways: Sequence[Crossing], keep: tuple[float, float]) -> dict[str, float]:
    """All measures by name: the mean of both ways, and each way as ``NAME_source_to_target`` and the reverse.

    Parameters
    ----------
    ways
        Source to target, and target to source.
    keep
        Share of the frequencies that passes in source and in target images, see `cutoff`.

    Returns
    -------
    dict
        ``content`` (-1 to 1): how well edges agree with the source. ``look`` (0 to 1): overlap of the
        histograms with real images. ``sharpness`` (1 is right): fine structure against real images. ``cycle``:
        mean absolute error of the way back. ``cycle_probed``: the same after the probe. ``hidden``: what the probe
        costs, ``cycle_probed - cycle``; large when the way back lives on hidden signals. ``contrast`` (-1 to 1): whether
        bright stays bright.
    """
    single: dict[str, list[float]] = {}
    for k, way in enumerate(ways):
        own, other = keep[k], keep[1 - k]
        real, made = low_pass(way.real, own), low_pass(way.made, other)
        cycle, cycle_probed = (
            float(np.abs(low_pass(back, own) - real).mean()) for back in (way.back, way.back_probed)
        )
        for name, value in {
            "content": edge_agreement(real, made),
            "look": look(made, low_pass(way.wanted, other)),
            "sharpness": sharpness(way.made, way.wanted, other),
            "cycle": cycle,
            "cycle_probed": cycle_probed,
            "hidden": cycle_probed - cycle,
            "contrast": contrast(real, made),
        }.items():
            single.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in single.items()} | {
        f"{name}_{way}": value
        for name, values in single.items()
        for way, value in zip(WAYS, values, strict=True)
    }


def _position(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Share of the frequencies one must keep to keep a coefficient."""
    rows, columns = ((np.arange(size) + 1) / size for size in shape)
    return np.maximum(rows[:, None], columns[None, :])
