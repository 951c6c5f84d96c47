"""What the members of an ensemble said, beside the labels."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.layers import Labels

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import Candidates, Stream, push

SIZE = 12
WINDOW = slice(2, 6), slice(3, 8)
NAMES = ("sample 1", "sample 1 flipped")


def layer(*shape):
    return Labels(np.zeros(shape or (SIZE, SIZE), np.uint8))


def said(value, count=2, planes=1, window=WINDOW):
    shape = tuple(part.stop - part.start for part in window)
    return np.stack([np.full((planes, *shape), value + k, np.uint8) for k in range(count)], axis=1)


def part(result, labels, region=None, value=None, names=NAMES, **kwargs):
    """A result of a run, with candidates that all say `value`."""
    made = result(labels, region, **kwargs)
    if value is None:
        return made
    candidates = np.full((len(made.labels), len(names), *made.labels.shape[1:]), value, np.uint8)
    return replace(made, candidates=candidates, members=names)


def test_a_layer_without_candidates_has_none():
    assert Candidates.of(layer()) is None


def test_what_was_added_is_there_and_nothing_else():
    labels = layer()
    candidates = Candidates.made_for(labels)
    candidates.add(((),), WINDOW, said(0), NAMES)
    assert Candidates.of(labels) is candidates
    assert candidates.names == NAMES
    for number in range(2):
        found = candidates.labels(number)
        assert found.dtype == np.uint8
        assert (found[WINDOW] == number).all()
        found[WINDOW] = 255
        assert (found == 255).all()  # outside; and a copy
        assert (candidates.part(number, (), WINDOW) == number).all()


@given(st.data())
def test_additions_are_those_of_plain_arrays(data):
    shape = (2, SIZE, SIZE)
    candidates = Candidates.made_for(layer(*shape))
    expected: dict[str, np.ndarray] = {}
    for _ in range(data.draw(st.integers(1, 6))):
        y0, y1 = sorted(data.draw(st.tuples(*[st.integers(0, SIZE)] * 2)))
        x0, x1 = sorted(data.draw(st.tuples(*[st.integers(0, SIZE)] * 2)))
        window = slice(y0, y1), slice(x0, x1)
        plane = (data.draw(st.integers(0, 1)),)
        names = data.draw(st.lists(st.sampled_from(["sample 1", "sample 2", "source only"]), unique=True))
        if data.draw(st.booleans()):
            candidates.clear((plane,), window)
            for name, array in expected.items():
                if name != "source only":
                    array[(*plane, *window)] = 255
        values = np.random.default_rng(data.draw(st.integers(0, 99))).integers(
            0, 255, (1, len(names), y1 - y0, x1 - x0), dtype=np.uint8
        )
        candidates.add((plane,), window, values, names)
        for number, name in enumerate(names):
            expected.setdefault(name, np.full(shape, 255, np.uint8))[(*plane, *window)] = values[0, number]
    assert candidates.names == tuple(expected)
    for number, array in enumerate(expected.values()):
        np.testing.assert_array_equal(candidates.labels(number), array)
    for plane in ((0,), (1,)):
        members = candidates.members(plane, (slice(0, SIZE), slice(0, SIZE)))
        speaking = [
            a[plane] for name, a in expected.items() if name != "source only" and (a[plane] != 255).any()
        ]
        np.testing.assert_array_equal(members, np.array(speaking, np.uint8).reshape(-1, SIZE, SIZE))


def test_listeners_hear_where_something_changed():
    candidates = Candidates.made_for(layer(3, SIZE, SIZE))
    heard = []
    candidates.listeners.append(lambda index, window: heard.append((index, window, candidates.names)))
    candidates.add(((0,), (2,)), WINDOW, said(1, planes=2), NAMES)
    assert heard == [((0,), WINDOW, NAMES), ((2,), WINDOW, NAMES)]
    heard.clear()
    candidates.clear(((1,),), WINDOW)
    assert heard == []  # nothing was said there
    candidates.clear(((2,),), WINDOW)
    assert heard == [((2,), WINDOW, NAMES)]


def test_memory_is_taken_only_where_something_is_said():
    candidates = Candidates((16384, 16384))
    before = psutil.Process().memory_info().rss
    candidates.add(((),), WINDOW, said(1, count=4), [f"sample {i}" for i in range(4)])
    assert candidates.members((), WINDOW).shape == (4, 4, 5)
    assert psutil.Process().memory_info().rss - before < 64 * 2**20  # of 1 GiB


def test_a_copy_of_a_layer_has_candidates_of_its_own_and_no_listeners():
    labels = layer()
    candidates = Candidates.made_for(labels)
    candidates.add(((),), WINDOW, said(1), NAMES)
    candidates.listeners.append(lambda index, window: pytest.fail("a copy has listeners of its own"))
    metadata = copy.deepcopy(labels.metadata)
    other = Candidates.of(Labels(labels.data.copy(), metadata=metadata))
    other.add(((),), WINDOW, said(5), NAMES)
    assert (candidates.part(0, (), WINDOW) == 1).all()
    assert (other.part(0, (), WINDOW) == 5).all()


def test_data_of_another_shape_has_none():
    labels = layer()
    Candidates.made_for(labels).add(((),), WINDOW, said(1), NAMES)
    labels.data = np.zeros((5, 5), np.uint8)
    assert Candidates.of(labels) is None
    assert Candidates.made_for(labels).names == ()


def test_a_run_brings_its_candidates_and_replaces_those_of_the_run_before(viewer, result):
    source = viewer.add_image(np.random.default_rng(0).random((SIZE, SIZE)))
    whole = np.ones((1, SIZE, SIZE))
    stream = Stream(viewer, source)
    for top in (0, 6):
        labels = stream.add(
            part(result, whole[:, :6], Region(top, 0, top + 6, SIZE), value=1 + top // 6)
        ).labels
    stream.finish()
    candidates = Candidates.of(labels)
    assert candidates.names == NAMES
    expected = np.repeat([1, 2], 6)[:, None] * np.ones((1, SIZE))
    np.testing.assert_array_equal(candidates.labels(1), expected)

    candidates.add(((),), WINDOW, said(3, count=1), ("source only",))
    push(viewer, source, part(result, whole[:, :4, :4], Region(0, 0, 4, 4), value=0, names=("sample 1",)))
    assert (candidates.labels(0)[:4, :4] == 0).all()
    assert (candidates.labels(1)[:4, :4] == 255).all()
    assert (candidates.labels(1)[4:6] == 1).all()
    assert (candidates.labels(2)[WINDOW] == 3).all()
    # A run without an ensemble leaves nothing to agree.
    push(viewer, source, part(result, whole))
    assert candidates.members((), (slice(0, SIZE), slice(0, SIZE))).shape == (0, SIZE, SIZE)


def test_a_run_without_an_ensemble_makes_no_candidates(viewer, result):
    source = viewer.add_image(np.zeros((SIZE, SIZE)))
    assert Candidates.of(push(viewer, source, part(result, np.ones((1, SIZE, SIZE)))).labels) is None


def test_candidates_do_not_change_with_painting_and_undo(viewer, result):
    source = viewer.add_image(np.zeros((SIZE, SIZE)))
    labels = push(viewer, source, part(result, np.ones((1, SIZE, SIZE)), value=1)).labels
    labels.brush_size = 3
    labels.paint((5, 5), 2)
    labels.undo()
    labels.undo()
    assert (Candidates.of(labels).labels(0) == 1).all()
