"""A spot check in the Correct dock: keys, clicks, what is kept, and when it is void."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from correct_case import AXON, FIRST, SHAPE, fibres, make_dock, make_viewer
from qtpy.QtGui import QGuiApplication

from napari_pseudolabel.labels.spot_check import SPOT_CHECK_KEY, SpotChecks
from napari_pseudolabel.viewer import content_of
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.correct.spot_check.controller import SpotCheckController


def missing() -> np.ndarray:
    """Six fibres without the first."""
    labels = fibres()
    labels[:28, :28] = 0
    return labels


@pytest.fixture
def case(qtbot, runner, session):
    viewer, labels = make_viewer(missing())
    dock = make_dock(qtbot, viewer, session, runner)
    part = SpotCheckController(dock.context)
    part._look_later.setTimeout(1)
    dock.add(part)
    part.follow(labels)
    wait(qtbot, part)
    yield viewer, labels, dock, part
    assert dock.shutdown()


def wait(qtbot, part):
    qtbot.waitUntil(lambda: part.settled, timeout=10000)


def begin(qtbot, part):
    part.form.start.click()
    wait(qtbot, part)


def press(viewer, key):
    shown = next(one for one in viewer.keymap if str(one).replace("+", "-") == key)
    viewer.keymap[shown](viewer)


def click(viewer, at, *modifiers, to=None):
    """Press and release the left button over a pixel, with the mouse moved to another meanwhile."""
    event = SimpleNamespace(button=1, position=tuple(map(float, at)), modifiers=modifiers, type="mouse_press")
    drag = viewer.mouse_drag_callbacks[-1](viewer, event)
    next(drag)
    if to is not None:
        event.type, event.position = "mouse_move", tuple(map(float, to))
        next(drag)
    event.type = "mouse_release"
    with pytest.raises(StopIteration):
        next(drag)


def test_a_check_with_keys_and_clicks_from_the_first_object_to_the_statement(case, qtbot):
    viewer, labels, dock, part = case
    before = dict(viewer.keymap), len(viewer.mouse_drag_callbacks)
    begin(qtbot, part)
    card = part.card
    assert card.title == "Is this axon right?"
    assert card.progress == "Object 1 of 5"
    # Nothing is judged through a colour, and the queue rests.
    assert not labels.visible
    assert not card.isHidden()
    assert dock.view.review.isHidden()
    for answer in (
        shortcuts.REVIEW_ACCEPT,
        shortcuts.REVIEW_FIX,
        shortcuts.REVIEW_SKIP,
        shortcuts.REVIEW_ACCEPT,
    ):
        press(viewer, answer)
        wait(qtbot, part)
    assert card.progress == "Object 5 of 5"
    press(viewer, shortcuts.REVIEW_PREVIOUS)
    assert card.progress == "Object 4 of 5 (you said: right)"
    for _ in range(2):
        press(viewer, shortcuts.REVIEW_ACCEPT)
        wait(qtbot, part)
    assert card.title == "What is missing in this box?"
    assert "Click on every axon" in card.text
    click(viewer, FIRST)
    assert card.progress == "Box 1 of 1: 5 labelled, 1 missed"
    # Again takes it back, and moving the image is no click.
    click(viewer, FIRST)
    click(viewer, FIRST, to=(FIRST[0], FIRST[1] + 40))
    assert card.progress == "Box 1 of 1: 5 labelled, 0 missed"
    click(viewer, FIRST)
    click(viewer, (16, 48), "Shift")
    assert card.progress == "Box 1 of 1: 5 labelled, 1 missed, 1 wrong"
    press(viewer, shortcuts.REVIEW_ACCEPT)
    wait(qtbot, part)
    assert part.question is None
    assert labels.visible
    assert card.isHidden()
    assert not dock.view.review.isHidden()
    assert (dict(viewer.keymap), len(viewer.mouse_drag_callbacks)) == before
    said = part.form.statement
    assert said.startswith(
        "Precision 75 % (95 % CI 30–95, 4 axons judged, 1 not sure). Recall 80 % (95 % CI 0–100, 5 axons in 1 box)."
    )
    part.form.copy.click()
    assert QGuiApplication.clipboard().text() == said
    # The labels themselves were not touched.
    np.testing.assert_array_equal(labels.data, missing())


def test_clicks_outside_of_the_box_or_beside_a_label_are_refused(case, qtbot):
    viewer, _, dock, part = case
    part.form.options.edits["objects"].value = 0
    begin(qtbot, part)
    click(viewer, (-3, 5))
    assert "inside of the dashed box" in dock.view.hint
    click(viewer, FIRST, "Shift")
    assert dock.view.hint.startswith("There is no label")
    press(viewer, shortcuts.REVIEW_FIX)
    assert "Shift+click marks a label as wrong" in dock.view.hint
    assert part.question is not None
    assert part.question.missed == ()


def test_what_was_answered_is_kept_goes_on_and_is_void_with_other_labels(case, qtbot):
    viewer, labels, dock, part = case
    begin(qtbot, part)
    press(viewer, shortcuts.REVIEW_ACCEPT)
    wait(qtbot, part)
    part.pause()
    kept = SpotChecks.of(labels.metadata)
    assert kept.newest.answered == 1
    assert part.form.start.text() == "Go on (1 of 6)"
    # Another dock, as after a restart.
    part.follow(None)
    part.follow(labels)
    wait(qtbot, part)
    begin(qtbot, part)
    assert part.card.progress == "Object 2 of 5"
    press(viewer, shortcuts.REVIEW_FIX)
    labels.data_setitem((np.array([48]), np.array([16])), AXON - 1)
    qtbot.waitUntil(lambda: part.question is None, timeout=10000)
    assert "is void" in dock.view.hint
    assert labels.visible
    wait(qtbot, part)
    assert part.form.statement.startswith("Void, because the labels have changed since: Precision 50 %")
    assert content_of(viewer, labels).spot_statements[0]["void"]
    # Undone, it is about these labels again; a new one is another sample, and the old one stays.
    labels.undo()
    wait(qtbot, part)
    assert part.form.start.text() == "Go on (2 of 6)"
    labels.data_setitem((np.array([0]), np.array([SHAPE[1] - 1])), AXON)
    wait(qtbot, part)
    begin(qtbot, part)
    checks = SpotChecks.of(labels.metadata).checks
    assert [(check.seed, check.answered) for check in checks] == [(0, 2), (1, 0)]
    assert part.card.progress == "Object 1 of 6"


def test_answers_of_another_version_are_neither_lost_nor_in_the_way(case, qtbot):
    viewer, labels, dock, part = case
    labels.metadata[SPOT_CHECK_KEY] = newer = {"version": 2, "checks": []}
    part.follow(labels)
    begin(qtbot, part)
    assert "another version" in dock.view.hint
    assert labels.metadata[SPOT_CHECK_KEY] is newer
    assert "another version" in content_of(viewer, labels).provenance["spot_checks"][0]["sentence"]
