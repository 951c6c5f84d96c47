"""A tutorship whose process is killed outright, and the next one that goes on."""

from __future__ import annotations

import os
from functools import partial

import pytest
from killed_process import killed
from tutor_case import killed_job, labelled_folders, run_briefly

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.training.common.training_events import Fold, TrainStart

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL"),
]

# Written are four translations, and three states in each of two folds.
STAGES = {"translating": (3, 2, []), "first fold": (6, 4, [2, 0]), "second fold": (9, 4, [2])}


@pytest.fixture(scope="module")
def whole(tiny_translator, tmp_path_factory):
    """The result of a run that nobody killed, and the folder of the labelled images and of those that were killed."""
    folder = tmp_path_factory.mktemp("tutorship")
    labelled_folders(folder / "labelled")
    for stage, (at, *_) in STAGES.items():
        killed(partial(run_briefly, killed_job(folder / stage, tiny_translator)), at, arrays=True)
    return killed_job(folder / "whole", tiny_translator).run(Control(), LoadedModels()), folder


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_tutorship_goes_on_from_where_it_was(whole, tiny_translator, monkeypatch, stage):
    expected, folder = whole
    _, kept, resumed = STAGES[stage]
    run = folder / stage

    from napari_pseudolabel.training.data import adapted_planes as adapted

    real, translated = adapted.translate, []

    def counted(*arguments, **options):
        translated.append(arguments)
        return real(*arguments, **options)

    monkeypatch.setattr(adapted, "translate", counted)
    told, reports = [], []
    made = killed_job(run, tiny_translator).run(
        Control(report=reports.append, emit=told.append), LoadedModels()
    )
    assert len(translated) == 4 - kept
    assert [one.checkpoint for one in made.proxies] == [one.checkpoint for one in expected.proxies]
    assert [one.score for one in made.proxies] == [one.score for one in expected.proxies]
    began = [one.resumed_at for one in told if isinstance(one, TrainStart)]
    assert began == (resumed or [0, 0])
    # Every fold is told as done, whichever process has trained it.
    assert [one.number for one in told if isinstance(one, Fold) and one.score] == [1, 2]
    # What was there before enters the progress, but not the estimate of the time left.
    first = next(one for one in reports if one.stage.startswith("Training"))
    assert first.done == 0
    assert not list(run.rglob("*.tmp.npz"))
