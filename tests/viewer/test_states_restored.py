"""What was predicted is known again after a restart; sessions from before it was noted are not believed blindly."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
from napari.components import ViewerModel
from recorded_session import record

from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import Corrections, Stream
from napari_pseudolabel.viewer.recording import Journal, Recorder, restore
from napari_pseudolabel.viewer.recording.labels_watch import LabelsWatch
from napari_pseudolabel.viewer.recording.plain import STATES
from napari_pseudolabel.viewer.recording.states import recalled
from napari_pseudolabel.viewer.records import KEY
from napari_pseudolabel.viewer.session_labels import labels_of
from napari_pseudolabel.workspace import Workspace

SHAPE = (2, 150, 170)


@pytest.fixture
def workspace(tmp_path):
    return Workspace.create(tmp_path / "nerves", "Nerves")


def test_every_state_comes_back_even_of_a_run_that_was_killed(viewer, result, workspace):
    source = viewer.add_image(np.zeros(SHAPE))
    stream = Stream(viewer, source)
    stream.add(result(np.ones((1, 60, 70)), Region(0, 0, 60, 70), planes=((0,),)))
    stream.finish()
    layer = stream.add(result(np.zeros((1, 20, 30)), Region(100, 100, 120, 130), planes=((1,),))).labels
    brought = viewer.add_labels(np.zeros(SHAPE, np.uint8), name="mine")
    corrections, own = Corrections.of(layer), Corrections.of(brought)
    layer.data_setitem((np.array([1]), np.array([5]), np.array([5])), 2)
    corrections.confirm((0,), (slice(0, 80), slice(0, 80)))
    corrections.confirm((1,), (slice(140, 150), slice(140, 150)), unpredicted=True)
    id = record(viewer, workspace.sessions)

    with closing(workspace.sessions.read(id)) as content:
        again = ViewerModel()
        missing = restore(again, content).missing
        found, notes = labels_of(content, id)
    assert not missing
    assert not notes
    one, other = (Corrections.of(again.layers[name]) for name in (layer.name, "mine"))
    assert (one.own, other.own, own.own) == (False, True, True)
    for name in ("labelled", "confirmed", "touched", "mask"):
        np.testing.assert_array_equal(getattr(one, name), getattr(corrections, name))
    np.testing.assert_array_equal(one.reached_in((...,)), corrections.reached_in((...,)))
    assert np.count_nonzero(one.labelled) == 60 * 70 + 20 * 30 + 1 + 100
    assert other.labelled.all()
    one.unconfirm((1,), (slice(0, 150), slice(0, 170)))
    assert np.count_nonzero(one.labelled) == 60 * 70 + 20 * 30 + 1

    contents = dict(found)
    np.testing.assert_array_equal(contents[layer.name].labelled, corrections.labelled)
    assert contents["mine"].labelled is None
    contents[layer.name].write(workspace.folder / "a.tif", "ome-tiff")
    share = read_sidecar(workspace.folder / "a.tif").share_labelled
    assert share == pytest.approx(corrections.labelled.mean())


def attributes(runs, **more):
    return {"metadata": {KEY: {"role": "labels", "runs": runs}}, **more}


RUN = {"region": [0, 0, 2, 2], "planes": [[]]}


def test_an_older_session_loses_what_was_confirmed_without_a_prediction_and_says_so():
    predicted = np.zeros((4, 4), np.uint8)
    predicted[0, 0] = 1
    flags = np.zeros((4, 4), np.uint8)
    flags[:, :2] = CONFIRMED
    flags[3, 0] |= CORRECTED
    corrections, sentence = recalled(attributes([RUN]), predicted, flags)
    expected = np.zeros((4, 4), bool)
    expected[:2, :2] = expected[3, 0] = True
    np.testing.assert_array_equal(corrections.labelled, expected)
    np.testing.assert_array_equal(corrections.confirmed, expected)
    assert sentence.startswith("18.8% of the pixels had been confirmed without a prediction")


def test_an_older_session_that_goes_on_knows_from_then_on(viewer, result, workspace, monkeypatch):
    source = viewer.add_image(np.zeros((150, 170)))
    stream = Stream(viewer, source)
    layer = stream.add(result(np.eye(60, dtype=np.uint8)[None], Region(0, 0, 60, 60))).labels
    stream.finish()
    Corrections.of(layer).confirm((), (slice(0, 80), slice(0, 80)), unpredicted=True)
    with monkeypatch.context() as earlier:
        flags_in = Corrections.flags_in
        earlier.setattr(Corrections, "flags_in", lambda self, key: flags_in(self, key) & np.uint8(3))
        earlier.setattr(LabelsWatch, "extra", lambda self: {})
        id = record(viewer, workspace.sessions)

    expected = np.zeros((150, 170), bool)
    expected[:60, :60] = True
    for missing in (1, 0):
        again = ViewerModel()
        with closing(workspace.sessions.read(id)) as content:
            restored = restore(again, content)
        assert len(restored.missing) == missing
        corrections = Corrections.of(again.layers[layer.name])
        np.testing.assert_array_equal(corrections.labelled, expected)
        np.testing.assert_array_equal(corrections.confirmed, expected)
        recorder, file = Recorder(again, restored.ids), workspace.sessions.open(id)
        journal = Journal(file)
        while (batch := recorder.gather(1.0, force=True)) is not None:
            journal.write(batch)
            recorder.written()
        recorder.close()
        file.close(finished=False)


def test_an_older_session_that_holds_together_says_nothing():
    flags = np.full((2, 2), CONFIRMED, np.uint8)
    corrections, sentence = recalled(attributes([RUN]), np.eye(2, dtype=np.uint8), flags)
    assert corrections.confirmed.all()
    assert not sentence
    # What a person brought along needs no prediction.
    corrections, sentence = recalled({"metadata": {}}, np.zeros((2, 2), np.uint8), flags)
    assert corrections.own
    assert corrections.confirmed.all()
    assert not sentence


def test_a_session_that_knows_is_believed_and_a_predicted_label_counts_where_its_tile_was_damaged():
    predicted = np.eye(4, dtype=np.uint8)
    corrections, sentence = recalled(
        attributes([RUN], **{STATES: "ours"}), predicted, np.zeros((4, 4), np.uint8)
    )
    np.testing.assert_array_equal(corrections.labelled, np.eye(4, dtype=bool))
    assert not sentence
