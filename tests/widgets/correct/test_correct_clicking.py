"""Clicks show an object that is in the labels only when it is taken over."""

from dataclasses import replace

import numpy as np
import pytest
from correct_case import AXON, MYELIN, SHAPE, fibres, settle
from qtpy.QtCore import QCoreApplication, QEvent

from napari_pseudolabel.models.segmenters.sam.sam_model import load_sam
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.widgets.correct import clicking
from napari_pseudolabel.widgets.correct.model_opinion import ModelOpinion
from napari_pseudolabel.widgets.correct.network_clicks import LOOKS

INSIDE = 16, 16


def click(dock, at=INSIDE, inside=True, qtbot=None):
    dock.clicking.mark(np.array([at]), inside)
    if qtbot is not None:
        settle(dock, qtbot)


@pytest.fixture
def begun(case):
    """The first axon has no label, and the tool waits for clicks."""
    viewer, labels, dock = case
    labels.data[8:24, 8:24] = 0
    labels.refresh()
    labels.selected_label = AXON
    labels.mode = "paint"
    dock.use("smart_fill")
    return viewer, labels, dock


def test_clicks_become_one_undo_step_when_they_are_taken_over(begun, qtbot):
    _, labels, dock = begun
    before, touched = labels.data.copy(), Corrections.of(labels).touched.copy()
    assert dock.view.tools.buttons["smart_fill"].isChecked()
    click(dock, qtbot=qtbot)
    click(dock, (5, 5), False, qtbot)
    assert dock.clicking.proposal is not None
    np.testing.assert_array_equal(labels.data, before)
    dock.clicking.take()
    found, truth = labels.data[:32, :32] == AXON, fibres()[:32, :32] == AXON
    assert (found & truth).sum() / (found | truth).sum() > 0.8
    # What autosave writes.
    np.testing.assert_array_equal(Corrections.of(labels).touched, touched | (labels.data != before))
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    np.testing.assert_array_equal(Corrections.of(labels).touched, touched)
    assert dock.clicking.on  # for the next object


def test_taken_over_before_it_is_there_it_is_written_when_it_comes(begun, qtbot):
    _, labels, dock = begun
    click(dock)
    dock.clicking.take()
    assert labels.data[INSIDE] == 0
    settle(dock, qtbot)
    assert labels.data[INSIDE] == AXON


@pytest.mark.parametrize("how", ["escape", "back", "plane", "tool", "mode", "labels"])
def test_what_is_dropped_leaves_no_trace(begun, qtbot, how):
    viewer, labels, dock = begun
    before, layers = labels.data.copy(), list(viewer.layers)
    steps = len(labels._undo_history)
    for wait in (qtbot, None):  # with the object there, and while it is computed
        if not dock.clicking.on:
            dock.use("smart_fill")
        click(dock, qtbot=wait)
        if how in ("escape", "back"):
            getattr(dock.clicking, how)()
            assert dock.clicking.on
        elif how == "plane":
            viewer.dims.ndisplay = 3
            viewer.dims.ndisplay = 2
        elif how == "tool":
            dock.use("split")
            dock.use("split")
        elif how == "mode":
            labels.mode = "erase"
            assert not dock.clicking.on
            labels.mode = "paint"
        else:
            viewer.layers.selection.active = viewer.layers[0]
            qtbot.waitUntil(lambda: not dock.clicking.on, timeout=3000)
        settle(dock, qtbot)
        assert dock.clicking.proposal is None
        np.testing.assert_array_equal(labels.data, before)
        assert len(labels._undo_history) == steps
        assert list(viewer.layers) == layers
    dock.clicking.leave()
    assert str(labels.mode) == ("paint" if how != "labels" else str(labels.mode))


def test_only_the_newest_clicks_are_answered(begun, qtbot, monkeypatch):
    _, _, dock = begun
    asked = []
    real = clicking.ClickField.propose

    def counted(field, marks, found=None):
        asked.append(len(marks))
        return real(field, marks, found)

    monkeypatch.setattr(clicking.ClickField, "propose", counted)
    for at in (INSIDE, (15, 15), (17, 17), (16, 17)):
        click(dock, at)
    settle(dock, qtbot)
    assert asked == [1, 4]
    dock.clicking.back()
    settle(dock, qtbot)
    assert asked[-1] == 3


def test_confirmed_pixels_and_labels_of_others_stay(begun, qtbot):
    _, labels, dock = begun
    corrections = Corrections.of(labels)
    corrections.confirm((), (slice(0, 15), slice(0, SHAPE[1])))
    click(dock, qtbot=qtbot)
    dock.clicking.take()
    assert labels.data[INSIDE] == AXON
    assert not labels.data[8:15, 8:24].any()
    click(dock, (12, 16), qtbot=qtbot)
    assert "confirmed" in dock.view.hint
    assert dock.clicking.proposal is None


