"""The docks in a real napari window."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QTabBar

from napari_pseudolabel.viewer import find_layer


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    monkeypatch.setattr(
        "napari_pseudolabel.widgets.common.recent_choices.user_config_path", lambda *_, **__: tmp_path
    )


@pytest.fixture
def window(make_napari_viewer_proxy, script, qtbot):
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(np.random.default_rng(0).random((80, 90)), name="sem_12", metadata={"modality": "SEM"})
    return viewer


def opened(viewer, qtbot, name="Pseudo-label"):
    dock, widget = viewer.window.add_plugin_dock_widget("napari-pseudolabel", name)
    if name == "Pseudo-label":
        qtbot.waitUntil(lambda: not widget.controller.models.loading, timeout=20000)
    return dock, widget


def ours():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pseudolabel")]


def working():
    """Threads that end with their dock; what a person does is saved as long as the window is open."""
    return [name for name in ours() if "autosave" not in name]


def test_run_in_a_window(window, script, qtbot):
    _, widget = opened(window, qtbot)
    widget.view.run_button.click()
    qtbot.waitUntil(lambda: not widget.controller.busy, timeout=10000)
    assert find_layer(window, window.layers["sem_12"], "labels").data.any()


def test_preview_of_the_part_in_view(window, script, qtbot):
    _, widget = opened(window, qtbot)
    window.camera.center = (40, 45)
    window.camera.zoom = 40
    qtbot.waitUntil(lambda: window.layers["sem_12"].corner_pixels[0, 0] > 10, timeout=5000)
    widget.view.preview_button.click()
    qtbot.waitUntil(lambda: not widget.controller.busy, timeout=10000)
    region = script.jobs[-1].region
    assert 0 < region.y0 < 40 < region.y1 < 80
    assert 0 < region.x0 < 45 < region.x1 < 90


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_dock_fits_320_by_768(window, script, qtbot, theme):
    window.theme = theme
    _, widget = opened(window, qtbot)
    view = widget.view
    assert view.minimumSizeHint().width() <= 320
    bottom = view.run_button.mapTo(view, QPoint(0, view.run_button.height())).y()
    assert bottom < 500
    view.fold.set_open(True)
    qtbot.wait(50)
    assert view.minimumSizeHint().width() <= 320
    assert view.run_button.mapTo(view, QPoint(0, view.run_button.height())).y() < 690


def test_closing_the_dock_in_the_middle_of_a_run_leaves_no_thread(window, script, qtbot):
    dock, widget = opened(window, qtbot)
    script.gate.clear()
    widget.view.run_button.click()
    qtbot.waitUntil(lambda: bool(script.jobs), timeout=5000)
    assert working()
    dock.destroyOnClose()
    qtbot.waitUntil(lambda: not working(), timeout=5000)


def test_hiding_the_dock_lets_the_work_go_on(window, script, qtbot):
    dock, widget = opened(window, qtbot)
    script.gate.clear()
    widget.view.run_button.click()
    qtbot.waitUntil(lambda: bool(script.jobs), timeout=5000)
    dock.hide()
    QApplication.processEvents()
    script.gate.set()
    qtbot.waitUntil(lambda: not widget.controller.busy, timeout=5000)
    assert find_layer(window, window.layers["sem_12"], "labels") is not None


def test_closing_the_viewer_in_the_middle_of_a_run_asks_and_leaves_no_thread(
    make_napari_viewer, script, qtbot, monkeypatch
):
    asked, answers = [], [False, True]

    def ask(window, sentence):
        asked.append(sentence)
        return answers.pop(0)

    monkeypatch.setattr("napari_pseudolabel.widgets.common.quitting.confirm_quit", ask)
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((80, 90)), name="sem_12", metadata={"modality": "SEM"})
    _, widget = opened(viewer, qtbot)
    script.gate.clear()
    widget.view.run_button.click()
    qtbot.waitUntil(lambda: bool(script.jobs), timeout=5000)
    window = widget.window()
    window.close()
    assert window.isVisible()
    assert widget.controller.busy
    viewer.close()
    QApplication.processEvents()
    assert [sentence.split(" is still")[0] for sentence in asked] == ["Labelling sem_12"] * 2
    qtbot.waitUntil(lambda: not ours(), timeout=5000)


def test_closing_an_idle_window_does_not_ask(make_napari_viewer, script, qtbot, monkeypatch):
    monkeypatch.setattr("napari_pseudolabel.widgets.common.quitting.confirm_quit", lambda *_: 1 / 0)
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((80, 90)), name="sem_12", metadata={"modality": "SEM"})
    opened(viewer, qtbot)
    viewer.close()
    QApplication.processEvents()
    qtbot.waitUntil(lambda: not ours(), timeout=5000)


def test_two_viewers_work_independently(make_napari_viewer, script, qtbot):
    viewers = [make_napari_viewer(show=False) for _ in range(2)]
    widgets = []
    for number, viewer in enumerate(viewers):
        viewer.add_image(np.zeros((20, 30)), name="sem_12", metadata={"modality": "SEM"})
        widgets.append(opened(viewer, qtbot)[1])
        widgets[-1].view.settings.edits["seed"].native.setValue(number)
    for widget in widgets:
        widget.view.run_button.click()
    qtbot.waitUntil(lambda: not any(widget.controller.busy for widget in widgets), timeout=10000)
    for number, viewer in enumerate(viewers):
        (run,) = find_layer(viewer, viewer.layers["sem_12"], "labels").metadata["napari_pseudolabel"]["runs"]
        assert run["seed"] == number
    for widget in widgets:
        widget.controller.shutdown()


def test_keys_work_in_the_window(window, script, qtbot):
    _, widget = opened(window, qtbot)
    from app_model.types import KeyBinding

    for key, function in dict(window.keymap).items():
        if key == KeyBinding.from_str("Shift+R"):
            function(window)
    qtbot.waitUntil(lambda: len(script.jobs) == 1 and not widget.controller.busy, timeout=5000)


def test_open_sample_opens_the_dock_with_models_chosen(make_napari_viewer, script, qtbot):
    viewer = make_napari_viewer(show=False)
    viewer.open_sample("napari-pseudolabel", "sem_like_axons")
    # By the name that the menu has for it, so that the menu does not open a second one.
    qtbot.waitUntil(lambda: "Pseudo-label (Pseudo-label)" in viewer.window.dock_widgets, timeout=5000)
    widget = viewer.window.dock_widgets["Pseudo-label (Pseudo-label)"]
    qtbot.waitUntil(lambda: not widget.controller.models.loading, timeout=20000)
    choice = widget.view.choice()
    assert (choice.strategy, choice.segmenter) == ("auto", "sample:tem-axons")
    assert widget.view.run_button.isEnabled()
    viewer.open_sample("napari-pseudolabel", "tem_like_axons")
    # There is one way only here, so there is nothing to find.
    qtbot.waitUntil(lambda: widget.view.choice().strategy == "segmentation", timeout=5000)
    assert len(viewer.window.dock_widgets) == 1
    widget.controller.shutdown()


def test_docks_become_tabs_instead_of_growing_the_window(window, qtbot):
    opened(window, qtbot)
    height = window.window.geometry()[3]
    dock, widget = opened(window, qtbot, "Export labels")
    qtbot.wait(200)
    assert window.window.geometry()[3] == height
    main = widget.window()
    assert len(main.tabifiedDockWidgets(dock)) == 1
    # Short names on the tabs; what saved layouts know the docks by stays.
    titles = {one.windowTitle(): one.objectName() for one in (dock, *main.tabifiedDockWidgets(dock))}
    assert titles == {
        "Export": "Export labels (napari-pseudolabel)",
        "Label": "Pseudo-label (napari-pseudolabel)",
    }
    assert dock.titleBarWidget().title.text() == f"{dock.windowTitle()} (Pseudo-label)"
    dock.topLevelChanged.emit(False)  # napari makes another title then
    assert dock.titleBarWidget().title.text() == f"{dock.windowTitle()} (Pseudo-label)"
    (bar,) = (one for one in main.findChildren(QTabBar) if one.count() == 2)
    assert bar.elideMode() == Qt.TextElideMode.ElideNone, "words that are cut cannot be read"


def test_the_theme_is_followed(window, qtbot):
    _, widget = opened(window, qtbot)
    dark = widget.styleSheet()
    window.theme = "light"
    assert widget.styleSheet() != dark
