"""Naming regions in the Correct dock: one click for all of a kind, as one undo step, and no more than that is claimed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from correct_case import SHAPE, make_dock
from napari.components import ViewerModel
from train_fakes import pseudo_label

from napari_pseudolabel.labels.classes import default_classes, unnamed_regions
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import Corrections, content_of, push
from napari_pseudolabel.viewer.records import classes_of

FIRST, SECOND, THIRD = 101, 102, 103


def regions() -> np.ndarray:
    """Two islands of the second kind and one of the third in the first."""
    labels = np.full(SHAPE, FIRST, np.uint8)
    labels[5:20, 5:20] = labels[30:50, 60:90] = SECOND
    labels[40:60, 10:30] = THIRD
    return labels


@pytest.fixture
def case(qtbot, runner, session):
    viewer = ViewerModel()
    source = viewer.add_image(regions().astype(float), name="sem_12")
    made = pseudo_label(Region(0, 0, *SHAPE), regions())
    classes = (*default_classes(["axon"]), *unnamed_regions(3))
    layer = push(viewer, source, SimpleNamespace(**{**vars(made), "classes": classes})).labels
    viewer.layers.selection.active = layer
    dock = make_dock(qtbot, viewer, session, runner)
    dock.names._look_later.setTimeout(1)
    yield viewer, layer, dock
    assert dock.shutdown()


def values(layer):
    return [one.value for one in classes_of(layer)]


def wait(qtbot, dock):
    qtbot.waitUntil(lambda: dock.names.settled, timeout=10000)


def test_one_click_names_all_regions_of_a_kind_and_one_undo_takes_it_back(case, qtbot):
    viewer, layer, dock = case
    assert not dock.view.name_regions.isHidden()
    dock.names.toggle()
    layer.selected_label = 1
    before = layer.data.copy()
    dock.names.click((10.0, 10.0), False)
    assert (layer.data[before == SECOND] == 1).all()
    assert np.array_equal(layer.data[before != SECOND], before[before != SECOND])
    assert dock.view.status == "Region 2 is axon now (825 px). 2 kinds left here."
    # The person has said what they are, and looked at no pixel.
    corrections = Corrections.of(layer)
    assert corrections.share() == corrections.share_confirmed() == 0
    assert corrections.labelled.all()
    assert content_of(viewer, layer).provenance["regions_named"] == 1
    wait(qtbot, dock)
    assert values(layer) == [0, 1, FIRST, THIRD]
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    assert Corrections.of(layer).share() == 0
    wait(qtbot, dock)
    assert values(layer) == [0, 1, FIRST, SECOND, THIRD]


def test_with_shift_they_are_background_and_what_a_person_painted_stays(case, qtbot):
    _, layer, dock = case
    layer.data_setitem((np.full(5, 45), np.arange(12, 17)), 1)
    dock.names.toggle()
    dock.names.click((55.0, 20.0), True)
    assert (layer.data[45, 12:17] == 1).all()
    assert set(np.unique(layer.data[40:60, 10:30]).tolist()) == {0, 1}
    # Said to be background, it is labelled as that.
    assert Corrections.of(layer).labelled.all()
    assert Corrections.of(layer).share() == 5 / layer.data.size


def test_what_cannot_be_named_is_refused_in_words(case, qtbot):
    _, layer, dock = case
    dock.names.toggle()
    layer.selected_label = FIRST
    dock.names.click((10.0, 10.0), False)
    assert dock.view.hint.startswith("Choose what the regions are first")
    layer.selected_label = 1
    for _ in range(2):
        dock.names.click((10.0, 10.0), False)
    assert dock.view.hint.startswith("That is no region to be named any more")
    layer.mode = "paint"
    dock.names.click((45.0, 20.0), False)
    assert (layer.data == THIRD).any()
    dock.names.toggle()
    assert not dock.names.on


def test_labels_without_regions_offer_nothing(qtbot, runner, session):
    viewer = ViewerModel()
    viewer.add_labels(np.ones(SHAPE, np.uint8))
    dock = make_dock(qtbot, viewer, session, runner)
    assert dock.view.name_regions.isHidden()
    dock.names.toggle()
    assert dock.view.hint == "There are no regions to be named in these labels."
    assert dock.shutdown()
