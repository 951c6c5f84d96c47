"""A run that arrives in parts while a person paints."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_results import make_result

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import KEY, Stream, find_layer, push
from napari_pseudolabel.viewer.corrections import Corrections

SIZE = 12
QUARTERS = [Region(y, x, y + 6, x + 6) for y in (0, 6) for x in (0, 6)]


@pytest.fixture
def source(viewer):
    return viewer.add_image(np.random.default_rng(0).random((SIZE, SIZE)), name="sem")


def part(value, region, **kwargs):
    return make_result(np.full((1, *region.shape), value), region, **kwargs)


def paint(layer, at, label):
    layer.brush_size = 1
    layer.paint(at, label)


def test_parts_are_shown_at_once_and_are_one_undo_step(viewer, source):
    labels = push(viewer, source, part(1, Region(0, 0, SIZE, SIZE))).labels
    before = labels.data.copy()
    stream = Stream(viewer, source)
    for number, region in enumerate(QUARTERS, start=2):
        shown = stream.add(part(number, region))
        assert shown.labels is labels
        assert (labels.data[region.y0 : region.y1, region.x0 : region.x1] == number).all()
    after = labels.data.copy()
    stream.finish()
    labels.undo()
    np.testing.assert_array_equal(labels.data, before)
    labels.redo()
    np.testing.assert_array_equal(labels.data, after)
    labels.undo()
    labels.undo()
    assert not labels.data.any()
    assert Corrections.of(labels).share() == 0


def test_the_first_part_shows_labels_and_the_images_follow_below_them(viewer, source):
    stream = Stream(viewer, source)
    shown = stream.add(part(1, QUARTERS[0]))
    assert shown.labels is not None
    assert (shown.confidence, shown.translation) == (None, None)
    for region in QUARTERS[1:3]:
        shown = stream.add(part(2, region))
    assert [layer.name for layer in viewer.layers] == [
        "sem",
        "sem: translation",
        "sem: confidence",
        "sem: axon + myelin (pseudo)",
    ]
    for layer, at in ((shown.confidence, 0.5), (shown.translation, 0.0)):
        assert np.nanmin(layer.data[:6, :6]) == pytest.approx(at + 0.1)
        assert np.nanmin(layer.data[:6, 6:]) == pytest.approx(at + 0.2)
        assert np.isnan(layer.data[6:, 6:]).all()


def test_a_run_of_one_part_has_everything_after_finish(viewer, source):
    stream = Stream(viewer, source)
    stream.add(part(1, QUARTERS[0]))
    shown = stream.finish()
    assert not np.isnan(shown.confidence.data[:6, :6]).any()
    assert not np.isnan(shown.translation.data[:6, :6]).any()


def test_what_is_painted_in_between_stays_and_is_not_part_of_the_step(viewer, source):
    stream = Stream(viewer, source)
    labels = stream.add(part(1, QUARTERS[0])).labels
    paint(labels, (2, 2), 5)  # over the prediction
    paint(labels, (8, 8), 5)  # where it will arrive
    for region in QUARTERS[1:]:
        stream.add(part(1, region))
    stream.finish()
    assert labels.data[2, 2] == labels.data[8, 8] == 5
    assert (labels.data == 1).sum() == 142
    labels.undo()
    expected = np.zeros((SIZE, SIZE), np.uint8)
    expected[2, 2] = expected[8, 8] = 5
    np.testing.assert_array_equal(labels.data, expected)
    labels.redo()
    assert (labels.data == 1).sum() == 142
    labels.undo()
    labels.undo()
    assert (labels.data[8, 8], labels.data[2, 2]) == (0, 5)


def test_a_stroke_that_is_under_way_is_one_undo_step_of_its_own(viewer, source):
    stream = Stream(viewer, source)
    labels = stream.add(part(1, QUARTERS[0])).labels
    # As napari's brush does: the step is made when the button goes up.
    with labels.block_history():
        paint(labels, (2, 2), 5)
        paint(labels, (7, 7), 1)  # what the prediction will say, too
        stream.add(part(1, QUARTERS[3]))
        stream.add(part(3, QUARTERS[3]))
        assert labels.data[7, 7] == 1
        stream.finish()
        paint(labels, (3, 3), 5)
    assert Corrections.of(labels).mask.sum() == 3
    labels.undo()
    assert (labels.data[2, 2], labels.data[3, 3], labels.data[7, 7]) == (1, 1, 0)
    assert (labels.data[6:, 6:] == 3).sum() == 35
    labels.undo()
    assert not labels.data[6:, 6:].any()
    assert (labels.data != 0).sum() == 1  # what the stroke had found


def test_what_a_stroke_puts_back_to_the_prediction_is_the_persons_already(viewer, source):
    stream = Stream(viewer, source)
    labels = stream.add(part(1, QUARTERS[0])).labels
    with labels.block_history():
        paint(labels, (2, 2), 5)
        paint(labels, (2, 2), 1)
        stream.add(part(3, QUARTERS[0]))
        assert labels.data[2, 2] == 1
    stream.finish()
    assert labels.data[2, 2] == 1
    assert (labels.data == 3).sum() == 35


def test_nothing_older_can_be_redone_after_a_run(viewer, source):
    labels = push(viewer, source, part(1, Region(0, 0, SIZE, SIZE))).labels
    labels.undo()
    push(viewer, source, part(2, QUARTERS[0]))
    before = labels.data.copy()
    labels.redo()
    np.testing.assert_array_equal(labels.data, before)


def test_painting_that_is_undone_in_between_belongs_to_the_run_again(viewer, source):
    stream = Stream(viewer, source)
    labels = stream.add(part(1, QUARTERS[0])).labels
    paint(labels, (2, 2), 5)
    labels.undo()
    stream.finish()
    labels.undo()
    assert not labels.data.any()
    assert Corrections.of(labels).share() == 0


def test_an_older_run_undone_in_between_stays_undone(viewer, source):
    labels = push(viewer, source, part(1, Region(0, 0, SIZE, SIZE))).labels
    stream = Stream(viewer, source)
    stream.add(part(2, QUARTERS[0]))
    labels.undo()
    assert not labels.data.any()
    stream.add(part(2, QUARTERS[1]))
    stream.finish()
    assert Corrections.of(labels).share() == 0
    labels.undo()
    assert not labels.data.any()
    labels.redo()
    assert (labels.data == 2).sum() == 36


def test_a_part_that_is_sent_again_or_overlaps_is_no_problem(viewer, source):
    labels = push(viewer, source, part(1, Region(0, 0, SIZE, SIZE))).labels
    stream = Stream(viewer, source)
    stream.add(part(2, Region(0, 0, 8, 8)))
    stream.add(part(3, Region(4, 4, 12, 12)))
    stream.add(part(2, Region(0, 0, 8, 8)))
    stream.add(part(1, Region(0, 0, 2, 2)))
    stream.finish()
    assert (labels.data[:2, :2] == 1).all()
    labels.undo()
    assert (labels.data == 1).all()


def test_finishing_early_keeps_what_has_arrived_and_forgets_no_older_run(viewer, source):
    labels = push(viewer, source, part(1, Region(2, 2, 8, 8), seed=1)).labels
    stream = Stream(viewer, source)
    for region in QUARTERS[:3]:
        stream.add(part(2, region, seed=2))
    stream.finish()
    assert (labels.data == 2).sum() == 108
    runs = labels.metadata[KEY]["runs"]
    assert [run["seed"] for run in runs] == [1, 2]
    assert runs[1]["complete"] is False
    stream = Stream(viewer, source)
    for region in QUARTERS:
        stream.add(part(3, region, seed=3))
    stream.finish()
    assert [run["seed"] for run in labels.metadata[KEY]["runs"]] == [3]
    assert labels.metadata[KEY]["runs"][0]["region"] == [0, 0, SIZE, SIZE]


def test_the_record_is_written_once_and_tells_the_report_of_the_whole(viewer, source):
    stream = Stream(viewer, source)
    for region in QUARTERS:
        shown = stream.add(part(1, region, seed=1))
        assert shown.labels.metadata[KEY]["runs"] == []
    stream.finish(part(1, QUARTERS[0], seed=9).report)
    for layer in (shown.labels, shown.confidence, shown.translation):
        assert [run["seed"] for run in layer.metadata[KEY]["runs"]] == [9]
    stream.finish()
    assert len(shown.labels.metadata[KEY]["runs"]) == 1


def test_a_run_without_parts_makes_nothing(viewer, source):
    shown = Stream(viewer, source).finish()
    assert (shown.labels, shown.confidence, shown.translation) == (None, None, None)
    assert len(viewer.layers) == 1


def test_deleting_the_labels_in_between_is_no_error(viewer, source):
    stream = Stream(viewer, source)
    first = stream.add(part(1, QUARTERS[0])).labels
    viewer.layers.remove(first)
    second = stream.add(part(2, QUARTERS[1])).labels
    stream.finish()
    assert second is not first
    assert (second.data == 2).sum() == (second.data != 0).sum() == 36
    viewer.layers.remove(second)
    assert find_layer(viewer, source, "labels") is None


def test_deleting_the_image_in_between_is_no_error(viewer, source):
    stream = Stream(viewer, source)
    viewer.layers.remove(source)
    for region in QUARTERS:
        shown = stream.add(part(1, region))
    stream.finish()
    assert (shown.labels.data == 1).all()
    assert len(viewer.layers) == 3


def test_a_stream_can_go_on_after_finish_with_a_step_of_its_own(viewer, source):
    stream = Stream(viewer, source)
    stream.add(part(1, QUARTERS[0]))
    stream.finish()
    labels = stream.add(part(2, QUARTERS[1])).labels
    stream.finish()
    labels.undo()
    assert (labels.data == 1).sum() == (labels.data != 0).sum() == 36


def test_planes_of_a_stack_are_one_step(viewer):
    source = viewer.add_image(np.zeros((3, SIZE, SIZE)))
    stream = Stream(viewer, source)
    for index in ((2,), (0,), (1,)):
        labels = stream.add(part(index[0] + 1, QUARTERS[1], planes=(index,))).labels
    paint(labels, (1, 2, 8), 5)
    stream.finish()
    assert [plane.max() for plane in labels.data] == [1, 5, 3]
    labels.undo()
    assert labels.data.sum() == 5
    labels.redo()
    assert (labels.data != 0).sum() == 108


def test_labels_of_the_person_can_take_the_run(viewer, source):
    mine = viewer.add_labels(np.zeros((SIZE, SIZE), np.int32), name="mine")
    colormap = mine.colormap
    shown = push(viewer, source, part(1, QUARTERS[0]), labels=mine)
    assert shown.labels is mine
    assert mine.data.dtype == np.int32
    assert (mine.data == 1).sum() == 36
    assert KEY not in mine.metadata
    assert mine.colormap is colormap
    assert find_layer(viewer, source, "labels") is None
    small = viewer.add_labels(np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="has the shape"):
        push(viewer, source, part(1, QUARTERS[0]), labels=small)


def test_translations_have_no_labels(viewer, source):
    from dataclasses import replace

    result = replace(part(1, QUARTERS[0]), labels=None, confidence=None)
    shown = push(viewer, source, result)
    assert (shown.labels, shown.confidence) == (None, None)
    assert np.isfinite(shown.translation.data).sum() == 36
