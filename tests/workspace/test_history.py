"""The models of a workspace and the one in use."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.workspace import ModelHistory

BEFORE = Score(0, 0.5, {"axon": 0.5})
BETTER = Score(40, 0.75, {"axon": 0.75}, {"axon": 0.9})


@pytest.fixture
def history(tmp_path):
    return ModelHistory(tmp_path / "workspace")


def test_nothing_is_written_before_there_is_something(history, tmp_path):
    assert history.entries() == ()
    assert history.current() is None
    assert not (tmp_path / "workspace").exists()


def test_models_are_listed_newest_last_with_their_scores(history):
    history.add(b"one", name="Nerve A/1", parent="sample:x", before=BEFORE, score=BETTER, promoted=True)
    history.add(b"two", name="Nerve A/1", parent="sample:x", note="Not better.")
    first, second = history.entries()
    assert first.path.read_bytes() == b"one"
    assert second.path.read_bytes() == b"two"
    assert first.path.suffix == ".safetensors"
    assert (first.score.mean, first.score.per_class, first.score.f1) == (0.75, {"axon": 0.75}, {"axon": 0.9})
    assert first.before.mean == 0.5
    assert (second.score, second.promoted, second.note) == (None, False, "Not better.")
    assert first.parent == "sample:x"


def test_a_promoted_model_is_in_use_and_one_click_leads_back(history):
    first = history.add(b"one", name="a", parent="", promoted=True)
    second = history.add(b"two", name="b", parent=str(first.path), promoted=True)
    history.add(b"three", name="c", parent=str(second.path))
    assert history.current() == str(second.path)
    history.choose(first.id)
    assert history.current() == str(first.path)
    history.choose(None)
    assert history.current() is None
    assert len(history.entries()) == 3


def test_it_survives_a_restart_and_a_move_of_the_folder(history, tmp_path):
    history.add(b"one", name="a", parent="", promoted=True)
    (tmp_path / "workspace").rename(tmp_path / "elsewhere")
    moved = pickle.loads(pickle.dumps(ModelHistory(tmp_path / "elsewhere")))
    (entry,) = moved.entries()
    assert entry.path.read_bytes() == b"one"
    assert moved.current() == str(entry.path)


def test_what_cannot_be_chosen_changes_nothing(history):
    first = history.add(b"one", name="a", parent="", promoted=True)
    gone = history.add(b"two", name="Gone", parent="")
    gone.path.unlink()
    with pytest.raises(InputError, match="no model"):
        history.choose("no such id")
    with pytest.raises(InputError, match=r"Gone.* is gone"):
        history.choose(gone.id)
    assert history.current() == str(first.path)


def test_a_damaged_list_is_told_and_left_alone(history, tmp_path):
    history.add(b"one", name="a", parent="")
    path = tmp_path / "workspace" / "history.json"
    path.write_text("{")
    for action in (history.entries, history.current, lambda: history.choose(None)):
        with pytest.raises(InputError, match=r"history\.json is damaged"):
            action()
    with pytest.raises(InputError, match="damaged"):
        history.add(b"two", name="b", parent="")
    assert path.read_text() == "{"
    assert len(list((tmp_path / "workspace" / "models").iterdir())) == 1


def test_models_that_come_at_once_are_all_kept(tmp_path):
    def add(number):
        return ModelHistory(tmp_path).add(bytes([number]), name=f"model {number}", parent="")

    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(add, range(8)))
    entries = ModelHistory(tmp_path).entries()
    assert sorted(one.id for one in entries) == sorted(one.id for one in added)
    assert sorted(one.path.read_bytes() for one in entries) == [bytes([number]) for number in range(8)]
