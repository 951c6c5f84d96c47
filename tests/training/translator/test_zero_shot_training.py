"""A zero-shot training: it goes on after a kill as if there had been none, and what it makes labels images of any kind."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
import tutor_case
from families import SEGMENTERS

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models import load_translator
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelSettings, Record, registry
from napari_pseudolabel.strategies.again import again
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.strategies.zero_shot import ZeroShotOptions
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.common.training_events import TrainStart
from napari_pseudolabel.training.training_jobs import ZeroShotJob
from napari_pseudolabel.training.translator.tune_translator import ModalityImages
from napari_pseudolabel.training.translator.zero_shot_settings import ZeroShotSettings
from napari_pseudolabel.training.translator.zero_shot_training import ZeroShotTraining

TINY = ZeroShotSettings(steps=4, batch=2, patch=32, width=8, sampled=2, save_every=2, device="cpu")
PLANES = [np.random.default_rng(seed).random((40, 48), dtype=np.float32) for seed in (0, 1)]


def _trained(settings, steps, state=None):
    training = ZeroShotTraining(PLANES, settings, device=torch.device("cpu"))
    if state is not None:
        assert training.resume(state)
    while training.step < steps:
        training.train_step()
    return training


def test_a_training_that_was_killed_goes_on_as_if_it_had_not(tmp_path, one_thread):
    settings = replace(TINY, condition="information")
    whole = _trained(settings, 4)
    _trained(settings, 2).save(tmp_path / "training.pt")
    resumed = _trained(settings, 4, tmp_path / "training.pt")
    start = ZeroShotTraining(PLANES, settings, device=torch.device("cpu"))
    for name, weight in whole.averaged.state_dict().items():
        torch.testing.assert_close(weight, resumed.averaged.state_dict()[name])
    moved = whole.averaged.denoiser.all_modules[-1].weight - start.averaged.denoiser.all_modules[-1].weight
    assert moved.abs().max() > 0
    with pytest.raises(InputError, match="other settings"):
        _trained(replace(settings, lr=0.1), 4, tmp_path / "training.pt")


@pytest.fixture
def folder(tmp_path):
    return tutor_case.labelled_folders(tmp_path / "known").images


def _job(folder, out, segmenter=None, **changes):
    return ZeroShotJob(
        ModalityImages("TEM", folder=folder, scale=Scale(pixel_size_um=0.2)),
        out,
        segmenter,
        replace(TINY, **changes),
    )


def test_a_job_is_cancelled_goes_on_and_is_done_once(folder, tmp_path, one_thread):
    job = pickle.loads(pickle.dumps(_job(folder, tmp_path / "run")))
    heard = []
    cancelled = Control(emit=heard.append, cancelled=lambda: (tmp_path / "run/training.pt").exists())
    with pytest.raises(Cancelled):
        job.run(cancelled, LoadedModels())
    assert not job.done
    made = job.run(Control(emit=heard.append), LoadedModels())
    assert job.done
    assert (made.steps, made.resumed_at) == (4, 2)
    assert [one.resumed_at for one in heard if isinstance(one, TrainStart)] == [0, 2]
    assert job.run(Control(), LoadedModels()) == made
    card = load_translator(made.path).card
    assert (card.source.name, card.target.name, card.target.pixel_size_um) == ("any", "TEM", 0.2)
    assert card.target.texture is not None
    with pytest.raises(InputError, match="holds a training with other"):
        _job(folder, tmp_path / "run", batch=3).run(Control(), LoadedModels())


def test_the_strategy_learns_once_translates_and_labels(folder, tmp_path, one_thread):
    segmenter = str(SEGMENTERS["monai-unet"](tmp_path))
    strategy = registry.find("zero-shot")
    settings = LabelSettings(scale=Scale(factor=1), tiles=TileSettings(device="cpu"), flips=0, samples=2)
    asked = LabelRequest(
        segmenter=segmenter,
        options=ZeroShotOptions(folder, 0.2, training=TINY),
        folder=tmp_path / "work",
        settings=settings,
    )
    with pytest.raises(InputError, match="Give a folder of images of the kind"):
        strategy.preparation.job(replace(asked, options=None), "SEM")
    job = strategy.preparation.job(asked, "SEM")
    assert strategy.preparation.sources(job) == (folder.resolve(),)
    models = LoadedModels()
    # A dock asks without models for what was prepared.
    asked = replace(asked, segmenter=None)
    asked = strategy.preparation.with_result(asked, job, job.run(Control(), models))
    assert load_translator(asked.translator).card.target.name == "TEM"
    image = replace(from_array(np.uint8(PLANES[0] * 255), "YX"), modality="SEM")
    made = strategy.job(image, asked).run(Control(), models)
    assert made.spread.max() > 0  # of the two samples
    told = made.report.provenance()
    assert told["strategy"] == "zero-shot"
    assert {one["role"] for one in told["models"]} == {"translator", "segmenter"}
    assert not any("not known" in note for note in told["notes"])
    once_more = again(Record.from_provenance(told), image).run(Control(), models)
    np.testing.assert_array_equal(once_more.labels, made.labels)
