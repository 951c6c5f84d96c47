"""Layers of a run lie on their image, also after the person has told its pixel size."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_results import make_result

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import image_of, placement_of, push
from napari_pseudolabel.viewer.exporting import content_of
from napari_pseudolabel.viewer.following import Following
from napari_pseudolabel.viewer.objects_layer import objects_layer


@pytest.mark.parametrize("first", [True, False], ids=["before the layers", "after the layers"])
def test_what_a_run_made_goes_with_its_image(viewer, first):
    following = Following(viewer) if first else None
    source = viewer.add_image(np.random.default_rng(0).random((12, 16)), name="sem")
    other = viewer.add_image(np.zeros((12, 16)), name="other")
    mine = viewer.add_labels(np.ones((12, 16), np.uint8))
    made = push(viewer, source, make_result(np.ones((1, 12, 16)), Region(0, 0, 12, 16)))
    objects = objects_layer(viewer, made.labels)
    following = following or Following(viewer)
    source.scale = (0.02, 0.03)
    source.units = ("um", "um")
    source.translate = (5, 6)
    source.rotate = 30
    wanted = placement_of(source).layer_kwargs()
    for layer in (made.labels, made.confidence, objects):
        found = placement_of(layer).layer_kwargs()
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    assert content_of(viewer, made.labels).placement.scale == (0.02, 0.03)
    assert tuple(mine.scale) == tuple(other.scale) == (1, 1)
    assert following is not None


def test_channels_of_an_image_are_no_axis_of_its_labels(viewer):
    following = Following(viewer)
    source = viewer.add_image(np.random.default_rng(0).random((3, 12, 16)), name="sem")
    result = make_result(np.ones((1, 12, 16)), Region(0, 0, 12, 16))
    made = push(viewer, source, result, image=image_of(source, 0))
    source.scale = (1, 0.5, 0.25)
    assert tuple(made.labels.scale) == (0.5, 0.25)
    assert following is not None
