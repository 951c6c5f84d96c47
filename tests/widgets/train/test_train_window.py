"""The Train dock in a real napari window."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import QPoint
from train_fakes import play, pseudo_label, tuned

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import push
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.train import dock as module

SHAPE = (80, 90)


@pytest.fixture
def opened(make_napari_viewer_proxy, runner, session, monkeypatch, remembered, qtbot):
    """The viewer, the dock widget around the dock, and the dock."""
    monkeypatch.setattr(module, "JobRunner", lambda holder: runner)
    monkeypatch.setattr(module, "RecentChoices", lambda: remembered)
    monkeypatch.setattr(Session, "of", lambda viewer: session)
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1366, 768)
    image = viewer.add_image(np.random.default_rng(0).random(SHAPE), name="sem_12")
    labels = np.zeros(SHAPE, np.uint8)
    labels[::3], labels[1::3] = 1, 2
    push(viewer, image, pseudo_label(Region(0, 0, *SHAPE), labels))
    around, widget = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Train")
    runner.answer()
    settle(widget, qtbot)
    yield viewer, around, widget
    widget.controller.shutdown()


def settle(widget, qtbot):
    part = widget.controller.segmenter
    qtbot.waitUntil(
        lambda: widget.controller.settled and not part._look_later.pending and not part._checking,
        timeout=5000,
    )


def press(viewer, key):
    from app_model.types import KeyBinding

    (function,) = [f for bound, f in dict(viewer.keymap).items() if bound == KeyBinding.from_str(key)]
    function(viewer)


def ours():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pseudolabel")]


def bottom(widget, inside):
    return inside.mapTo(widget.view, QPoint(0, inside.height())).y()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_fits_320_by_768(opened, runner, qtbot, theme):
    viewer, _, widget = opened
    viewer.theme = theme
    view = widget.view
    assert widget.minimumSizeHint().width() <= 320
    press(viewer, "Shift+C")
    settle(widget, qtbot)
    assert bottom(widget, view.start_button) < 420
    view.segmenter._more.set_open(True)
    view.segmenter._advanced.set_open(True)
    qtbot.wait(50)
    assert widget.minimumSizeHint().width() <= 320
    assert bottom(widget, view.start_button) < 690
    press(viewer, "Shift+T")
    qtbot.waitUntil(lambda: bool(runner.of("FineTuneJob")), timeout=5000)
    play(runner, runner.of("FineTuneJob")[0][0])
    qtbot.waitUntil(lambda: view.losses._plot is not None, timeout=5000)
    qtbot.wait(50)
    assert widget.minimumSizeHint().width() <= 320
    assert bottom(widget, view.cancel_button) < 400
    assert bottom(widget, view.losses) < 720


def test_keys_confirm_start_and_accept(opened, runner, qtbot):
    viewer, _, widget = opened
    press(viewer, "Shift+C")
    settle(widget, qtbot)
    press(viewer, "Shift+T")
    qtbot.waitUntil(lambda: bool(runner.of("FineTuneJob")), timeout=5000)
    accepted = []
    widget.view.preview.accept.clicked.connect(lambda: accepted.append(1))
    press(viewer, "Shift+Y")
    assert accepted


def test_closing_the_dock_while_it_trains_leaves_no_thread(opened, runner, qtbot):
    viewer, around, widget = opened
    press(viewer, "Shift+C")
    settle(widget, qtbot)
    widget.view.start_button.click()
    qtbot.waitUntil(lambda: bool(runner.of("FineTuneJob")), timeout=5000)
    number = runner.of("FineTuneJob")[0][0]
    around.destroyOnClose()
    qtbot.waitUntil(lambda: not ours(), timeout=5000)
    assert runner.ended
    play(runner, number)
    runner.finished.emit(number, tuned(0.6, 0.7, promoted=True))
    qtbot.wait(50)
    viewer.add_image(np.zeros((8, 9)), name="later")
    viewer.layers.selection.active = viewer.layers["sem_12"]