def test_labels_that_change_meanwhile_change_the_object(begun, qtbot):
    _, labels, dock = begun
    labels.selected_label = MYELIN
    click(dock, qtbot=qtbot)
    there = tuple(np.mgrid[8:24, 18:24].reshape(2, -1))
    labels.data_setitem(there, AXON)
    labels.refresh()
    settle(dock, qtbot)
    assert not dock.clicking.proposal.seen.outdated
    labels.data[8:24, 17] = AXON  # by a script, which nobody hears of
    dock.clicking.take()
    settle(dock, qtbot)
    assert (labels.data[8:24, 17:24] == AXON).all()
    assert labels.data[INSIDE] == MYELIN


def test_another_class_is_that_of_the_object(begun, qtbot):
    _, labels, dock = begun
    click(dock, qtbot=qtbot)
    labels.selected_label = MYELIN
    dock.clicking.take()
    settle(dock, qtbot)
    assert labels.data[INSIDE] == MYELIN


def test_what_a_run_says_of_the_object_counts_as_long_as_it_says_the_same(begun, qtbot, monkeypatch):
    _, labels, dock = begun
    opinion = ModelOpinion(fibres(), np.where(fibres() == AXON, 0.9, np.nan).astype(np.float32))
    monkeypatch.setattr(ModelOpinion, "of", lambda context, plane, window: opinion)
    click(dock, qtbot=qtbot)
    seen = dock.clicking.proposal.seen
    np.testing.assert_array_equal(seen.likely, np.where(fibres() == AXON, np.float32(0.9), 0.5))
    assert seen.field.channels.shape[-1] == 2
    click(dock, (5, 5), False, qtbot)
    assert dock.clicking.proposal.seen is seen  # nothing is looked at again
    labels.selected_label = MYELIN  # of which the run said something else
    settle(dock, qtbot)
    seen = dock.clicking.proposal.seen
    assert (seen.likely, seen.field.channels.shape[-1]) == (None, 1)
    assert ModelOpinion(fibres(), None).likely(np.array([INSIDE]), AXON) is None


@pytest.fixture
def network(begun, qtbot, monkeypatch, tmp_path):
    """A model is chosen that answers every click with one square, part of which lies on the myelin around; or does not answer."""
    _, _, dock = begun
    asked, context = [], dock.context
    (path := tmp_path / "vit_b.pt").touch()

    def submit(job, lane, *, finished, failed):
        asked.append(job)

        def run():
            if not path.read_text():
                return load_sam(job.model)
            found = np.zeros(job.picture.shape, bool)
            found[12:20, 4:20] = True
            return found

        context.executor.run(run, finished, failed)

    monkeypatch.setattr(context.runner, "submit", submit)
    settle(dock, qtbot)  # those that are on this computer are listed beside the window
    dock.network.offer([path])
    dock.view.options.set_value(replace(dock.view.options.value(), clicks=str(path)))
    return asked, path


def test_a_model_that_is_chosen_answers_clicks(begun, network, qtbot, monkeypatch):
    _, labels, dock = begun
    said = []
    monkeypatch.setattr(dock.context, "say", said.append)
    asked, path = network
    path.write_text("weights")
    before = labels.data.copy()
    click(dock, qtbot=qtbot)
    click(dock, (5, 5), False, qtbot)
    assert [(job.model, list(job.inside)) for job in asked] == [
        (str(path), [True]),
        (str(path), [True, False]),
    ]
    assert asked[0].picture is asked[1].picture
    dock.clicking.take()
    click(dock, (3, 40), qtbot=qtbot)  # the next object is in what the model has looked at
    assert [one for one in said if "looks at" in one] == [LOOKS.format("vit_b")]
    assert len(asked) == 3
    dock.clicking.escape()
    written = np.argwhere(labels.data != before)
    assert (labels.data[tuple(written.T)] == AXON).all()
    assert len(written) > 50
    # Only what was free, in the square.
    assert (written >= (12, 4)).all()
    assert (written < 20).all()
    assert (before[tuple(written.T)] == 0).all()
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_models_that_come_later_are_listed_when_the_pointer_reaches_the_list(
    begun, qtbot, monkeypatch, tmp_path
):
    _, _, dock = begun
    settle(dock, qtbot)
    monkeypatch.setenv("MICROSAM_CACHEDIR", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "vit_b_lm").touch()
    edit = dock.view.options.edits["clicks"]
    QCoreApplication.sendEvent(edit.native, QEvent(QEvent.Type.Enter))
    qtbot.waitUntil(lambda: edit.native.findText("Light microscopy, base (vit_b_lm)") > 0, timeout=20000)


def test_where_a_model_cannot_be_used_the_image_answers_and_it_is_said(begun, network, qtbot):
    _, labels, dock = begun
    asked, path = network
    click(dock, qtbot=qtbot)
    assert dock.clicking.proposal is not None
    assert "is empty" in dock.view.hint
    assert "The image alone answers clicks now." in dock.view.hint
    click(dock, (5, 5), False, qtbot)
    assert len(asked) == 1
    # Once its file is mended it can be chosen again, with the clicks that are there.
    path.write_text("weights")
    for chosen in (None, str(path)):
        dock.view.options.edits["clicks"].value = chosen
        assert not dock.view.hint
        settle(dock, qtbot)
    assert len(asked) == 2
    dock.clicking.take()
    assert labels.data[INSIDE] == AXON
    assert not (labels.data[20:24, 8:24] == AXON).any()
