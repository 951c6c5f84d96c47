"""Heat of phrases lies where the image lies, below the labels, and goes with what is asked."""

from __future__ import annotations

import numpy as np

from napari_pseudolabel.strategies.grounding.phrase_factory import PhraseHeat
from napari_pseudolabel.viewer.heat_layers import show_heat
from napari_pseudolabel.viewer.image_layers import image_of
from napari_pseudolabel.viewer.records import is_helper


def heat(plane, *phrases, value=0.5):
    maps = {name: np.full((len(phrases), 5, 8), value, np.float16) for name in ("attention", "difference")}
    return PhraseHeat(plane, phrases, maps, "attention")


def test_heat_covers_the_image_and_follows_what_is_asked(viewer):
    source = viewer.add_image(
        np.zeros((3, 20, 24)),
        name="em",
        scale=(2, 0.5, 0.5),
        translate=(0, 7, 9),
        rotate=np.eye(3)[[0, 2, 1]],
    )
    image = image_of(source)
    active = viewer.layers.selection.active
    show_heat(viewer, source, image, "another event")
    assert len(viewer.layers) == 1
    show_heat(viewer, source, image, heat((1,), "axon", "myelin"))
    show_heat(viewer, source, image, heat((2,), "axon", "myelin", value=0.25))
    assert viewer.layers.selection.active is active
    assert [one.name for one in viewer.layers if one.visible] == ["em", "em: “axon” (where it looks)"]
    assert len(viewer.layers) == 5
    layer = next(one for one in viewer.layers if "axon" in one.name and "looks" in one.name)
    assert is_helper(layer)
    assert [layer.data[number, 0, 0] for number in (1, 2)] == [0.5, 0.25]
    assert np.isnan(layer.data[0]).all()
    # The corners of both are at the same places of the world.
    for corner in ((0, -0.5, -0.5), (2, 0.5, 1.5)):
        large = (corner[0], (corner[1] + 0.5) * 4 - 0.5, (corner[2] + 0.5) * 3 - 0.5)
        np.testing.assert_allclose(layer.data_to_world(corner), source.data_to_world(large))
    show_heat(viewer, source, image, heat((1,), "axon"))
    assert len(viewer.layers) == 3
    viewer.layers.remove(source)
    show_heat(viewer, source, image, heat((1,), "nucleus"))
    assert len(viewer.layers) == 2
