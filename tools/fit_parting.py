"""How nuclei that touch are told apart: the weights of ``labels/objects/parting.py``, by logistic regression.

    python tools/fit_parting.py DATA

DATA holds the folder ``nuclei``. Images of the purple stain are labelled by both proxies of nuclei, images of fluorescence by their
segmenter, magnified so that nuclei have the width that models know, and .7 and 1.4 times that. What comes out is cut into too many
pieces; of each pair that touches, the labels of people say whether it is one nucleus. No image that is held out takes part, and none of
lavender tissue.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray
from recipes import nuclei
from scipy.optimize import minimize
from scipy.special import expit

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import read
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.objects.parting import FEATURES, first_pieces
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelJob, LabelSettings

LEARNED_FROM = (
    (nuclei.PURPLE, "sample:purple-proxy", 1),
    (nuclei.PURPLE, "sample:lavender-proxy", 1),
    (nuclei.FLUORESCENCE, "sample:fluorescence-nuclei", 2),
)
"""Stain, segmenter, and of how many images one is taken."""
FACTORS = (0.7, 1.0, 1.4)
_MOST_PX = 600_000
_OWN = 0.3  # share of a piece that lies in one nucleus, at least
_RIDGE = 1.7  # as usual for features of variance 1: half of the sum of squares over .3


def main(data: Path) -> None:
    """Print what was learned."""
    models = LoadedModels()
    found = [
        one
        for stain, segmenter, every in LEARNED_FROM
        for one in pairs(data, stain, segmenter, every, models)
    ]
    features = np.concatenate([values for values, _ in found])
    differ = np.concatenate([answers for _, answers in found])
    weights = fitted(features, differ)
    print(f"{len(differ)} pairs, {differ.mean():.2f} of them two nuclei")
    for name, weight in zip((*FEATURES, "offset"), weights, strict=True):
        print(f"{weight:9.3f}  {name}")


def pairs(
    data: Path, stain: nuclei.Modality, segmenter: str, every: int, models: LoadedModels
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """Yield features of pairs of pieces, and whether they are two nuclei; of each image and magnification."""
    for name in nuclei.names(data, stain, held_out=False)[::every]:
        truth = nuclei.instances(data, stain, name)
        if truth.size > _MOST_PX:
            continue
        image = read(data / "nuclei" / nuclei.FOLDERS[stain.name] / "images" / f"{name}.png")
        size = nuclei.median_diameter(truth)
        for factor in FACTORS:
            wanted = LabelSettings(flips=3, scale=Scale(factor=factor * 20 / size))
            made = LabelJob(image, segmenter=segmenter, settings=wanted, across=True).run(Control(), models)
            assert made.labels is not None
            assert made.confidence is not None
            mask, sure = made.labels[0] > 0, made.confidence[0]
            yield answered(mask, np.where(mask, sure, 1 - sure), truth, size)


def answered(
    mask: NDArray[np.bool_], sure: NDArray[np.float32], truth: NDArray[np.int32], size: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Compare pieces with the nuclei of people; pieces that lie in none have no say."""
    found = first_pieces(mask, sure, size)
    common = np.zeros((int(found.pieces.max()) + 1, int(truth.max()) + 1), np.int64)
    np.add.at(common, (found.pieces.ravel(), truth.ravel()), 1)
    owner = common[:, 1:].argmax(axis=1)
    owned = common[:, 1:].max(axis=1) > _OWN * common.sum(axis=1)
    one, other = found.pairs[:, 0], found.pairs[:, 1]
    known = owned[one] & owned[other]
    return found.features[known], (owner[one] != owner[other])[known]


def fitted(features: NDArray[np.float64], differ: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return a weight for each feature, and the offset."""
    middle, spread = features.mean(axis=0), features.std(axis=0)
    known, signs = (features - middle) / spread, np.where(differ, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = signs * (known @ weights[:-1] + weights[-1])
        pulls = -signs * expit(-margins)
        slope = np.append(known.T @ pulls + 2 * _RIDGE * weights[:-1], pulls.sum())
        return float(np.logaddexp(0, -margins).sum() + _RIDGE * (weights[:-1] ** 2).sum()), slope

    best = minimize(loss, np.zeros(features.shape[1] + 1), jac=True, method="L-BFGS-B").x
    scaled = best[:-1] / spread
    return np.append(scaled, best[-1] - scaled @ middle)


if __name__ == "__main__":
    typer.run(main)
