"""What validates a model never trains it, for the life of the workspace."""

from __future__ import annotations

import json
import multiprocessing
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace import WorkspaceSplit

SHAPE = (24, 32)


@pytest.fixture
def split(tmp_path):
    return WorkspaceSplit(tmp_path / "split.json")


def test_a_quarter_of_a_region_becomes_validation_and_it_is_a_corner(split):
    split.assign("k", (4, 8, 20, 28))
    found = split.validation("k", SHAPE)
    assert found.sum() == 8 * 10
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    assert found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert rows[0] == 4 or rows[-1] == 19
    assert columns[0] == 8 or columns[-1] == 27
    expected = np.zeros(SHAPE, bool)
    expected[4:20, 8:28] = True
    np.testing.assert_array_equal(split.assigned("k", SHAPE), expected)


def test_all_corners_occur_and_the_seed_decides(tmp_path):
    corners = set()
    for number in range(40):
        split = WorkspaceSplit(tmp_path / f"{number}.json")
        split.assign("k", (0, 0, 2, 2))
        corners.add(tuple(np.argwhere(split.validation("k", (2, 2)))[0]))
    assert corners == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_it_is_the_same_after_a_restart_and_in_another_process(split, tmp_path):
    split.assign("k", (0, 0, 10, 10))
    first = split.validation("k", SHAPE)
    split.assign("k", (0, 0, 10, 10))
    np.testing.assert_array_equal(WorkspaceSplit(tmp_path / "split.json").validation("k", SHAPE), first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(split)).validation("k", SHAPE), first)


def test_planes_do_not_share_anything(split):
    split.assign("k", (0, 0, 10, 10))
    assert not split.assigned("other", SHAPE).any()


def test_what_a_training_has_used_never_becomes_validation(split):
    used = np.zeros(SHAPE, bool)
    used[3:9, 2:30] = True
    used[-1, -1] = True
    split.assign_to_training("k", used)
    np.testing.assert_array_equal(split.assigned("k", SHAPE), used)
    for box in ((0, 0, 12, 16), (0, 16, 12, 32), (12, 0, 24, 16), (12, 16, 24, 32)):
        split.assign("k", box)
    assert split.assigned("k", SHAPE).all()
    assert split.validation("k", SHAPE).any()
    assert not (split.validation("k", SHAPE) & used).any()


def test_validation_cannot_be_taught_away(split):
    split.assign("k", (0, 0, 10, 10))
    before = split.validation("k", SHAPE)
    split.assign_to_training("k", np.ones(SHAPE, bool))
    np.testing.assert_array_equal(split.validation("k", SHAPE), before)


BOXES = st.tuples(st.integers(0, 20), st.integers(0, 28), st.integers(1, 12), st.integers(1, 12)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@given(st.lists(st.one_of(BOXES, st.integers(0, 2**31)), min_size=1, max_size=8))
def test_what_was_assigned_once_never_changes(tmp_path_factory, actions):
    split = WorkspaceSplit(tmp_path_factory.mktemp("workspace") / "split.json")
    assigned, validation = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    for action in actions:
        if isinstance(action, tuple):
            split.assign("k", action)
        else:
            split.assign_to_training("k", np.random.default_rng(action).random(SHAPE) < 0.2)
        now, judges = split.assigned("k", SHAPE), split.validation("k", SHAPE)
        assert (now & assigned == assigned).all()
        np.testing.assert_array_equal(judges & assigned, validation)
        assert (judges <= now).all()
        assigned, validation = now, judges


@pytest.mark.parametrize("region", [(5, 5, 5, 9), (-1, 0, 4, 4), (4, 4, 2, 8)])
def test_a_region_without_pixels_is_refused(split, region):
    with pytest.raises(InputError, match="no pixels"):
        split.assign("k", region)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"version": 2}', '{"planes": {"k": [{"box": [0, 0, 1], "corner": 0}]}}']
)
def test_a_damaged_file_is_told_in_one_sentence_and_left_alone(split, tmp_path, text):
    path = tmp_path / "split.json"
    path.write_text(text)
    for action in (
        lambda: split.validation("k", SHAPE),
        lambda: split.assign("k", (0, 0, 4, 4)),
        lambda: split.assign_to_training("k", np.ones(SHAPE, bool)),
    ):
        with pytest.raises(InputError, match=r"split\.json is damaged") as caught:
            action()
        assert "\n" not in str(caught.value)
    assert path.read_text() == text


def assign_many(path, offset):
    split = WorkspaceSplit(path)
    for number in range(12):
        split.assign(f"k{offset}", (number, 0, number + 1, 1))
        split.assign("both", (number, offset, number + 1, offset + 1))


def test_two_processes_lose_nothing(tmp_path):
    path = tmp_path / "split.json"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=assign_many, args=(path, offset)) for offset in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    planes = json.loads(path.read_text())["planes"]
    assert {key: len(entries) for key, entries in planes.items()} == {"k0": 12, "k1": 12, "both": 24}
    assert WorkspaceSplit(path).assigned("both", (12, 2)).all()
