"""napari's notice about units does not pop up again for layers of a run."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_pseudolabel.viewer import find_layer, is_ours

SENTENCE = "Inconsistent units across layers; units will not be used for rendering."


@pytest.fixture
def heard():
    found = []

    def hear(notification):
        found.append(notification.message)

    notification_manager.notification_ready.connect(hear)
    yield found
    notification_manager.notification_ready.disconnect(hear)


@pytest.fixture
def window(make_napari_viewer_proxy, script, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "napari_pseudolabel.widgets.common.recent_choices.user_config_path", lambda *_, **__: tmp_path
    )
    return make_napari_viewer_proxy(show=True)


def opened(viewer, qtbot):
    _, widget = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Pseudo-label")
    qtbot.waitUntil(lambda: not widget.controller.models.loading, timeout=20000)
    return widget


def run(widget, qtbot):
    widget.view.run_button.click()
    qtbot.waitUntil(lambda: not widget.controller.busy, timeout=10000)
    qtbot.wait(200)  # until everything is drawn


def image(viewer, **given):
    return viewer.add_image(np.random.default_rng(0).random((40, 50)), metadata={"modality": "SEM"}, **given)


def test_a_run_on_an_image_without_a_size_says_nothing_about_units(window, heard, qtbot):
    source = image(window, name="scan")
    widget = opened(window, qtbot)
    run(widget, qtbot)
    made = [layer for layer in window.layers if is_ours(layer)]
    assert len(made) == 3
    assert {tuple(layer.units) for layer in made} == {tuple(source.units)}
    assert SENTENCE not in heard


def test_beside_an_image_with_a_size_it_is_said_once_and_not_for_every_layer_of_a_run(window, heard, qtbot):
    widget = opened(window, qtbot)
    image(window, name="sample", scale=(0.1, 0.1), units=("um", "um"))
    source = image(window, name="scan")
    qtbot.waitUntil(lambda: heard.count(SENTENCE) == 1, timeout=5000)
    run(widget, qtbot)
    labels = find_layer(window, source, "labels")
    assert tuple(labels.units) == tuple(source.units)
    assert heard.count(SENTENCE) == 1
    window.layers.remove(labels)
    run(widget, qtbot)
    assert heard.count(SENTENCE) == 1
