"""The segmenter of a carried way learns from the images themselves, where it sees them as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies.carry import carry_improving
from napari_pseudolabel.strategies.carry.carry_models import CarryModels
from napari_pseudolabel.strategies.carry.carry_task import CarryOptions, CarryTask
from napari_pseudolabel.strategies.choice.found_way import FoundWay, TriedWay
from napari_pseudolabel.strategies.choice.ways import LabelWay
from napari_pseudolabel.strategies.label_settings import ModelUse
from napari_pseudolabel.training.self_training.self_training_task import SelfTrained

TUTOR = ModelUse("tutor", "curve", "from-labelled.safetensors", "")
WAYS = {
    "proxy": LabelWay("Proxy", "direct", "tutorship", "proxy.safetensors", tutor=TUTOR),
    "as it is": LabelWay(
        "As it is", "as it is", "adaptation", "own.safetensors", "unchanged:own.safetensors"
    ),
    "named": LabelWay("Named", "direct", "segmentation", "named.safetensors"),
    "inverted": LabelWay(
        "Inverted", "turned around", "adaptation", "own.safetensors", "inverted:own.safetensors"
    ),
}


@pytest.fixture
def makes(tmp_path):
    """Two folders of nothing, and who makes the models."""
    for name in ("a", "labels", "b"):
        (tmp_path / name).mkdir()
    tifffile.imwrite(tmp_path / "labels" / "one.tif", np.ones((20, 20), np.uint8))
    options = CarryOptions(
        labelled_images=tmp_path / "a",
        labelled_labels=tmp_path / "labels",
        classes=["disc=1"],
        improve_rounds=2,
        patch=64,
    )
    return CarryModels(CarryTask(tmp_path / "b", tmp_path / "out", options), LoadedModels())


def run(way: LabelWay, makes: CarryModels, monkeypatch, checkpoint: bytes | None):
    """What is found afterwards, and the job that was asked for; none where there was none."""
    jobs = []

    def trained(job, control, models):
        jobs.append(job)
        return SelfTrained((), int(checkpoint is not None), checkpoint, "It is what it is.", Path("x"))

    monkeypatch.setattr(carry_improving.SelfTrainingJob, "run", trained)
    monkeypatch.setattr(carry_improving, "card_of", lambda ref: None)
    rival = TriedWay(LabelWay("Rival", "direct", "segmentation", "rival"), None, (), 1.0)
    found = FoundWay((rival, TriedWay(way, None, (), 1.0)), 1, (1,), (), ())
    return carry_improving.improved(found, 1.5, makes, Control()), jobs


@pytest.mark.parametrize(
    ("name", "labelled", "curve"),
    [("proxy", True, TUTOR.path), ("as it is", True, None), ("named", False, None)],
)
def test_it_learns_from_the_images_and_from_what_looks_like_them(name, labelled, curve, makes, monkeypatch):
    way = WAYS[name]
    found, (job,) = run(way, makes, monkeypatch, b"weights")
    assert (job.segmenter, job.images.source.name, job.images.found) == (way.segmenter, "b", 1.5)
    assert (job.settings.rounds, job.settings.patch) == (2, 64)
    assert job.settings.large_shift == (name == "as it is")
    assert (job.labelled is not None) == labelled
    assert (job.labelled.translator if labelled else None) == curve
    # The way stays what it was, but for its segmenter.
    now = found.chosen.way
    assert Path(now.segmenter).read_bytes() == b"weights"
    assert (now.title, now.translator, now.tutor) == (way.title, way.translator, way.tutor)
    assert found.tried[0].way.segmenter == "rival"
    assert any("It is what it is." in note for note in makes.notes)


def test_what_is_not_better_is_not_used(makes, monkeypatch):
    found, jobs = run(WAYS["proxy"], makes, monkeypatch, None)
    assert len(jobs) == 1
    assert found.chosen.way == WAYS["proxy"]


def test_a_way_that_changes_images_is_not_improved_and_says_so(makes, monkeypatch):
    found, jobs = run(WAYS["inverted"], makes, monkeypatch, b"weights")
    assert not jobs
    assert found.chosen.way == WAYS["inverted"]
    assert "train a proxy (--tutor-steps)" in next(iter(makes.notes))
