"""What folders of trainings are found by stays the same: a training that was begun goes on after an update."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.translator.syndiff_settings import PUBLISHED, SMALL
from napari_pseudolabel.training.tutor.tutor_task import TutorSettings
from napari_pseudolabel.widgets.pseudo_label.tutoring import tutor_choice as asking


@pytest.mark.parametrize(
    ("settings", "digest"),
    [(SegmenterSettings(), "a57b34c008a6c30d"), (PUBLISHED, "6b691ff5fd1c0e2f"), (SMALL, "e198cdf4937bbde6")],
)  # fmt: skip
def test_names_and_defaults_of_settings_that_records_hold(settings, digest):
    content = json.dumps(asdict(settings), sort_keys=True)
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == digest, content


def test_a_tutorship_is_known_by_what_it_was_before_its_translations_could_be_faster():
    names = {
        "batch",
        "class_shift",
        "ema",
        "epoch_steps",
        "folds",
        "lr",
        "patch",
        "patience",
        "samples",
        "seed",
        "steps",
        "width",
    }
    assert set(TutorSettings().identity) == names | {"validation_share"}
    assert TutorSettings(evaluations="fast").identity["evaluations"] == "fast"


def test_the_folder_of_a_tutorship(monkeypatch):
    monkeypatch.setattr(asking, "_stamps", lambda path: iter([(str(path), 1, 2)]))
    monkeypatch.setattr(asking, "resolve", Path)
    settings = TutorSettings(steps=300, folds=5, samples=3)
    choice = asking.TutorChoice(
        translator="t.safetensors", images="i", labels="l", classes="axon=1", pixel_size_um=0.01, settings=settings
    )  # fmt: skip
    workspace = SimpleNamespace(folder=Path("w"))
    job = asking.make_tutor_job(choice, asking.source_of(choice), workspace, seed=7, device="cpu")
    assert job.folder == Path("w/runs/tutorship-6cac9926fc5db0ff")
