"""A prediction that is written part by part, while a person works on the same labels."""

from __future__ import annotations

import numpy as np
from filled import fill
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.layers import Labels

from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.filling import Filling

SIZE = 12


def paint(layer, at, label):
    layer.brush_size = 1
    layer.paint(at, label)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 8), st.integers(0, 8), st.integers(0, 3)),
        st.tuples(st.just("paint"), st.integers(0, 11), st.integers(0, 11), st.integers(0, 5)),
        st.tuples(st.just("confirm"), st.integers(0, 8), st.integers(0, 8)),
        st.tuples(st.sampled_from(["undo", "redo", "press", "release"])),
    ),
    max_size=14,
)


@settings(max_examples=2 * settings.default.max_examples, deadline=None)
@given(st.integers(0, 3), ACTIONS)
def test_whatever_happens_touched_pixels_stay_and_undo_brings_the_rest_back(old, actions):
    """The person paints, confirms, undoes and redoes at any time while parts arrive."""
    labels = Labels(np.ones((SIZE, SIZE), np.uint8))
    corrections = Corrections.of(labels)
    fill(corrections, [()], (slice(0, 6), slice(6, 12)), np.full((1, 6, 6), old, np.uint8))
    start = labels.data.copy()
    filling, stroke, travelled = Filling(corrections), None, False
    for action, *arguments in actions:
        if action == "add":
            y, x, value = arguments
            touched, before = corrections.touched, labels.data.copy()
            filling.add([()], (slice(y, y + 4), slice(x, x + 4)), np.full((1, 4, 4), value, np.uint8))
            np.testing.assert_array_equal(labels.data[touched], before[touched])
            inside = np.zeros_like(touched)
            inside[y : y + 4, x : x + 4] = True
            assert (labels.data[inside & ~touched] == value).all()
            np.testing.assert_array_equal(labels.data[~inside], before[~inside])
        elif action == "paint":
            paint(labels, arguments[:2], arguments[2])
        elif action == "confirm":
            y, x = arguments
            corrections.confirm((), (slice(y, y + 4), slice(x, x + 4)))
        elif action == "press" and stroke is None:
            stroke = labels.block_history()
            stroke.__enter__()
        elif action == "release" and stroke is not None:
            stroke.__exit__(None, None, None)
            stroke = None
        elif action in ("undo", "redo") and stroke is None:
            travelled = True
            getattr(labels, action)()
    touched, final = corrections.touched, labels.data.copy()
    steps = []
    labels.events.paint.connect(lambda event: steps.append(event.value))
    filling.finish()
    np.testing.assert_array_equal(labels.data, final)
    assert len(steps) <= 1
    if stroke is not None:
        stroke.__exit__(None, None, None)
    elif steps:
        labels.undo()
        undone = labels.data.copy()
        np.testing.assert_array_equal(undone[touched], final[touched])
        if not travelled:  # then nobody but the run has changed what is untouched
            np.testing.assert_array_equal(undone[~touched], start[~touched])
        labels.redo()
        np.testing.assert_array_equal(labels.data, final)
    np.testing.assert_array_equal(corrections.touched, touched)
