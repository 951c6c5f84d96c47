"""What a person confirms is counted with the labels, and only that."""

from dataclasses import replace

import numpy as np
import pytest
from run_reports import SEGMENTER, TRANSLATOR

from napari_pseudolabel.collection.confirmed_planes import ConfirmedPlanes
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.refitting import ConfidenceFit
from napari_pseudolabel.viewer import Corrections, push
from napari_pseudolabel.viewer.confirmed_confidence import (
    confidence_beside,
    confirmed_of,
    confirmed_regions,
    note_confirmed,
)
from napari_pseudolabel.widgets.common.confirmation import all_confirmed
from napari_pseudolabel.workspace import Workspace

LEFT, ALL = (slice(0, 12), slice(0, 8)), (slice(0, 12), slice(0, 16))


@pytest.fixture
def labelled(viewer, result):
    """Labels of a run that noted its temperature; all are .6 sure."""
    source = viewer.add_image(np.random.default_rng(0).random((12, 16)), name="sem_12")
    return push(viewer, source, with_temperature(result(np.ones((1, 12, 16))))).labels


def with_temperature(found):
    report = replace(found.report, models=(TRANSLATOR, SEGMENTER), confidence=ConfidenceFit(1.0, 1.0))
    return replace(found, report=report)


def confirm(viewer, labels, window):
    corrections = Corrections.of(labels)
    key = window
    before = corrections.confirmed_in(key)
    taken = corrections.confirm((), window)
    note_confirmed(labels, (), window, taken & ~before, confidence_beside(viewer, labels))


def test_confirmed_pixels_are_counted_and_others_are_not(viewer, labelled):
    labelled.data_setitem((np.array([3, 3]), np.array([4, 12])), 2)
    assert confirmed_regions(viewer) == ()  # what is corrected alone is always wrong
    confirm(viewer, labelled, LEFT)
    (one,) = confirmed_regions(viewer)
    assert (sum(one.counts), sum(one.right)) == (96, 95)
    confirm(viewer, labelled, ALL)
    assert [sum(one.counts) for one in confirmed_regions(viewer)] == [96, 96]


def test_a_confirmation_that_is_taken_back_does_not_count_any_more(viewer, labelled):
    confirm(viewer, labelled, LEFT)
    Corrections.of(labelled).unconfirm((), LEFT)
    assert confirmed_regions(viewer) == ()
    labelled.data_setitem((np.array([3]), np.array([4])), 2)
    confirm(viewer, labelled, LEFT)
    (one,) = confirmed_regions(viewer)
    assert sum(one.counts) - sum(one.right) == 1


def test_labels_without_a_known_temperature_tell_nothing(viewer, result):
    source = viewer.add_image(np.zeros((12, 16)), name="sem_12")
    labels = push(viewer, source, result(np.ones((1, 12, 16)))).labels
    confirm(viewer, labels, LEFT)
    own = viewer.add_labels(np.ones((12, 16), np.uint8))
    confirm(viewer, own, LEFT)
    assert confirmed_regions(viewer) == ()


def test_what_was_confirmed_is_kept_for_all_images_of_a_workspace(viewer, labelled, tmp_path):
    confirm(viewer, labelled, LEFT)
    known, other = confirmed_of(labelled), ConfirmedPlanes(Workspace.open(tmp_path))
    assert known[0].image == "sem_12"
    ConfirmedPlanes(Workspace.open(tmp_path)).keep("plane", known)
    assert other.regions() == known
    assert all_confirmed(viewer, Workspace.open(tmp_path)) == known  # what is open counts once
    viewer.layers.clear()
    assert all_confirmed(viewer, Workspace.open(tmp_path)) == known
    for key in ("0", "1"):
        other.keep(key, [replace(known[0], box=(0, at, 1, at + 1)) for at in range(300)])
    assert len(other.regions()) == 300  # the oldest planes go first
    other.keep("1", ())
    assert other.regions() == ()


def test_a_damaged_list_of_regions_gets_a_sentence(viewer, labelled, tmp_path):
    confirm(viewer, labelled, LEFT)
    ConfirmedPlanes(Workspace.open(tmp_path)).keep("plane", confirmed_of(labelled))
    path = tmp_path / "confirmed.json"
    path.write_text(path.read_text().replace('"counts":[', '"counts":[7,7,', 1))
    with pytest.raises(InputError, match=r"confirmed\.json is damaged"):
        all_confirmed(viewer, Workspace.open(tmp_path))


def test_confidence_stays_beside_the_prediction_that_was_corrected(viewer, result):
    source = viewer.add_image(np.random.default_rng(0).random((12, 16)), name="sem_12")
    pushed = push(viewer, source, with_temperature(result(np.ones((1, 12, 16)))))
    pushed.labels.data_setitem((np.array([3]), np.array([4])), 2)
    push(viewer, source, with_temperature(result(np.zeros((1, 12, 16)))))
    assert pushed.confidence.data[3, 4] == pytest.approx(0.6)
    assert pushed.confidence.data[3, 5] == pytest.approx(0.5)
