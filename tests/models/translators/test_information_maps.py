"""Local mutual information against a literal implementation, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_pseudolabel.models.translators.information_maps import Information
from napari_pseudolabel.models.translators.structure_maps import StructureMaps


def literal(source, image, bins, search):
    """The map as the paper describes it, with loops."""
    centres = np.linspace(0, 1, bins)
    width = 0.8 / (bins - 1)

    def patch(plane, y, x):
        rows, columns = range(y - 1, y + 2), range(x - 1, x + 2)
        inside = [
            plane[r, c] if 0 <= r < plane.shape[0] and 0 <= c < plane.shape[1] else 0.0
            for r in rows
            for c in columns
        ]
        return np.exp(-0.5 * ((np.array(inside)[:, None] - centres) / width) ** 2)

    def entropy(counts):
        shares = counts / counts.sum()
        shares = shares[shares > 0]
        return -(shares * np.log2(shares)).sum()

    found = np.zeros(source.shape)
    near = (-1, 0, 1) if search else (0,)
    for y, x in np.ndindex(source.shape):
        own = patch(source, y, x)
        for dy in near:
            for dx in near:
                other = patch(image, y + dy, x + dx)
                apart = entropy(own.sum(0)) + entropy(other.sum(0))
                found[y, x] = max(found[y, x], 2 * (apart - entropy((own.T @ other).ravel())) / apart)
    return found


def _images():
    rng = np.random.default_rng(0)
    return rng.random((7, 9)), np.clip(rng.normal(0.5, 0.4, (7, 9)), -0.2, 1.2)


def _map(measure, source, image):
    source, image = (torch.from_numpy(one)[None, None] for one in (source, image))
    return measure.between(measure.terms(source), image)[0, 0].numpy()


@pytest.mark.parametrize(("bins", "search"), [(27, True), (9, False)])
def test_the_map_is_that_of_the_literal_implementation(bins, search):
    source, image = _images()
    expected = literal(source, image.clip(0, 1), bins, search)
    np.testing.assert_allclose(_map(Information(bins, search), source, image), expected, atol=1e-6)
    assert expected.std() > 0.03


def test_contrast_does_not_matter():
    source, image = _images()
    measure = Information(9, search=True)
    inside = np.s_[3:-3, 3:-3]  # what lies outside of an image is black, and is not inverted
    found = [_map(measure, source, one)[inside] for one in (image, 1 - image)]
    np.testing.assert_allclose(*found, atol=1e-6)
    maps = StructureMaps("gradients")
    there, back = (maps.of_source(torch.from_numpy(one)[None, None] * 2 - 1) for one in (source, 1 - source))
    torch.testing.assert_close(there, back)
