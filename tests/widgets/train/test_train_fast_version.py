"""The Train dock without a window: a fast version of a translator is made of an open image."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from scripted_engine import TRANSLATORS, segmenter
from train_fakes import CLASSES

from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.training.common.training_events import Epoch, Loss, Score, TrainStart
from napari_pseudolabel.training.student.distil_task import FastVersion
from napari_pseudolabel.viewer.known_size import KnownSize, note_size
from napari_pseudolabel.widgets.train import translator_controller
from napari_pseudolabel.widgets.train.controller import TrainController
from napari_pseudolabel.widgets.train.view import TrainView


def with_card(entry, **changes):
    return SimpleNamespace(
        **{**vars(entry), "card": entry.card.model_copy(update=changes)},
        source=entry.source,
        target=entry.target,
    )


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    viewer.add_image(np.random.default_rng(0).random((40, 60)), name="sem_12", metadata={"modality": "SEM"})
    return viewer


@pytest.fixture
def dock(qtbot, viewer, session, tmp_path, runner, remembered, monkeypatch):
    monkeypatch.setattr(translator_controller, "models_folder", lambda: tmp_path / "models")
    view = TrainView()
    qtbot.addWidget(view)
    controller = TrainController(viewer, view, session=session, runner=runner, recent=remembered)
    controller.start()
    runner.answer()
    view.subjects.buttons["fast version"].click()
    yield controller
    assert controller.shutdown()


@pytest.fixture
def models(dock):
    """Two diffusions, a curve, a fast version, and segmenters of both modalities."""
    big = {"architecture": {"image_size": 64}, "schedule": {"num_timesteps": 4}}
    there = next(entry for entry in TRANSLATORS if (entry.source, entry.target) == ("SEM", "TEM"))
    back = next(entry for entry in TRANSLATORS if (entry.source, entry.target) == ("TEM", "SEM"))
    curve = with_card(there, family="grey-levels", architecture={})
    fast = with_card(there, family="small-unet", architecture={"widths": [4, 4]})
    curve.ref, fast.ref = "sample:curve", "sample:fast"
    dock.fast_version.set_models(
        [
            curve, fast, with_card(back, **big), with_card(there, **big),
            segmenter("sample:sem-axons", "SEM", CLASSES), segmenter("sample:tem-axons", "TEM", CLASSES),
        ]
    )  # fmt: skip


def begin(dock, qtbot, runner):
    dock.view.start_button.click()
    qtbot.waitUntil(lambda: bool(runner.of("DistilJob")), timeout=5000)
    number, job, lane = runner.of("DistilJob")[-1]
    assert lane == "train"
    return number, job


def made(kept):
    score = Score(100, 0.98, {"myelin": 0.98, "axon": 0.98 if kept else 0.9})
    said = "As it is." if kept else "Not kept."
    return FastVersion(score, {}, kept, said, b"weights" if kept else None, "sem-to-tem-fast", 100)


def test_only_what_could_be_faster_is_offered_with_segmenters_of_what_it_makes(dock, models, viewer):
    page = dock.view.fast_version
    assert dock.view.start_button.text() == "Make a fast version"
    assert [page.translator.itemData(i) for i in range(page.translator.count())] == ["sample:sem-to-tem"]
    assert [page.segmenter.itemData(i) for i in range(page.segmenter.count())] == ["sample:tem-axons"]
    assert dock.view.hint == ""
    viewer.add_image(np.zeros((20, 20)), name="tem", metadata={"modality": "TEM"})
    assert page.choice().translator == "sample:tem-to-sem"
    assert page.choice().segmenter == "sample:sem-axons"
    viewer.layers.clear()
    assert "Open an image" in dock.view.hint


def test_what_is_missing_is_said(dock, models, viewer):
    dock.fast_version.set_models([segmenter("sample:tem-axons", "TEM", CLASSES)])
    assert "No translator that could be faster takes" in dock.view.hint
    assert not dock.view.start_button.isEnabled()
    dock.view.subjects.buttons["segmenter"].click()
    assert dock.view.start_button.text() == "Start"


def test_the_image_goes_into_the_job_with_what_is_known_of_its_size(dock, models, viewer, qtbot, runner):
    note_size(viewer.layers["sem_12"], KnownSize(Scale(pixel_size_um=0.1), "set"))
    _, job = begin(dock, qtbot, runner)
    assert job.checkpoints == ("sample:sem-to-tem", "sample:tem-axons")
    assert (job.modality, job.images.name) == ("SEM", "SEM")
    assert job.images.scale == Scale(pixel_size_um=0.1)
    np.testing.assert_allclose(job.images.planes[0], viewer.layers["sem_12"].data, rtol=1e-6)
    assert job.folder.is_dir()


def test_what_is_as_good_is_offered_from_then_on(dock, models, qtbot, runner, session, tmp_path):
    added = []
    session.models_added.connect(lambda: added.append(True))
    number, _ = begin(dock, qtbot, runner)
    runner.event_sent.emit(number, TrainStart(0, None, ("The size is unknown.",)))
    runner.event_sent.emit(number, Loss(10, {"loss": 0.2}))
    runner.event_sent.emit(number, Epoch(1, Score(50, 0.95, {"axon": 0.95}), True))
    assert dock.view.status == "The labels agree so far: Dice axon 0.950."
    assert dock.view.scores.points("axon") == ([50], [0.95])
    runner.finished.emit(number, made(kept=True))
    qtbot.waitUntil(lambda: bool(added), timeout=5000)
    assert (tmp_path / "models" / "sem-to-tem-fast.safetensors").read_bytes() == b"weights"
    assert dock.view.status.startswith("As it is. Kept as user:sem-to-tem-fast;")


def test_what_is_not_as_good_is_not_kept(dock, models, qtbot, runner, session, tmp_path):
    number, _ = begin(dock, qtbot, runner)
    runner.finished.emit(number, made(kept=False))
    assert dock.view.status == "Not kept."
    assert not (tmp_path / "models").exists()
    assert dock.view.start_button.isEnabled()
