"""What a new prediction would change is shown before it changes anything."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_results import make_result

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import KEY, accept_preview, drop_preview, find_layer, push, show_preview
from napari_pseudolabel.viewer.corrections import Corrections

WHOLE = Region(0, 0, 12, 12)


@pytest.fixture
def source(viewer):
    return viewer.add_image(np.random.default_rng(0).random((12, 12)), name="sem", scale=(0.5, 0.5))


@pytest.fixture
def labels(viewer, source):
    values = np.zeros((1, 12, 12))
    values[:, :6] = 1
    layer = push(viewer, source, make_result(values, WHOLE)).labels
    layer.brush_size = 1
    return layer


def prediction(value, region=WHOLE, seed=5):
    return make_result(np.full((1, *region.shape), value), region, seed=seed)


def test_only_what_would_change_is_shown(viewer, source, labels):
    labels.paint((8, 8), 2)
    Corrections.of(labels).confirm((), (slice(10, 12), slice(0, 12)))
    before = labels.data.copy()
    preview = show_preview(viewer, source, labels, prediction(1))
    expected = np.zeros((12, 12), bool)
    expected[6:10] = True
    expected[8, 8] = False
    np.testing.assert_array_equal(preview.data == 1, expected)
    np.testing.assert_array_equal(preview.data != 0, expected)
    np.testing.assert_array_equal(labels.data, before)
    np.testing.assert_array_equal(preview.scale, (0.5, 0.5))
    assert not preview.editable
    assert viewer.layers[-1] is preview
    assert find_layer(viewer, source, "labels") is labels


def test_what_would_become_background_can_be_seen(viewer, source, labels):
    preview = show_preview(viewer, source, labels, prediction(0))
    values = np.unique(preview.data[:6])
    assert values.size == 1
    assert values[0] not in (0, 1, 2)
    assert preview.get_color(int(values[0]))[3] > 0
    assert "cleared" in str(preview.get_status((1, 1)))
    assert not preview.data[6:].any()


def test_a_newer_preview_replaces_the_older_one(viewer, source, labels):
    first = show_preview(viewer, source, labels, prediction(2, Region(0, 0, 6, 6)))
    count = len(viewer.layers)
    second = show_preview(viewer, source, labels, prediction(2, Region(8, 8, 12, 12)))
    assert second is first
    assert len(viewer.layers) == count
    assert not second.data[:8].any()
    assert (second.data[8:, 8:] == 2).all()


def test_accepting_is_one_undo_step_and_leaves_later_corrections_alone(viewer, source, labels):
    show_preview(viewer, source, labels, prediction(2))
    labels.paint((8, 8), 1)
    before = labels.data.copy()
    pushed = accept_preview(viewer, source, labels)
    assert pushed.labels is labels
    assert find_layer(viewer, source, "preview") is None
    assert labels.data[8, 8] == 1
    assert (labels.data == 2).sum() == 143
    assert labels.metadata[KEY]["runs"][-1]["seed"] == 5
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)


def test_dropping_changes_nothing_and_the_selection_stays(viewer, source, labels):
    viewer.layers.selection.active = labels
    before = labels.data.copy()
    show_preview(viewer, source, labels, prediction(2))
    assert viewer.layers.selection.active is labels
    drop_preview(viewer, source)
    drop_preview(viewer, source)
    assert find_layer(viewer, source, "preview") is None
    assert viewer.layers.selection.active is labels
    np.testing.assert_array_equal(labels.data, before)
    assert accept_preview(viewer, source, labels) is None


def test_labels_of_the_person_can_be_previewed_and_take_the_result(viewer, source):
    mine = viewer.add_labels(np.zeros((12, 12), np.uint16), name="mine", scale=(0.5, 0.5))
    preview = show_preview(viewer, source, mine, prediction(2, Region(0, 0, 4, 4)))
    assert (preview.data == 2).sum() == 16
    assert accept_preview(viewer, source, mine).labels is mine
    assert (mine.data == 2).sum() == 16
    assert find_layer(viewer, source, "labels") is None


def test_planes_of_a_stack(viewer):
    source = viewer.add_image(np.zeros((3, 12, 12)))
    labels = push(viewer, source, make_result(np.ones((3, 12, 12)), WHOLE, ((0,), (1,), (2,)))).labels
    preview = show_preview(viewer, source, labels, make_result(np.full((1, 12, 12), 2), WHOLE, ((1,),)))
    assert [plane.max() for plane in preview.data] == [0, 2, 0]
    preview = show_preview(viewer, source, labels, make_result(np.full((1, 12, 12), 2), WHOLE, ((2,),)))
    assert [plane.max() for plane in preview.data] == [0, 0, 2]
