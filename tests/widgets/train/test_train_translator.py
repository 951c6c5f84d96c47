"""The Train dock without a window: a pair of translators learns from unpaired images."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_pseudolabel.training.common.training_events import Loss, TrainStart, TranslatorPreview
from napari_pseudolabel.training.translator.grey_levels_fit import GreyLevelTranslators
from napari_pseudolabel.training.translator.tune_translator import TunedTranslator
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.train import translator_controller
from napari_pseudolabel.widgets.train.controller import TrainController
from napari_pseudolabel.widgets.train.view import TrainView


@pytest.fixture
def viewer():
    viewer = ViewerModel()
    rng = np.random.default_rng(0)
    viewer.add_image(rng.random((40, 60)), name="sem_12", metadata={"modality": "SEM"})
    return viewer


@pytest.fixture
def dock(qtbot, viewer, session, tmp_path, runner, remembered, monkeypatch):
    monkeypatch.setattr(translator_controller, "models_folder", lambda: tmp_path / "models")
    view = TrainView()
    qtbot.addWidget(view)
    controller = TrainController(viewer, view, session=session, runner=runner, recent=remembered)
    controller.start()
    runner.answer()
    view.subjects.buttons["translator"].click()
    yield controller
    assert controller.shutdown()


def begin(dock, qtbot, runner, kind="TuneTranslatorJob"):
    dock.view.start_button.click()
    qtbot.waitUntil(lambda: bool(runner.of(kind)), timeout=5000)
    number, job, lane = runner.of(kind)[-1]
    assert lane == "train"
    return number, job


def preview(step, best=True, warning=""):
    crops = np.random.default_rng(step).random((2, 3, 16, 16)).astype(np.float32)
    measures = {"content": 0.5, "sharpness": 0.9, "cycle": 0.1, "hidden": 0.02, "contrast": -0.4, "look": 0.8}
    return TranslatorPreview(step, crops, measures, best, warning)


def tuned(step):
    return TunedTranslator(
        checkpoints=(b"to target", b"to source"),
        names=("TEM-to-SEM", "SEM-to-TEM"),
        step=step,
        steps=200,
        measures={"content": 0.6},
        before={"content": 0.5},
        stopped="steps",
        sentence=f"Step {step} was the best.",
    )


def test_what_is_missing_is_said(dock, viewer):
    assert "Choose a folder, or open an image, of the other modality" in dock.view.hint
    assert not dock.view.start_button.isEnabled()
    dock.view.translator.set_folder("/data/tem")
    assert dock.view.hint == ""
    assert dock.view.start_button.isEnabled()
    viewer.layers.clear()
    assert "Open an image" in dock.view.hint


def test_the_pair_whose_target_is_the_image_is_proposed(dock, viewer):
    pair = dock.view.translator.choice().pair
    assert pair.names == ("TEM", "SEM")
    assert pair.refs == ("sample:tem-to-sem", "sample:sem-to-tem")
    viewer.add_image(np.zeros((20, 20)), name="tem", metadata={"modality": "TEM"})
    assert dock.view.translator.choice().pair.names == ("SEM", "TEM")


def test_from_nothing_the_modalities_must_be_named(dock):
    page = dock.view.translator
    page.set_folder("/data/tem")
    page.start.setCurrentIndex(page.start.count() - 1)
    assert "Name both modalities" in dock.view.hint
    assert page.target_name.text() == "SEM"  # the layer says so
    page.source_name.setText("sem")
    assert "give them different names" in dock.view.hint
    page.source_name.setText("TEM")
    assert dock.view.hint == ""


def test_the_name_follows_the_image_until_a_person_gives_one(dock, viewer):
    page = dock.view.translator
    assert page.target_name.text() == "SEM"
    viewer.add_image(np.zeros((20, 20)), name="tem", metadata={"modality": "TEM"})
    assert page.target_name.text() == "TEM"
    viewer.add_image(np.zeros((20, 20)), name="what")
    assert page.target_name.text() == ""
    page.target_name.setText("CARS")
    viewer.layers.selection.active = viewer.layers["tem"]
    assert page.target_name.text() == "CARS"


def test_a_folder_and_the_open_layer_go_into_the_job(dock, viewer, runner, qtbot, tmp_path):
    page = dock.view.translator
    page.set_folder(str(tmp_path / "tem"))
    page.settings.edits["steps"].value = 300
    page.advanced.edits["preview_every"].value = 20
    _, job = begin(dock, qtbot, runner)
    assert job.source.folder == tmp_path / "tem"
    assert (job.source.name, job.target.name) == ("TEM", "SEM")
    np.testing.assert_allclose(job.target.planes[0], viewer.layers["sem_12"].data, rtol=1e-6)
    assert job.checkpoints == ("sample:tem-to-sem", "sample:sem-to-tem")
    assert (job.settings.steps, job.settings.preview_every) == (300, 20)
    assert job.folder.is_dir()


def test_another_layer_can_be_the_other_modality_but_never_both(dock, viewer, runner, qtbot):
    viewer.add_image(np.zeros((4, 20, 30)), name="tem", metadata={"modality": "TEM"})
    page = dock.view.translator
    page.target.setCurrentText("sem_12")
    assert [page.source.itemText(i) for i in range(page.source.count() - 1)] == ["tem"]
    page.source.setCurrentIndex(0)
    _, job = begin(dock, qtbot, runner)
    assert [plane.shape for plane in job.source.planes] == [(20, 30)] * 4
    assert len(job.target.planes) == 1


def test_previews_measures_and_warnings_are_shown(dock, runner, qtbot):
    dock.view.translator.set_folder("/data/tem")
    number, _ = begin(dock, qtbot, runner)
    runner.event_sent.emit(number, TrainStart(0, None, ("The pixel size is unknown.",)))
    assert "pixel size is unknown" in dock.view.notes
    runner.event_sent.emit(number, Loss(10, {"critic": 1.0, "cycle": 0.5}))
    runner.event_sent.emit(number, preview(50))
    assert dock.view.tiles.count == 6
    assert dock.view.losses.names == ("critic", "cycle")
    assert dock.view.measures.points("structures") == ([50], [0.5])
    assert dock.view.status == "Step 50: the best so far. Bright becomes dark, is that right?"
    runner.event_sent.emit(number, preview(100, best=False, warning="The way back hides the source."))
    assert "hides the source" in dock.view.notes
    assert dock.view.measures.points("sharpness")[0] == [50, 100]


def test_better_translators_are_kept_under_names_of_their_own(dock, runner, qtbot, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "SEM-to-TEM-tuned.safetensors").write_bytes(b"older")
    dock.view.translator.set_folder("/data/tem")
    number, _ = begin(dock, qtbot, runner)
    runner.finished.emit(number, tuned(120))
    qtbot.waitUntil(lambda: "Kept as" in dock.view.status, timeout=5000)
    assert (folder / "TEM-to-SEM-tuned-2.safetensors").read_bytes() == b"to target"
    assert (folder / "SEM-to-TEM-tuned-2.safetensors").read_bytes() == b"to source"
    assert (folder / "SEM-to-TEM-tuned.safetensors").read_bytes() == b"older"
    assert "user:TEM-to-SEM-tuned-2" in dock.view.status
    assert dock.view.start_button.isEnabled()


def test_translators_that_got_no_better_are_not_kept(dock, runner, qtbot, tmp_path):
    dock.view.translator.set_folder("/data/tem")
    number, _ = begin(dock, qtbot, runner)
    runner.finished.emit(number, tuned(0))
    assert "Step 0 was the best" in dock.view.status
    assert dock.settled
    assert not (tmp_path / "models").exists()


def test_a_failure_leaves_no_dead_button(dock, runner, qtbot):
    dock.view.translator.set_folder("/data/tem")
    number, _ = begin(dock, qtbot, runner)
    assert not dock.view.translator.isEnabled()
    runner.failed.emit(
        number, Failure("/data/tem is not a folder; give the folder that holds the images.", "")
    )
    assert "is not a folder" in dock.view.error.sentence
    assert dock.view.translator.isEnabled()
    assert dock.view.start_button.isEnabled()


def test_browsing_takes_the_folder(dock, monkeypatch, tmp_path):
    dialog = SimpleNamespace(getExistingDirectory=lambda *_: str(tmp_path))
    monkeypatch.setattr(translator_controller, "QFileDialog", dialog)
    dock.view.translator.browse.click()
    assert dock.view.translator.choice().source_folder == str(tmp_path)
    assert dock.view.translator.source.currentText() == f"Folder: {tmp_path.name}"


def test_grey_levels_ask_for_nothing_that_they_do_not_need(dock):
    page = dock.view.translator
    dock.view.show()
    assert page.settings.isVisible()
    assert not page.source_objects.isVisible()
    page.start.setCurrentIndex(page.start.findData("invert-match"))
    assert not page.settings.isVisible()
    assert page.source_objects.isVisible()
    assert page.source_name.isVisible()
    page.set_editable(False)
    page.set_editable(True)
    assert not page.settings.isVisible()
    page.set_pairs(())  # models were added meanwhile
    assert page.choice().grey_levels == "invert-match"


def test_grey_levels_are_fitted_shown_and_kept(dock, viewer, runner, qtbot, tmp_path):
    page = dock.view.translator
    page.set_folder(str(tmp_path / "tem"))
    page.start.setCurrentIndex(page.start.findData("invert"))
    page.source_name.setText("TEM")
    page.source_objects.setValue(25)
    page.target_objects.setValue(20)
    number, job = begin(dock, qtbot, runner, "GreyLevelsJob")
    assert job.method == "invert"
    assert (job.source.name, job.source.folder) == ("TEM", tmp_path / "tem")
    assert (job.source.scale.object_size_px, job.target.scale.object_size_px) == (25, 20)
    np.testing.assert_allclose(job.target.planes[0], viewer.layers["sem_12"].data, rtol=1e-6)
    crops = np.zeros((2, 3, 16, 16), np.float32)
    names = ("tem-to-sem-invert", "sem-to-tem-invert")
    runner.finished.emit(number, GreyLevelTranslators((b"there", b"back"), names, crops, ("No pixel size.",)))
    qtbot.waitUntil(lambda: "Kept as" in dock.view.status, timeout=5000)
    assert (tmp_path / "models" / "tem-to-sem-invert.safetensors").read_bytes() == b"there"
    assert (tmp_path / "models" / "sem-to-tem-invert.safetensors").read_bytes() == b"back"
    assert dock.view.tiles.count == 6
    assert "No pixel size" in dock.view.notes
    assert dock.view.start_button.isEnabled()
