"""A run of a single part: the window lives between one new layer and the next."""

from __future__ import annotations

from qtpy.QtCore import QTimer

from napari_pseudolabel.viewer import find_layer


def test_every_new_layer_has_a_turn_of_the_event_loop_of_its_own(dock, viewer, qtbot):
    turns, made, timer = [], [], QTimer()
    timer.timeout.connect(lambda: turns.append(None))
    timer.start(0)
    viewer.layers.events.inserted.connect(lambda event: made.append(len(turns)))
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    assert len(made) == len(set(made)) == 3


def test_a_new_run_before_the_last_layer_is_there_loses_nothing(dock, viewer, script, qtbot):
    dock.view.preview_button.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=10000)
    assert dock.busy
    script.label = 2
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    source = viewer.layers["sem_12"]
    assert (find_layer(viewer, source, "labels").data[20:] == 2).all()
    assert find_layer(viewer, source, "confidence") is not None
    assert find_layer(viewer, source, "translation") is not None
