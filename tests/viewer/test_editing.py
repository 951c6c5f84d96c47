"""What a tool writes is one undo step, a correction, and never over what is confirmed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from filled import fill
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Labels
from viewer_results import make_result

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.tools import Change, component_at, delete
from napari_pseudolabel.viewer import Corrections, Stream, find_layer
from napari_pseudolabel.viewer.editing import apply, locked_plane, require_no_stroke
from napari_pseudolabel.viewer.effort import EffortLog

SIZE = 12
WHOLE = (slice(0, SIZE), slice(0, SIZE))


@dataclass(frozen=True)
class Block:
    """A rectangle of one label."""

    y: int
    x: int
    height: int
    width: int
    value: int

    def change(self) -> Change:
        window = slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)
        return Change(window, np.full((self.height, self.width), self.value, np.uint8))


BLOCKS = st.builds(
    Block, st.integers(0, 7), st.integers(0, 7), st.integers(1, 5), st.integers(1, 5), st.integers(0, 3)
)


def labels_of(seed: int) -> Labels:
    return Labels(np.random.default_rng(seed).integers(0, 4, (SIZE, SIZE)).astype(np.uint8))


@given(st.integers(0, 5), BLOCKS, BLOCKS)
def test_a_change_is_one_undo_step_that_counts_as_corrected_and_leaves_confirmed_pixels(
    seed, confirmed, block
):
    layer = labels_of(seed)
    corrections = Corrections.of(layer)
    window = confirmed.change().window
    corrections.confirm((), window)
    before = layer.data.copy()
    expected = before.copy()
    expected[block.change().window] = block.value
    expected[window] = before[window]

    count = apply(layer, (), block.change(), "delete")

    np.testing.assert_array_equal(layer.data, expected)
    changed = expected != before
    assert count == changed.sum()
    np.testing.assert_array_equal(corrections.mask, changed)
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    assert not corrections.touched[changed].any()
    layer.redo()
    if count:
        np.testing.assert_array_equal(layer.data, expected)


def test_a_tool_survives_later_predictions_and_their_undo(viewer):
    source = viewer.add_image(np.zeros((SIZE, SIZE)), name="sem")
    first = np.zeros((1, SIZE, SIZE), np.uint8)
    first[0, 2:6, 2:6] = 1
    stream = Stream(viewer, source)
    stream.add(make_result(first))
    layer = stream.finish().labels
    assert apply(layer, (), delete(layer.data, component_at(layer.data, (3, 3))), "delete") == 16
    after_tool = layer.data.copy()

    second = np.full((1, SIZE, SIZE), 2, np.uint8)
    stream = Stream(viewer, source)
    stream.add(make_result(second))
    stream.finish()
    assert not layer.data[2:6, 2:6].any()
    assert (layer.data == 2).sum() == SIZE * SIZE - 16

    layer.undo()
    np.testing.assert_array_equal(layer.data, after_tool)
    layer.undo()
    np.testing.assert_array_equal(layer.data, first[0])
    layer.redo()
    np.testing.assert_array_equal(layer.data, after_tool)
    fill(Corrections.of(layer), [()], WHOLE, np.full((1, SIZE, SIZE), 3, np.uint8))
    assert not layer.data[2:6, 2:6].any()


def test_several_planes_are_one_step_whatever_plane_is_shown(viewer):
    viewer.add_image(np.zeros((2, 3, SIZE, SIZE)))
    layer = viewer.add_labels(np.zeros((2, 3, SIZE, SIZE), np.uint8))
    viewer.dims.set_point((0, 1), (1, 2))
    changes = {0: Block(1, 1, 2, 2, 1).change(), 2: Block(4, 4, 3, 3, 2).change()}
    assert apply(layer, (1, 1), changes, "interpolate") == 13
    assert layer.data[1, 0].sum() == 4
    assert layer.data[1, 2].sum() == 18
    assert not layer.data[0].any()
    edits = EffortLog.of(layer).edits()
    assert [(edit.tool, edit.pixels) for edit in edits] == [("interpolate", 13)]
    layer.undo()
    assert not layer.data.any()


def test_the_log_knows_the_tool_and_how_much_it_changed():
    layer = labels_of(0)
    layer.data[...] = 0
    EffortLog.of(layer)
    apply(layer, (), Block(2, 3, 4, 5, 1).change(), "paste")
    (edit,) = EffortLog.of(layer).edits()
    assert (edit.tool, edit.pixels, edit.box) == ("paste", 20, (2, 3, 6, 8))


def test_a_change_that_changes_nothing_leaves_the_history_alone():
    layer = labels_of(1)
    window = slice(0, 4), slice(0, 4)
    assert apply(layer, (), Change(window, layer.data[window].copy()), "smooth") == 0
    before = layer.data.copy()
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)
    assert Corrections.of(layer).share() == 0


def test_nothing_is_written_while_a_stroke_is_being_painted():
    layer = labels_of(2)
    with layer.block_history():
        layer.paint((3, 3), (int(layer.data[3, 3]) + 1) % 4)
        with pytest.raises(InputError, match="release the mouse"):
            require_no_stroke(layer)
        with pytest.raises(InputError, match="release the mouse"):
            apply(layer, (), Block(0, 0, 2, 2, 1).change(), "delete")
    require_no_stroke(layer)


def test_wide_labels_keep_their_dtype():
    layer = Labels(np.full((SIZE, SIZE), 70_000, np.int32))
    change = Change((slice(0, 2), slice(0, 2)), np.full((2, 2), 90_000, np.int32))
    assert apply(layer, (), change, "reassign") == 4
    assert layer.data.dtype == np.int32
    assert layer.data[0, 0] == 90_000


def test_locked_is_what_is_confirmed_as_it_stands():
    layer = labels_of(3)
    assert locked_plane(layer, (), WHOLE) is None
    Corrections.of(layer).confirm((), (slice(0, 3), slice(0, 4)))
    locked = locked_plane(layer, (), WHOLE)
    assert locked is not None
    assert locked.sum() == 12
    assert locked[:3, :4].all()


def test_locked_is_looked_up_around_what_a_tool_works_on():
    layer = Labels(np.ones((40, 1400), np.uint8))
    corrections = Corrections.of(layer)
    corrections.confirm((), (slice(0, 40), slice(0, 1400)))
    locked = locked_plane(layer, (), (slice(10, 20), slice(100, 110)))
    assert locked is not None
    assert locked.shape == (40, 1400)
    assert locked[:, :622].all()
    assert not locked[:, 622:].any()


def test_classes_of_the_person_survive_a_new_run(viewer):
    from napari_pseudolabel.models.cards import LabelClass
    from napari_pseudolabel.viewer.records import classes_of, write_classes

    source = viewer.add_image(np.zeros((SIZE, SIZE)), name="sem")
    stream = Stream(viewer, source)
    stream.add(make_result(np.ones((1, SIZE, SIZE))))
    layer = stream.finish().labels
    background, axon, myelin = classes_of(layer)
    renamed = axon.model_copy(update={"name": "fibre", "color": "#123456"})
    mine = LabelClass(name="capillary", value=9, color="#D55E00")
    write_classes(layer, (background, renamed, myelin, mine))

    again = Stream(viewer, source)
    again.add(make_result(np.full((1, SIZE, SIZE), 2)))
    again.finish()
    assert classes_of(layer) == (background, renamed, myelin, mine)
    assert find_layer(viewer, source, "labels") is layer


def test_a_model_that_means_something_else_by_a_value_wins(viewer):
    from napari_pseudolabel.models.cards import LabelClass
    from napari_pseudolabel.viewer.records import classes_of, write_classes, write_record

    source = viewer.add_image(np.zeros((4, 4)))
    layer = viewer.add_labels(np.zeros((4, 4), np.uint8))
    write_record(layer, "labels", source, (LabelClass(name="axon", value=1),))
    write_classes(layer, (LabelClass(name="fibre", value=1),))
    write_record(layer, "labels", source, (LabelClass(name="nucleus", value=1),))
    assert [one.name for one in classes_of(layer)] == ["nucleus"]
