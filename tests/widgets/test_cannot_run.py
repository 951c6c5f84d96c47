"""What is known to be refused cannot be pressed in the Label dock, and the line in its place says what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scripted_engine import MODELS
from size_case import SIZED

from napari_pseudolabel.widgets.pseudo_label import label_jobs

COLOUR = replace(
    SIZED[0],
    ref="sample:colour",
    title="colour",
    card=SIZED[0].card.model_copy(update={"architecture": {"in_channels": 3}}),
)


@pytest.fixture(autouse=True)
def with_sizes(script, monkeypatch):
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: (*MODELS, *SIZED, COLOUR))


def choose(dock, strategy, segmenter=None):
    dock.view.choose_strategy(strategy)
    if segmenter is not None:
        box = dock.view.models["segmenter"]
        box.setCurrentIndex(box.findData(segmenter))


def refused(dock, *said):
    """Whether Run is grey, its shortcut does nothing, and the line says so."""
    dock.run()
    assert not dock.busy
    assert not dock.view.error.sentence
    assert not dock.view.run_button.isEnabled()
    assert all(one in dock.view.hint for one in said), dock.view.hint
    return True


def free(dock):
    assert dock.view.hint == ""
    return dock.view.run_button.isEnabled()


@pytest.mark.parametrize("strategy", ["segmentation", "adaptation", "feature-regions"])
def test_pixels_that_are_not_square(dock, viewer, qtbot, strategy):
    choose(dock, strategy, "sample:one" if strategy == "segmentation" else None)
    assert free(dock)
    layer = viewer.layers["sem_12"]
    layer.units, layer.scale = ("um", "um"), (0.1, 0.2)
    qtbot.waitUntil(lambda: not dock.view.run_button.isEnabled(), timeout=5000)  # napari tells nobody
    assert refused(dock, "beside Size")
    assert "not square" in dock.view.size_row.line
    assert not dock.view.size_row.find_button.isEnabled()
    dock.view.size_row.slider.setValue(dock.view.size_row.slider.value() + 8)
    qtbot.waitUntil(lambda: dock.view.run_button.isEnabled(), timeout=5000)


def test_pixels_that_are_not_square_hinder_nobody_who_asks_for_no_size(dock, viewer):
    viewer.add_image(np.ones((20, 30)), name="SEM oblong", scale=(0.1, 0.2), units=("um", "um"))
    assert refused(dock, "beside Size")
    for strategy in ("otsu", "grey-regions", "slic-regions"):
        choose(dock, strategy)
        assert free(dock), strategy
        assert not dock.view.size_row.warns


@pytest.mark.parametrize(
    ("scale", "segmenter", "said"),
    [
        ({"pixel_size_um": 100.0}, "sample:one", "1e+03 times"),
        ({"object_size_px": 30.0}, "sample:mute", "does not say how large its own are"),
        ({"object_size_px": 0.1}, "sample:one", "200 times"),
    ],
)
def test_sizes_of_which_nothing_follows(dock, scale, segmenter, said):
    choose(dock, "segmentation", segmenter)
    settings = dock.view.settings.value()
    dock.view.settings.set_value(replace(settings, scale=replace(settings.scale, **scale)))
    dock._refresh()
    assert refused(dock, "beside Size")
    assert said in dock.view.size_row.line


def test_a_file_with_absurd_pixels(dock, viewer):
    choose(dock, "segmentation", "sample:one")
    viewer.add_image(np.ones((20, 30)), name="SEM absurd", scale=(50, 50), units=("mm", "mm"))
    choose(dock, "segmentation", "sample:one")
    assert refused(dock, "beside Size")
    assert "check the pixel size" in dock.view.size_row.line


def test_a_model_of_several_channels_at_once(dock, viewer):
    choose(dock, "segmentation", "sample:colour")
    assert refused(dock, "under the model")
    assert "has 1 channel, but colour takes 3" in dock.view.misfits["segmenter"]
    viewer.add_image(np.zeros((20, 30, 3), np.uint8), name="SEM picture", rgb=True)
    choose(dock, "segmentation", "sample:colour")
    assert free(dock)
    choose(dock, "adaptation")
    choose(dock, "adaptation", "sample:colour")
    assert not dock.view.run_button.isEnabled()


def test_a_view_of_nothing(dock, viewer, qtbot):
    choose(dock, "segmentation", "sample:one")
    assert free(dock)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: not dock.view.run_button.isEnabled(), timeout=5000)
    assert refused(dock, "The view is 3D")
    dock.view.regions.choose("all")
    assert free(dock)
    assert not dock.view.preview_button.isEnabled()  # it is of the view
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(lambda: dock.view.preview_button.isEnabled(), timeout=5000)
    dock.view.regions.choose("view")
    assert free(dock)
    viewer.layers["sem_12"].corner_pixels = np.array([[50, 0], [60, 9]])  # as a canvas says
    qtbot.waitUntil(lambda: "outside of the image" in dock.view.hint, timeout=5000)
    assert refused(dock, "move the view")


def test_a_shape_beside_the_image(dock, viewer, qtbot):
    dock.view.regions.choose("shape")
    shapes = viewer.add_shapes([[[100, 100], [100, 120], [120, 120], [120, 100]]])
    qtbot.waitUntil(lambda: "outside of the image" in dock.view.hint, timeout=5000)
    assert refused(dock)
    shapes.data = [np.array([[5, 5], [5, 20], [20, 20], [20, 5]])]
    qtbot.waitUntil(lambda: dock.view.run_button.isEnabled(), timeout=5000)
