"""What a person confirms is counted with the labels, and only that."""

from dataclasses import replace

import numpy as np
import pytest
from run_reports import SEGMENTER, TRANSLATOR

from napari_pseudolabel.labels.refitting import ConfidenceFit
from napari_pseudolabel.viewer import Corrections, push
from napari_pseudolabel.viewer.confirmed_confidence import (
    confidence_beside,
    confirmed_regions,
    note_confirmed,
)

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


def test_confidence_stays_beside_the_prediction_that_was_corrected(viewer, result):
    source = viewer.add_image(np.random.default_rng(0).random((12, 16)), name="sem_12")
    pushed = push(viewer, source, with_temperature(result(np.ones((1, 12, 16)))))
    pushed.labels.data_setitem((np.array([3]), np.array([4])), 2)
    push(viewer, source, with_temperature(result(np.zeros((1, 12, 16)))))
    assert pushed.confidence.data[3, 4] == pytest.approx(0.6)
    assert pushed.confidence.data[3, 5] == pytest.approx(0.5)
