"""A training process that is killed outright, and the next one that goes on."""

from __future__ import annotations

import signal
import time

import pytest
import torch
from tuning_case import small_job
from warm_process import warm

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.safe_load import load_weights
from napari_pseudolabel.training.common.training_events import Epoch, TrainStart
from napari_pseudolabel.training.training_jobs import FineTuneJob

pytestmark = pytest.mark.usefixtures("one_thread")


def train(job: FineTuneJob) -> None:
    """Run a job that says when an epoch is over."""

    def tell(event):
        if isinstance(event, Epoch):
            print("epoch", event.number, flush=True)

    job.run(Control(emit=tell), LoadedModels())


def test_a_killed_training_goes_on_from_its_last_checkpoint(
    tiny_segmenter, tiny_translator, tmp_path, monkeypatch
):
    whole = small_job(tmp_path / "whole", tiny_segmenter, tiny_translator, steps=12).run(
        Control(), LoadedModels()
    )
    job = small_job(tmp_path / "killed", tiny_segmenter, tiny_translator, steps=12)
    child = warm(train, job, log=(log := tmp_path / "log"))
    try:
        while not log.exists() or "epoch 3" not in log.read_text():
            assert child.is_alive(), log.read_text()
            time.sleep(0.001)
    finally:
        child.kill()
        child.join()
    assert child.exitcode == -signal.SIGKILL
    kept = load_weights(tmp_path / "killed" / "training.pt")["step"]
    assert 6 <= kept < 12

    def translated_again(*arguments, **options):
        raise AssertionError("the images were translated again")

    monkeypatch.setattr("napari_pseudolabel.training.data.adapted_planes.translate", translated_again)
    told = []
    made = job.run(Control(emit=told.append), LoadedModels())
    assert isinstance(told[0], TrainStart)
    assert told[0].resumed_at == kept
    assert told[0].before == whole.before
    assert [event.number for event in told if isinstance(event, Epoch)] == list(range(kept // 2 + 1, 7))
    assert (made.best, made.before, made.checkpoint) == (whole.best, whole.before, whole.checkpoint)
    weights = [load_weights(tmp_path / name / "training.pt")["network"] for name in ("whole", "killed")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
