"""A checkpoint that asks for too much gets one sentence, in this very process, from everything that opens it."""

from __future__ import annotations

import random
import resource
import sys
import zipfile

import hostile_checkpoints
import pytest
import torch

from napari_pseudolabel.errors import CheckpointError, PseudolabelError
from napari_pseudolabel.models import inspect, load_segmenter, load_translator
from napari_pseudolabel.models.safe_load import load_archive, load_weights

pytestmark = pytest.mark.timeout(60)
MOST_BYTES = 2**29


def most_memory() -> int:
    """Bytes of memory that this process has ever had at a time."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


@pytest.mark.parametrize("make", hostile_checkpoints.HOSTILE, ids=lambda one: one.__name__)
def test_hostile_files_are_refused(tmp_path, make):
    path = make(tmp_path / "model.pth")
    before = most_memory()
    found = inspect(path)
    assert not found.usable
    assert found.problem
    assert found.problem.endswith(".")
    assert "\n" not in found.problem
    assert "that no model has" not in found.problem, "a sentence of its own is missing"
    for load in (load_translator, load_segmenter):
        with pytest.raises(PseudolabelError):
            load(path)
    assert most_memory() - before < MOST_BYTES


def test_archives_that_somebody_packed_again_are_read(tmp_path):
    path, packed = tmp_path / "a.pth", tmp_path / "packed.pth"
    saved = {"a": torch.arange(1000.0), "b": torch.zeros(3, dtype=torch.int64)}
    torch.save(saved, path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            new.writestr(info.filename, old.read(info))
    for load in (load_weights, load_archive):
        assert {name: value.tolist() for name, value in load(packed).items()} == {
            name: value.tolist() for name, value in saved.items()
        }


def test_large_honest_settings_are_read(tmp_path):
    path = tmp_path / "a.pth"
    dice = random.Random(0)
    log = {"losses": [dice.random() for _ in range(100_000)], "by_epoch": {n: [n] * 5 for n in range(5000)}}
    torch.save({"log": log, "weights": {f"layer.{n}": torch.zeros(2) for n in range(2000)}}, path)
    assert load_weights(path)["log"] == log


def test_what_the_budget_refuses_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"model\.pth is nested more than 100 levels deep"):
        load_weights(hostile_checkpoints.deep_lists(tmp_path / "model.pth"))
    with pytest.raises(CheckpointError, match=r"would unpack to 100\.0 MB"):
        load_weights(hostile_checkpoints.bomb_of_data(tmp_path / "bomb.pth"))
