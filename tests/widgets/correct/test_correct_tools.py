"""Each tool of the Correct dock is one undo step, works on the right object, and says what happened."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from correct_case import AXON, FIRST, MYELIN, SECOND, SHAPE, fibres, point_at, settle

from napari_pseudolabel.labels.tools import Change
from napari_pseudolabel.viewer import Candidates, Corrections
from napari_pseudolabel.viewer.effort import EffortLog
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.correct import smart_filling
from napari_pseudolabel.widgets.correct.tool_table import TOOLS

WHOLE = (slice(0, SHAPE[0]), slice(0, SHAPE[1]))


def use(case, tool, at=FIRST):
    """Use a tool at a place; the labels before."""
    viewer, labels, dock = case
    point_at(viewer, at)
    before = labels.data.copy()
    dock.use(tool)
    return before


def changed_box(before, labels):
    rows, columns = np.nonzero(before != labels.data)
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def test_every_button_has_a_tool_and_every_tool_a_key(case):
    _, _, dock = case
    assert set(dock.view.tools.buttons) == {tool.name for tool in TOOLS}
    assert len({tool.key for tool in TOOLS}) == len(TOOLS)
    for tool in TOOLS:
        tooltip = dock.view.tools.buttons[tool.name].toolTip()
        assert shortcuts.shown(tool.key) in tooltip


def test_delete_takes_the_class_or_the_whole_object(case):
    _, labels, dock = case
    before = use(case, "delete")
    assert changed_box(before, labels) == (12, 12, 20, 20)
    assert dock.view.status
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    dock.view.set_mode("objects")
    use(case, "delete")
    assert changed_box(before, labels) == (8, 8, 24, 24)
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_what_was_undone_is_said_no_more(case):
    _, labels, dock = case
    use(case, "delete")
    use(case, "delete", SECOND)
    assert dock.view.status == "Deleted the object."
    labels.undo()
    assert dock.view.status == ""
    use(case, "grow", SECOND)
    labels.selected_label = AXON
    labels.paint((1, 1), AXON)
    labels.undo()
    assert dock.view.status == "Grew the object."  # which stands


def test_what_a_tool_did_is_a_correction_and_stands_in_the_log(case):
    _, labels, _ = case
    use(case, "delete")
    assert Corrections.of(labels).mask.sum() == 64
    assert [edit.tool for edit in EffortLog.of(labels).edits()] == ["delete"]


def test_set_class_uses_the_chosen_one(case):
    _, labels, dock = case
    labels.selected_label = MYELIN
    use(case, "reassign")
    assert (labels.data[8:24, 8:24] == MYELIN).all()
    labels.selected_label = 0
    use(case, "reassign", SECOND)
    assert "palette" in dock.view.hint


def test_objects_grow_by_lengths_where_pixels_are_flat(case):
    viewer, labels, _ = case
    for layer in viewer.layers:
        layer.scale = (2, 1)
    before = use(case, "grow", (2 * FIRST[0], FIRST[1]))
    assert changed_box(before, labels) == (11, 10, 21, 22)  # one pixel down and up, two to each side
    labels.undo()
    before = use(case, "shrink", (2 * FIRST[0], FIRST[1]))
    assert (labels.data[13:19, 14:18] == AXON).all()
    assert np.count_nonzero(labels.data == AXON) == np.count_nonzero(before == AXON) - 64 + 24


def test_an_axon_grows_into_its_myelin_and_shrinks_back_to_it(case):
    _, labels, dock = case
    dock.view.options.edits["step_px"].native.setValue(2)
    before = use(case, "grow")
    assert (labels.data[10:22, 15] == AXON).all()
    assert (labels.data == 0).sum() == (before == 0).sum()
    use(case, "shrink")
    assert (labels.data == 0).sum() == (before == 0).sum()
    labels.undo()
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_fill_holes_and_smooth(case):
    _, labels, dock = case
    dock.view.set_mode("objects")
    labels.data[16, 16] = 0
    labels.refresh()
    use(case, "fill_holes", (13, 13))
    assert labels.data[16, 16] == AXON
    labels.data[8:24, 24] = 0
    labels.data[15, 24:27] = MYELIN
    labels.refresh()
    dock.view.options.edits["radius_px"].native.setValue(3)
    use(case, "smooth", (13, 13))
    assert labels.data[15, 26] == 0


def test_remove_small_looks_at_the_view_and_leaves_confirmed_ones(case, qtbot):
    _, labels, dock = case
    labels.data[0, 0] = labels.data[60, 40] = AXON
    labels.refresh()
    Corrections.of(labels).confirm((), (slice(56, 64), slice(32, 48)))
    labels.selected_label = AXON
    dock.view.options.edits["least_px"].native.setValue(20)
    labels.data[10, 10] = AXON
    labels.refresh()
    use(case, "remove_small")
    assert dock.view.tools.buttons["remove_small"].isChecked()
    settle(dock, qtbot)
    assert not dock.view.tools.buttons["remove_small"].isChecked()
    assert labels.data[0, 0] == 0
    assert labels.data[10, 10] == MYELIN, "a speck in the myelin leaves no hole"
    assert labels.data[60, 40] == AXON
    assert dock.view.status == "Removed 2 small objects."
    use(case, "remove_small")
    settle(dock, qtbot)
    assert "smaller than 20" in dock.view.hint


def test_confirmed_objects_are_refused(case):
    _, labels, dock = case
    Corrections.of(labels).confirm((), (slice(0, 32), slice(0, 32)))
    before = use(case, "delete")
    np.testing.assert_array_equal(labels.data, before)
    assert "confirmed" in dock.view.hint
    use(case, "delete", SECOND)
    assert labels.data[SECOND] == 0
    assert dock.view.hint == ""


@pytest.mark.parametrize(("at", "why"), [((1, 1), "no object"), ((-5, 3), "over the image")])
def test_where_there_is_nothing_it_says_so(case, at, why):
    _, labels, dock = case
    before = use(case, "delete", at)
    np.testing.assert_array_equal(labels.data, before)
    assert why in dock.view.hint


def test_the_object_in_focus_comes_before_the_one_under_the_cursor(case):
    viewer, labels, dock = case
    point_at(viewer, SECOND)
    dock.view.focus.click()
    assert dock.view.focus.isChecked()
    dock.view.options.edits["step_px"].native.setValue(1)
    before = use(case, "grow", FIRST)
    assert changed_box(before, labels) == (11, 43, 21, 53)
    point_at(viewer, SECOND)
    dock.view.focus.click()
    assert not dock.view.focus.isChecked()
    labels.undo()
    use(case, "grow", FIRST)
    assert changed_box(before, labels) == (11, 11, 21, 21)


def test_a_focus_ends_with_its_object(case):
    viewer, labels, dock = case
    point_at(viewer, FIRST)
    dock.focus.toggle()
    use(case, "delete")
    assert dock.focus.held is None
    labels.undo()
    dock.focus.put((), FIRST)
    labels.data[8:24, 8:24] = 0
    labels.refresh()
    use(case, "delete", SECOND)
    assert labels.data[SECOND] == 0
    assert dock.focus.held is None


def test_merge_needs_two_objects_and_joins_them(case):
    _, labels, dock = case
    use(case, "merge")
    assert "other object" in dock.view.status
    use(case, "merge")
    assert "same object" in dock.view.hint
    dock.view.options.edits["over"].native.setChecked(True)
    use(case, "merge", SECOND)
    assert (labels.data[16, 16:49] == AXON).all()
    assert dock.focus.held is None
    labels.undo()
    np.testing.assert_array_equal(labels.data, fibres())


def test_split_cuts_what_the_line_crosses_for_longest(case):
    _, labels, dock = case
    dock.toolbox.split([(16.0, 2.0), (16.0, 30.0)])
    assert (labels.data[16, 12:20] == AXON).all(), "the myelin is crossed for longer than the axon: 8 of 16"
    labels.undo()
    dock.view.set_mode("objects")
    dock.toolbox.split([(16.0, 2.0), (16.0, 30.0)])
    assert (labels.data[16, 8:24] == 0).all()
    assert dock.view.status == "Split into 2 objects."
    labels.undo()
    np.testing.assert_array_equal(labels.data, fibres())


def test_an_axon_is_split_by_myelin(case):
    _, labels, dock = case
    dock.focus.put((), FIRST)
    dock.toolbox.split([(16.0, 9.0), (16.0, 23.0)])
    assert (labels.data[16, 12:20] == MYELIN).all()


def test_a_line_that_crosses_nothing_is_refused(case):
    _, labels, dock = case
    from napari_pseudolabel.errors import InputError

    with pytest.raises(InputError, match="does not cross"):
        dock.toolbox.split([(0.0, 0.0), (2.0, 30.0)])
    np.testing.assert_array_equal(labels.data, fibres())


def test_paste_takes_the_object_of_the_candidate_that_is_shown(case):
    viewer, labels, dock = case
    moved = np.roll(fibres(), 3, axis=1)
    Candidates.made_for(labels).add([()], WHOLE, moved[None, None], ("sample 2",))
    use(case, "paste")
    assert "No candidate is shown" in dock.view.hint
    dock.visibility.next()
    dock.view.set_mode("objects")
    before = use(case, "paste", (16, 20))
    np.testing.assert_array_equal(labels.data[8:24, 11:27], moved[8:24, 11:27])
    assert (labels.data[:, :11] == 0).sum() > (before[:, :11] == 0).sum()
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    assert viewer.layers.selection.active is labels


def test_nobody_changes_or_confirms_labels_while_looking_at_a_candidate(case):
    _, labels, dock = case
    Candidates.made_for(labels).add([()], WHOLE, fibres()[None, None], ("sample 1",))
    for action in (lambda: use(case, "delete"), dock.confirming.confirm, lambda: dock.use("smart_fill")):
        dock.visibility.next()
        assert not labels.visible
        action()
        assert labels.visible
        assert "once more" in dock.view.hint
        np.testing.assert_array_equal(labels.data, fibres())
        assert Corrections.of(labels).share_confirmed() == 0
    use(case, "delete")
    assert labels.data[FIRST] == 0


def test_candidates_are_shown_one_after_the_other_then_the_labels(case):
    viewer, labels, dock = case
    dock.view.candidate.click()
    assert "no other candidate" in dock.view.hint
    candidates = Candidates.made_for(labels)
    for number in (1, 2):
        values = np.full((1, 1, *SHAPE), number, np.uint8)
        candidates.add([()], WHOLE, values, (f"sample {number}",))
    seen = []
    for _ in range(3):
        dock.view.candidate.click()
        shown = [
            layer for layer in viewer.layers if layer.visible and layer.name.startswith("sem_12: myelin")
        ]
        seen.append([(layer is labels, int(layer.data[0, 0])) for layer in shown])
    assert seen == [[(False, 1)], [(False, 2)], [(True, 0)]]
    assert dock.view.candidate.text() == "Candidates"


def test_holding_shows_the_image_alone_and_the_translation(case):
    viewer, _, dock = case
    before = [layer.visible for layer in viewer.layers]
    dock.view.holds["image"].pressed.emit()
    assert [layer.name for layer in viewer.layers if layer.visible] == ["sem_12"]
    dock.view.holds["image"].released.emit()
    assert [layer.visible for layer in viewer.layers] == before
    dock.view.holds["translation"].pressed.emit()
    assert "no translation" in dock.view.hint
    dock.view.holds["translation"].released.emit()
    assert [layer.visible for layer in viewer.layers] == before


def test_labels_that_a_candidate_hid_are_shown_again_after_a_restart(case):
    _, labels, dock = case
    Candidates.made_for(labels).add([()], WHOLE, fibres()[None, None], ("sample 1",))
    dock.visibility.next()
    assert not labels.visible
    dock.shutdown()
    assert labels.visible
    labels.metadata["napari_pseudolabel_hidden"] = True  # as a crash would have left it
    labels.visible = False
    dock.start()
    assert labels.visible


def test_a_painted_stroke_grows_to_the_border_of_the_object(case, qtbot):
    _, labels, dock = case
    labels.data[...] = 0
    labels.refresh()
    labels.mode, labels.selected_label, labels.brush_size = "paint", AXON, 2
    with labels.block_history():
        for x in range(14, 19):
            labels.paint((16, x), AXON)
    before = labels.data.copy()
    dock.use("smart_fill")
    assert dock.view.stage
    settle(dock, qtbot)
    assert not dock.view.stage
    found = labels.data == AXON
    truth = fibres()[:32, :32] == AXON
    common = (found[:32, :32] & truth).sum()
    assert 2 * common / (found.sum() + truth.sum()) > 0.85
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_smart_fill_is_dropped_when_the_labels_change_meanwhile(case, qtbot, monkeypatch):
    _, labels, dock = case
    begun, go_on = threading.Event(), threading.Event()

    def slow(values, *arguments, **options):
        begun.set()
        assert go_on.wait(10)
        return Change(slice_, np.full_like(values[slice_], AXON), "Filled.")

    slice_ = slice(10, 22), slice(10, 22)
    monkeypatch.setattr(smart_filling, "smart_fill", slow)
    labels.mode, labels.selected_label = "paint", AXON
    labels.paint((2, 2), AXON)
    for row, outcome in ((15, "meanwhile"), (40, "")):
        begun.clear()
        go_on.clear()
        labels.paint((2, 3 + row), AXON)
        dock.use("smart_fill")
        assert begun.wait(10)
        dock.use("smart_fill")  # a second one while the first is at work
        labels.data[row, 12:20] = 0
        labels.refresh()
        go_on.set()
        settle(dock, qtbot)
        assert outcome in dock.view.hint
        assert (labels.data[slice_] == AXON).all() == (outcome == "")


def test_an_undone_stroke_is_no_scribble(case):
    _, labels, dock = case
    labels.mode, labels.selected_label = "paint", AXON
    labels.paint((2, 2), AXON)
    labels.undo()
    dock.use("smart_fill")
    assert dock.clicking.on
    dock.use("smart_fill")
    assert not dock.clicking.on


def test_nothing_is_done_while_a_stroke_is_painted(case):
    _, labels, dock = case
    with labels.block_history():
        labels.paint((2, 2), AXON)
        use(case, "delete", SECOND)
        assert "release the mouse" in dock.view.hint
    assert labels.data[SECOND] == AXON


def test_3d_and_rolled_views_are_refused(case):
    viewer, labels, dock = case
    viewer.dims.ndisplay = 3
    use(case, "delete")
    assert "3D" in dock.view.hint
    viewer.dims.ndisplay = 2
    viewer.dims.order = (1, 0)
    use(case, "delete")
    assert "roll" in dock.view.hint
    np.testing.assert_array_equal(labels.data, fibres())
