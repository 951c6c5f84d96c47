"""The strategy "segmentation alone" of the Pseudo-label dock: a segmenter on the image as it is."""

from __future__ import annotations

import numpy as np
import pytest
from scripted_engine import MODELS, segmenter

from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.widgets.pseudo_label import label_jobs

PROXY = segmenter("sample:sem-proxy", "SEM")


@pytest.fixture(autouse=True)
def with_a_proxy(script, monkeypatch):
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: (*MODELS, PROXY))


def choose(dock, name):
    box = dock.view.strategy
    box.setCurrentIndex(box.findData(name))


def test_it_takes_the_segmenter_of_the_image_and_translates_nothing(dock, viewer, script, qtbot):
    # It is the cheapest, so it is proposed.
    assert (dock.view.choice().strategy, dock.view.choice().segmenter) == ("segmentation", "sample:sem-proxy")
    choose(dock, "adaptation")
    assert dock.view.choice().segmenter == "sample:tem-axons"
    choose(dock, "segmentation")
    assert dock.view.choice().segmenter == "sample:sem-proxy"
    assert dock.view.hint == ""
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    (job,) = script.jobs
    assert job.strategy_name == "segmentation"
    assert job.segmenter == "sample:sem-proxy"
    assert job.settings.flips == dock.view.choice().settings.flips
    source = viewer.layers["sem_12"]
    assert (find_layer(viewer, source, "labels").data[20:] == 1).all()
    assert find_layer(viewer, source, "translation") is None
    choose(dock, "adaptation")
    assert dock.view.choice().segmenter == "sample:tem-axons"


def test_only_what_it_asks_for_is_shown(dock):
    view = dock.view
    view.show()
    for strategy, translates, segments in (
        ("segmentation", False, True),
        ("tutorship", False, False),
        ("adaptation", True, True),
    ):
        choose(dock, strategy)
        assert view.models["translator"].isVisible() == translates
        assert view.picture.isVisible() == translates
        assert view.models["segmenter"].isVisible() == segments
        assert view.preview_button.isVisible() == (strategy != "tutorship")


def test_a_preview_labels_the_middle_of_the_view(dock, script, qtbot):
    choose(dock, "segmentation")
    dock.view.preview_button.setChecked(True)
    qtbot.waitUntil(lambda: len(script.jobs) == 1 and not dock.busy, timeout=10000)
    assert script.jobs[0].strategy_name == "segmentation"
    assert script.jobs[0].region is not None


def test_a_segmenter_of_another_modality_is_explained(dock):
    choose(dock, "segmentation")
    box = dock.view.models["segmenter"]
    box.setCurrentIndex(box.findData("sample:tem-axons"))
    assert "“tem-axons” was trained on TEM, but this image is SEM" in dock.view.misfits["segmenter"]
    assert not dock.view.run_button.isEnabled()
    box.setCurrentIndex(-1)
    assert "Choose a segmenter trained on SEM" in dock.view.hint


def test_it_follows_the_image(dock, viewer):
    choose(dock, "segmentation")
    viewer.add_image(np.zeros((8, 9)), name="tem", metadata={"modality": "TEM"})
    assert dock.view.choice().segmenter == "sample:tem-axons"
    viewer.layers.selection.active = viewer.layers["sem_12"]
    assert dock.view.choice().segmenter == "sample:sem-proxy"
