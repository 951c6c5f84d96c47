"""The Correct dock in a real napari window: real keys, real mouse."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from correct_case import AXON, FIRST, MYELIN, SECOND, SHAPE, fibres
from napari.settings import get_settings
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QApplication, QComboBox
from train_fakes import pseudo_label

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import Candidates, Corrections, push
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.correct import dock as module

# The canvas drops moves that come faster than a hundred per second.
_BETWEEN_MOVES_MS = 15
MODIFIERS = {"Shift": Qt.KeyboardModifier.ShiftModifier, "Ctrl": Qt.KeyboardModifier.ControlModifier}


@pytest.fixture
def opened(make_napari_viewer_proxy, runner, session, monkeypatch, qtbot):
    """The viewer, its labels, the dock."""
    monkeypatch.setattr(module, "JobRunner", lambda holder: runner)
    monkeypatch.setattr(Session, "of", lambda viewer: session)
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1366, 768)
    noise = np.random.default_rng(0).normal(0, 2, SHAPE)
    image = viewer.add_image(fibres() * 60.0 + noise, name="sem_12")
    labels = push(viewer, image, pseudo_label(Region(0, 0, *SHAPE), fibres())).labels
    viewer.layers.selection.active = labels
    _, widget = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Correct")
    widget.controller.objects._look_later.setTimeout(1)
    qtbot.waitUntil(lambda: widget.controller.context.overlay is not None, timeout=5000)
    canvas = widget.controller.context.overlay.parentWidget()
    qtbot.wait(50)
    yield viewer, labels, widget, canvas
    widget.controller.shutdown()


def press(qtbot, canvas, key, how="click"):
    """Press a key as the person does."""
    *modifiers, letter = key.split("-")
    flags = Qt.KeyboardModifier.NoModifier
    for one in modifiers:
        flags |= MODIFIERS[one]
    code = getattr(Qt.Key, f"Key_{letter}")
    getattr(qtbot, {"click": "keyClick", "down": "keyPress", "up": "keyRelease"}[how])(canvas, code, flags)


def on_canvas(viewer, canvas, at):
    """Where a pixel of the image is on the canvas."""
    away = (np.asarray(at, float) - np.asarray(viewer.camera.center[-2:])) * viewer.camera.zoom
    y, x = away + np.array([canvas.height(), canvas.width()]) / 2
    return QPoint(round(x), round(y))


def point_at(qtbot, viewer, canvas, at):
    qtbot.mouseMove(canvas, on_canvas(viewer, canvas, at))
    qtbot.waitUntil(lambda: np.allclose(viewer.cursor.position[-2:], at, atol=1.0), timeout=3000)


def drag(qtbot, viewer, canvas, path, *, release=True):
    """Drag the mouse along a path."""
    places = [on_canvas(viewer, canvas, at) for at in path]
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    qtbot.mousePress(canvas, left, pos=places[0])
    for place in places[1:]:
        # Those of the test library come when they like, and without the button.
        where = QPointF(place), QPointF(canvas.mapToGlobal(place))
        qtbot.wait(_BETWEEN_MOVES_MS)
        moved = QMouseEvent(QEvent.Type.MouseMove, *where, Qt.MouseButton.NoButton, left, none)
        QApplication.sendEvent(canvas, moved)
    if release:
        qtbot.mouseRelease(canvas, left, pos=places[-1])


def test_choosing_a_class_does_not_take_back_the_mode_that_the_digit_has_chosen(opened, qtbot, monkeypatch):
    _, labels, _, canvas = opened
    monkeypatch.setattr(get_settings().application, "hold_button_delay", 0)
    labels.mode = "pan_zoom"
    qtbot.keyPress(canvas, Qt.Key.Key_2)
    labels.mode = "paint"
    press(qtbot, canvas, shortcuts.CLASSES[1])
    assert labels.mode == "paint"
    assert labels.selected_label == AXON


def test_keys_correct_without_the_dock(opened, qtbot):
    viewer, labels, widget, canvas = opened
    point_at(qtbot, viewer, canvas, FIRST)
    press(qtbot, canvas, shortcuts.DELETE)
    assert labels.data[FIRST] == 0
    press(qtbot, canvas, shortcuts.CLASSES[0])
    assert labels.selected_label == MYELIN
    point_at(qtbot, viewer, canvas, SECOND)
    press(qtbot, canvas, shortcuts.REASSIGN)
    assert labels.data[SECOND] == MYELIN
    press(qtbot, canvas, shortcuts.CONFIRM)
    assert Corrections.of(labels).share_confirmed() > 0.5
    press(qtbot, canvas, shortcuts.DELETE)
    assert labels.data[SECOND] == MYELIN
    assert "confirmed" in widget.view.hint
    assert "confirmed" in widget.controller.context.overlay.toast
    press(qtbot, canvas, shortcuts.UNCONFIRM)
    assert Corrections.of(labels).share_confirmed() == 0
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert labels.data[SECOND] == AXON


def test_a_line_dragged_on_the_canvas_splits_in_one_undo_step(opened, qtbot):
    viewer, labels, widget, canvas = opened
    labels.mode = "paint"
    overlay = widget.controller.context.overlay
    press(qtbot, canvas, shortcuts.OBJECTS)
    press(qtbot, canvas, shortcuts.SPLIT)
    assert widget.view.tools.buttons["split"].isChecked()
    centre = tuple(viewer.camera.center)
    drag(qtbot, viewer, canvas, [(16, x) for x in range(4, 30, 2)])
    assert (labels.data[16, 8:24] == 0).all()
    assert labels.data[15, 16] == AXON
    assert tuple(viewer.camera.center) == centre
    assert str(labels.mode) == "paint"
    assert "line" not in overlay.marks
    assert not widget.view.tools.buttons["split"].isChecked()
    labels.undo()
    np.testing.assert_array_equal(labels.data, fibres())


def test_the_line_is_seen_while_it_is_drawn_and_escape_gives_it_up(opened, qtbot):
    viewer, labels, widget, canvas = opened
    overlay = widget.controller.context.overlay
    press(qtbot, canvas, shortcuts.SPLIT)
    assert not labels.mouse_pan
    path = ((16, 4), (16, 12), (16, 28))
    drag(qtbot, viewer, canvas, path, release=False)
    np.testing.assert_allclose(overlay.marks["line"].lines[0], path, atol=1)
    press(qtbot, canvas, "Escape")
    assert "line" not in overlay.marks
    assert labels.mouse_pan
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=on_canvas(viewer, canvas, path[-1]))
    np.testing.assert_array_equal(labels.data, fibres())
    assert widget.controller.drawing.tool == ""


def test_choosing_another_mode_or_layer_gives_the_line_up(opened, qtbot):
    viewer, labels, widget, canvas = opened
    press(qtbot, canvas, shortcuts.SPLIT)
    labels.mode = "fill"
    assert widget.controller.drawing.tool == ""
    assert str(labels.mode) == "fill"
    press(qtbot, canvas, shortcuts.SPLIT)
    viewer.layers.selection.active = viewer.layers["sem_12"]
    qtbot.waitUntil(lambda: widget.controller.drawing.tool == "", timeout=3000)
    assert str(labels.mode) == "fill"


def test_marks_on_the_canvas_become_an_object_on_enter(opened, qtbot):
    viewer, labels, widget, canvas = opened
    labels.data[8:24, 8:24] = 0
    labels.refresh()
    press(qtbot, canvas, shortcuts.CLASSES[1])
    press(qtbot, canvas, shortcuts.SMART_FILL)
    drag(qtbot, viewer, canvas, [(16, x) for x in range(13, 19)])
    left, shift = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier
    qtbot.mouseClick(canvas, left, shift, on_canvas(viewer, canvas, (3, 3)))
    qtbot.waitUntil(lambda: widget.controller.settled, timeout=10000)
    clicking, marks = widget.controller.clicking, widget.controller.context.overlay.marks
    assert [mark.inside for mark in clicking._marks] == [True, False]
    assert {"clicks", "proposal"} <= set(marks)
    assert not (labels.data[:32, :32] == AXON).any()
    press(qtbot, canvas, "Backspace")
    qtbot.waitUntil(lambda: clicking.proposal is not None, timeout=10000)
    press(qtbot, canvas, "Return")
    assert "proposal" not in widget.controller.context.overlay.marks
    found = labels.data[:32, :32] == AXON
    assert found[16, 13:19].all()
    assert found[12:20, 12:20].mean() > 0.9
    assert not found[:6].any()
    assert not found[:, :6].any()


def test_keys_that_are_held_show_the_image_until_they_go_up(opened, qtbot):
    _, labels, _, canvas = opened
    press(qtbot, canvas, shortcuts.HOLD_IMAGE, "down")
    assert not labels.visible
    press(qtbot, canvas, shortcuts.HOLD_IMAGE, "up")
    assert labels.visible
    Candidates.made_for(labels.__wrapped__ if hasattr(labels, "__wrapped__") else labels).add(
        [()], (slice(0, 64), slice(0, 96)), fibres()[None, None], ("sample 1",)
    )
    press(qtbot, canvas, shortcuts.NEXT_CANDIDATE)
    assert not labels.visible
    press(qtbot, canvas, shortcuts.NEXT_CANDIDATE)
    assert labels.visible


def test_the_focus_is_outlined_where_the_object_is(opened, qtbot):
    viewer, _, widget, canvas = opened
    overlay = widget.controller.context.overlay
    point_at(qtbot, viewer, canvas, FIRST)
    press(qtbot, canvas, shortcuts.FOCUS)
    (line,) = overlay.marks["focus"].lines
    corners = np.array(line)
    np.testing.assert_allclose(corners.min(axis=0), (11.5, 11.5))
    np.testing.assert_allclose(corners.max(axis=0), (19.5, 19.5))
    seen = overlay._on_canvas([FIRST])[0]
    where = on_canvas(viewer, canvas, FIRST)
    assert np.allclose(seen, (where.y(), where.x()), atol=1)
    point_at(qtbot, viewer, canvas, SECOND)
    press(qtbot, canvas, shortcuts.GROW)
    qtbot.waitUntil(
        lambda: np.allclose(np.array(overlay.marks["focus"].lines[0]).min(axis=0), (10.5, 10.5)), timeout=3000
    )


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_fits_320_by_768_and_every_control_explains_itself(opened, qtbot, theme):
    viewer, _, widget, _ = opened
    viewer.theme = theme
    assert widget.minimumSizeHint().width() <= 320
    lowest = widget.view.take_back
    assert lowest.mapTo(widget.view, QPoint(0, lowest.height())).y() < 640
    for fold in widget.view.findChildren(type(widget.view.again_fold)):
        fold.set_open(True)
    qtbot.wait(50)
    assert widget.minimumSizeHint().width() <= 320
    controls = [
        one
        for kind in (QAbstractButton, QComboBox, QAbstractSpinBox)
        for one in widget.view.findChildren(kind)
        if one.isVisible() and not isinstance(one.parent(), QAbstractSpinBox)
    ]
    assert len(controls) > 25
    silent = [one for one in controls if not one.toolTip() and one.objectName() != "qt_toolbar_ext_button"]
    assert [(type(one).__name__, getattr(one, "text", str)()) for one in silent if _titled(one)] == []


def _titled(control):
    return not isinstance(control, QAbstractButton) or control.text() not in (
        "Options",
        "Predict again",
        "Shortcuts",
        "Details",
    )


def test_tab_leads_from_top_to_bottom(opened):
    _, _, widget, _ = opened
    view = widget.view
    places, part = [], view.nextInFocusChain()
    while part is not view:
        if widget.isAncestorOf(part) and part.isVisible() and part.focusPolicy() & Qt.FocusPolicy.TabFocus:
            places.append((part.mapTo(view, QPoint(0, part.height() // 2)).y(), part))
        part = part.nextInFocusChain()
    assert len(places) > 20
    backward = [
        (one.text(), other.text())
        for (y, one), (below, other) in pairwise(places)
        if below < y - 14 and isinstance(one, QAbstractButton) and isinstance(other, QAbstractButton)
    ]
    assert not backward


def test_no_key_is_one_of_naparis_and_none_is_bound_twice(opened):
    from napari._app_model import get_app_model
    from napari.utils.shortcuts import default_shortcuts

    viewer, _, _, _ = opened
    keys = list(shortcuts.TABLE)
    assert len(keys) == len(set(keys))
    ours = {_normal(key) for key in keys}
    theirs = {_normal(str(key)) for found in default_shortcuts.values() for key in found}
    menus = {_normal(str(one.keybinding)) for one in get_app_model().keybindings}
    assert len(menus) > 5
    assert not ours & theirs
    assert not ours & menus
    bound = {_normal(str(key)) for key in viewer.keymap}
    listed = {_normal(one) for one in shortcuts.TABLE if "Correct" in one.dock}
    assert bound <= listed


def _normal(key):
    *modifiers, letter = key.replace("Control", "Ctrl").replace("+", "-").split("-")
    return (*sorted(modifiers), letter.upper())


def test_every_key_of_the_table_has_a_name_in_this_module():
    names = {value for name, value in vars(shortcuts).items() if name.isupper() and isinstance(value, str)}
    assert names | set(shortcuts.CLASSES) == set(shortcuts.TABLE)


def test_two_docks_share_a_key_and_the_later_has_it(opened):
    viewer, _, _, _ = opened
    heard = []
    release = shortcuts.bind(viewer, shortcuts.CONFIRM, lambda: heard.append("train"))
    (run,) = [f for key, f in dict(viewer.keymap).items() if _normal(str(key)) == ("Shift", "C")]
    run(viewer)
    assert heard == ["train"]
    release()
    (again,) = [f for key, f in dict(viewer.keymap).items() if _normal(str(key)) == ("Shift", "C")]
    again(viewer)
    assert heard == ["train"]


def test_closing_the_dock_gives_everything_back(opened, qtbot):
    viewer, labels, widget, canvas = opened
    labels.mode = "paint"
    press(qtbot, canvas, shortcuts.OBJECTS)
    press(qtbot, canvas, shortcuts.SPLIT)
    overlay = widget.controller.context.overlay
    gone = []
    overlay.destroyed.connect(lambda: gone.append(1))
    around = widget.parentWidget()
    around.destroyOnClose()
    qtbot.waitUntil(lambda: bool(gone), timeout=5000)
    assert not viewer.keymap
    assert str(labels.mode) == "paint"
    press(qtbot, canvas, shortcuts.DELETE)
    np.testing.assert_array_equal(labels.data, fibres())
    viewer.add_labels(np.zeros((8, 9), np.uint8))
    viewer.camera.zoom = 3
