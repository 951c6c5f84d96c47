"""Objects numbered block by block are the objects of the whole, each with one number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pseudolabel.labels.objects import Fibre, Scheme, components, stitched_fibres, to_instances
from napari_pseudolabel.labels.objects.block_pieces import Components
from napari_pseudolabel.labels.objects.plane_blocks import blocks
from napari_pseudolabel.labels.objects.stitching import number_objects

SCHEMES = {
    "components": Scheme(),
    "fibres": Scheme(fibres=(Fibre(inner=2, outer=1),)),
    "fibres of tall pixels": Scheme(fibres=(Fibre(inner=2, outer=1, aspect=1.7),)),
    "touching": Scheme(touching=(1,)),
    "all, of flat pixels": Scheme(fibres=(Fibre(inner=2, outer=1),), touching=(3,), aspect=0.4),
}


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """Margins so small that objects go on beyond them."""
    monkeypatch.setattr(components, "_FIRST_PX", 2)
    monkeypatch.setattr(stitched_fibres, "_MARGIN_PX", 2)


def same_objects(one, other):
    """Whether two images of numbers are the same partition."""
    assert ((one > 0) == (other > 0)).all()
    pairs = np.unique(np.stack([one.ravel(), other.ravel()]), axis=1)
    pairs = pairs[:, pairs[0] > 0]
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]


def blobs(seed, shape, classes):
    """Classes in blobs of several sizes, which touch each other and the edges."""
    random = np.random.default_rng(seed)
    plane = np.zeros(shape, np.uint8)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for _ in range(int(random.integers(3, 25))):
        centre, radius = random.random(2) * shape, random.integers(1, 12)
        plane[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2] = random.integers(0, classes + 1)
    plane[random.random(shape) < 0.02] = random.integers(0, classes + 1)
    return plane


@pytest.mark.parametrize("name", SCHEMES)
@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10**6), side=st.integers(3, 40), height=st.integers(1, 60), width=st.integers(1, 60)
)
def test_blocks_make_the_objects_of_one_piece(name, seed, side, height, width):
    plane = blobs(seed, (height, width), 3)
    out = np.zeros(plane.shape, np.uint32)
    after = number_objects(plane, SCHEMES[name], out, first=5, side=side)
    whole = to_instances(plane, SCHEMES[name])
    same_objects(whole, out)
    numbers = np.unique(out[out > 0])
    np.testing.assert_array_equal(numbers, np.arange(5, after))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), side=st.integers(1, 9))
def test_a_component_over_many_blocks_is_one(seed, side):
    """A spiral and a diagonal of single pixels: what belongs together is known only at the end."""
    random = np.random.default_rng(seed)
    plane = (random.random((31, 29)) < 0.45).astype(np.uint8)
    plane[np.arange(29), np.arange(29)] = 1
    found = Components.of(plane, 1, side)
    numbers = np.zeros(plane.shape, int)
    for window in blocks(plane.shape, side):
        pieces, names = found.in_block(plane[window], window)
        numbers[window] = names[pieces]
    whole = to_instances(plane, Scheme())
    same_objects(whole, numbers)
    assert found.count == whole.max()


def test_an_empty_plane_has_no_objects():
    out = np.zeros((20, 20), np.uint32)
    assert number_objects(np.zeros((20, 20), np.uint8), SCHEMES["all, of flat pixels"], out, side=7) == 1
    assert not out.any()
