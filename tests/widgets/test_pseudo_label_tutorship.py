"""Tutorship in the Pseudo-label dock, with a training that a script replaces."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scripted_engine import CLASSES, MODELS, ThreadEngine

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.cards import Card, Modality
from napari_pseudolabel.strategies import LabelJob
from napari_pseudolabel.training.common.training_events import Epoch, Fold, Score, SyntheticPair, TrainStart
from napari_pseudolabel.training.data.labelled_sets import LabelledLayer
from napari_pseudolabel.training.training_jobs import TutorJob
from napari_pseudolabel.training.tutor.tutor_task import Proxy, TutorResult
from napari_pseudolabel.viewer import Candidates, find_layer
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.pseudo_label import label_jobs
from napari_pseudolabel.widgets.pseudo_label.controller import PseudoLabelController
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry
from napari_pseudolabel.widgets.pseudo_label.tutoring import tutor_choice as choices
from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView


class Teacher:
    """A training that does what a test says.

    Attributes
    ----------
    jobs
        Those that ran.
    gate
        They wait here until it is set, or until they are cancelled.
    """

    def __init__(self) -> None:
        self.jobs: list[TutorJob] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None

    def run(self, job: TutorJob, control: Control, models: object) -> TutorResult:
        self.jobs.append(job)
        look = np.full((8, 9), 200, np.uint8)
        for number in range(5):
            control.emit(SyntheticPair(f"tem_{number}", look, look, look // 200))
        control.emit(Fold(1, 1))
        control.emit(TrainStart(0, None, ("The labelled images do not say their pixel size.",)))
        (job.folder / "fold-1").mkdir(parents=True, exist_ok=True)
        score = Score(100, 0.8, {"axon": 0.83, "myelin": 0.77})
        control.emit(Epoch(1, score, True))
        stage = control.stage("Training the segmenter", 1000)
        while not self.gate.is_set():
            time.sleep(0.002)
            stage.advance()
        if self.error is not None:
            raise self.error
        proxies = []
        for number in range(1, job.settings.folds + 1):
            path = job.folder / f"fold-{number}" / "proxy.safetensors"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"weights")
            path.with_name("result.json").write_text("{}")
            proxies.append(Proxy(path, b"weights", score, "steps"))
        control.emit(Fold(1, 1, score))
        return TutorResult(tuple(proxies), "tem-to-sem", "0" * 64)


class Engine(ThreadEngine):
    """Answers a job with proxies by labels that begin one row above those of an adaptation."""

    def __init__(self, script, labelled) -> None:
        super().__init__(script)
        self.labelled = labelled

    def _run(self, job, handle, control) -> None:
        if not isinstance(job, LabelJob) or job.strategy_name != "tutorship":
            super()._run(job, handle, control)
            return
        self.labelled.append(job)
        whole = self._script.answer(job)
        whole.labels[:, whole.labels.shape[1] // 2 - 5 :] = 1
        part = replace(whole, translation=None, report=replace(whole.report, strategy="tutorship"))
        handle.listener.part(part)
        handle.listener.done(part.report)
        handle.outcome.set_result(part.report)


@pytest.fixture
def teacher(monkeypatch, tmp_path):
    one = Teacher()
    monkeypatch.setattr(TutorJob, "run", lambda job, control, models: one.run(job, control, models))
    checkpoint = tmp_path / "tem-to-sem.safetensors"
    checkpoint.write_bytes(b"translator")
    monkeypatch.setattr(choices, "resolve", lambda ref: checkpoint)
    return one


@pytest.fixture
def labelled():
    """Jobs that label with proxies."""
    return []


@pytest.fixture
def make_dock(qtbot, viewer, script, teacher, labelled, remembered):
    made = []

    def make() -> PseudoLabelController:
        view = PseudoLabelView()
        qtbot.addWidget(view)
        session = Session(lambda: Engine(script, labelled))
        controller = PseudoLabelController(viewer, view, runner=JobRunner(session), recent=remembered)
        controller.preparing["tutorship"]._look_later.setTimeout(1)
        controller.start()
        qtbot.waitUntil(lambda: not controller.models.loading, timeout=20000)
        made.append(controller)
        return controller

    yield make
    teacher.gate.set()
    assert all(one.shutdown() for one in made)


@pytest.fixture
def dock(make_dock):
    return make_dock()


@pytest.fixture
def folders(tmp_path):
    found = {}
    for name in ("images", "labels"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "tem_1.png").write_bytes(b"picture")
        found[name] = str(folder)
    return found


def choose(dock, qtbot, folders=None):
    """Choose tutorship, and a labelled set."""
    strategy = dock.view.strategy
    strategy.setCurrentIndex(strategy.findData("tutorship"))
    if folders is not None:
        dock.view.forms["tutorship"].set_classes("axon=1, myelin=2")
        dock.view.forms["tutorship"].set_folders(**folders)
        settle(dock, qtbot)


def settle(dock, qtbot):
    qtbot.waitUntil(lambda: dock.preparing["tutorship"].settled and dock.comparing.settled, timeout=10000)


def finish(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    settle(dock, qtbot)


def adapt(dock, qtbot):
    dock.view.strategy.setCurrentIndex(dock.view.strategy.findData("adaptation"))
    dock.view.run_button.click()
    finish(dock, qtbot)


def labels(viewer):
    return find_layer(viewer, viewer.layers["sem_12"], "labels")


def test_adaptation_is_the_default_and_shows_nothing_of_tutorship(dock):
    assert dock.view.choice().strategy == "adaptation"
    assert dock.view.forms["tutorship"].isHidden()
    assert dock.view.forms["tutorship"].seen.isHidden()
    assert dock.view.run_button.text().startswith("Run")
    assert not dock.view.preview_button.isHidden()


def test_the_text_says_when_to_choose_which(dock, qtbot):
    choose(dock, qtbot)
    said = dock.view._explanation.text()
    assert "many images" in said
    assert "works at once" in said
    assert dock.view.models["segmenter"].isHidden()
    assert dock.view.preview_button.isHidden()
    assert not dock.view.forms["tutorship"].isHidden()


def test_translators_that_make_the_modality_of_the_image_are_offered_with_their_direction(
    dock, viewer, qtbot
):
    choose(dock, qtbot)
    box = dock.view.forms["tutorship"].translator
    assert [box.itemText(i) for i in range(box.count())] == ["tem-to-sem"]
    viewer.add_image(np.zeros((8, 9)), name="tem", metadata={"modality": "TEM"})
    assert [box.itemText(i) for i in range(box.count())] == ["sem-to-tem"]


def test_the_size_is_asked_for_by_which_the_translator_goes(
    make_dock, viewer, monkeypatch, teacher, folders, qtbot
):
    stains = (Modality(name="fluorescence", object_size_px=20.0), Modality(name="SEM", object_size_px=24.0))
    card = Card(kind="translator", family="syndiff", source=stains[0], target=stains[1])
    models = (*MODELS, ModelEntry("sample:nuclei", "stained nuclei", "translator", card))
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, loaded: models)
    dock = make_dock()
    choose(dock, qtbot, folders)
    view = dock.view.forms["tutorship"]
    view.pixel_size.setValue(0.5)
    assert view.object_size.isHidden()
    view.translator.setCurrentIndex(view.translator.findData("sample:nuclei"))
    assert view.translator.currentText() == "fluorescence → SEM: stained nuclei"
    assert view.pixel_size.isHidden()
    assert not view.object_size.isHidden()
    view.object_size.setValue(16)
    settle(dock, qtbot)
    dock.view.run_button.click()
    finish(dock, qtbot)
    scale = teacher.jobs[0].sources[0].scale
    assert (scale.object_size_px, scale.pixel_size_um) == (16, None)


def test_the_line_says_what_is_missing(dock, folders, qtbot):
    choose(dock, qtbot)
    assert "Choose a folder of labelled TEM images" in dock.view.hint
    assert dock.view._hint.objectName() == "warning"
    assert dock.view.run_button.text() == "Train and run"
    dock.view.forms["tutorship"].set_folders(images=folders["images"])
    assert "folder of the labels" in dock.view.hint
    dock.view.forms["tutorship"].set_folders(labels=folders["labels"])
    assert "Name the classes" in dock.view.hint
    dock.view.forms["tutorship"].set_classes("axon")
    assert "“axon” is no class" in dock.view.hint
    assert not dock.view.run_button.isEnabled()
    dock.view.forms["tutorship"].set_classes("axon=1")
    settle(dock, qtbot)
    assert dock.view.hint == ""
    assert dock.view.run_button.isEnabled()
    kind = dock.view.forms["tutorship"].kind
    kind.setCurrentIndex(kind.findData("nnunet"))
    assert "nnU-Net raw data set of TEM" in dock.view.hint
    kind.setCurrentIndex(kind.findData("layer"))
    assert "Open TEM images with their labels" in dock.view.hint


def test_train_and_run_trains_a_proxy_and_labels_with_it(dock, viewer, teacher, labelled, folders, qtbot):
    choose(dock, qtbot, folders)
    dock.view.forms["tutorship"].pixel_size.setValue(0.01)
    dock.view.forms["tutorship"].training.edits["steps"].native.setValue(300)
    dock.view.settings.edits["flips"].native.setValue(0)
    settle(dock, qtbot)
    teacher.gate.clear()
    dock.view.run_button.click()
    seen = dock.view.forms["tutorship"].seen
    qtbot.waitUntil(lambda: "Training the segmenter" in dock.view._stage.text(), timeout=5000)
    assert [pair.name for pair in seen.pairs] == ["tem_4", "tem_3", "tem_2"]
    assert seen.pictures.count == 9
    assert "Dice on synthetic images: axon 0.83, myelin 0.77" in seen.score.text()
    assert "do not say their pixel size" in dock.view._notes.text()
    assert dock.doing == "Training a proxy segmenter"
    assert not dock.view.run_button.isEnabled()
    teacher.gate.set()
    finish(dock, qtbot)
    (job,) = teacher.jobs
    assert (job.translator, job.settings.steps, job.settings.folds) == ("sample:tem-to-sem", 300, 1)
    assert job.sources[0].scale.pixel_size_um == 0.01
    assert [one.name for one in job.classes] == ["background", "axon", "myelin"]
    (proxy,) = labelled
    assert (proxy.segmenter, proxy.second_opinions) == (str(job.folder / "fold-1" / "proxy.safetensors"), ())
    assert proxy.settings.flips == 0
    assert (labels(viewer).data[15:] == 1).all()
    assert viewer.layers.selection.active is labels(viewer)
    assert "Labels ready" in dock.view.status
    assert labels(viewer).metadata["napari_pseudolabel"]["runs"][-1]["strategy"] == "tutorship"


def test_what_was_trained_once_is_found_again(dock, make_dock, teacher, folders, own_workspace, qtbot):
    choose(dock, qtbot, folders)
    dock.view.run_button.click()
    finish(dock, qtbot)
    assert dock.view.run_button.text().startswith("Run")
    assert "trained already" in dock.view.hint
    assert dock.view._hint.objectName() == "muted"  # no warning: nothing is in the way
    assert teacher.jobs[0].folder.parent == own_workspace / "runs"
    dock.view.forms["tutorship"].training.edits["steps"].native.setValue(500)
    settle(dock, qtbot)
    assert dock.view.run_button.text() == "Train and run"
    dock.view.forms["tutorship"].training.edits["steps"].native.setValue(1000)
    settle(dock, qtbot)
    assert dock.view.run_button.text().startswith("Run")
    # The files have changed.
    Path(folders["labels"], "tem_1.png").write_bytes(b"other labels")
    dock.view.forms["tutorship"].set_folders()
    settle(dock, qtbot)
    assert dock.view.run_button.text() == "Train and run"


def test_after_a_kill_the_same_job_goes_on_in_the_same_folder(dock, make_dock, teacher, folders, qtbot):
    choose(dock, qtbot, folders)
    teacher.gate.clear()
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: bool(teacher.jobs), timeout=5000)
    qtbot.waitUntil(lambda: "Training the segmenter" in dock.view._stage.text(), timeout=5000)
    assert dock.shutdown()
    teacher.gate.set()
    again = make_dock()
    choose(again, qtbot)
    # The set is proposed as it was chosen last.
    settle(again, qtbot)
    assert "goes on from there" in again.view.hint
    again.view.run_button.click()
    finish(again, qtbot)
    assert teacher.jobs[0].folder == teacher.jobs[1].folder


def test_the_numbers_of_the_last_training_are_proposed_so_that_it_is_found_again(
    dock, make_dock, teacher, folders, qtbot
):
    choose(dock, qtbot, folders)
    view = dock.view.forms["tutorship"]
    numbers = {name: edit.native for name, edit in view.training.edits.items()}
    assert list(numbers) == ["steps", "folds", "samples"]
    numbers["steps"].setValue(300)
    numbers["samples"].setValue(3)
    view.pixel_size.setValue(0.01972)
    numbers["folds"].setCurrentText("Five, averaged")
    asked = view.choice()
    dock.view.run_button.click()
    finish(dock, qtbot)
    assert dock.shutdown()
    again = make_dock()
    choose(again, qtbot)
    settle(again, qtbot)
    assert again.view.forms["tutorship"].choice() == asked
    assert "trained already" in again.view.hint


def test_the_pixel_size_of_a_layer_is_not_proposed_for_folders(
    dock, make_dock, viewer, teacher, folders, qtbot
):
    choose(dock, qtbot, folders)
    viewer.add_image(np.zeros((30, 40)), name="tem_1")
    viewer.add_labels(np.ones((30, 40), np.uint8), name="by hand")
    viewer.layers.selection.active = viewer.layers["sem_12"]
    view = dock.view.forms["tutorship"]
    view.kind.setCurrentIndex(view.kind.findData("layer"))
    view.set_classes("axon=1")
    view.pixel_size.setValue(0.5)
    settle(dock, qtbot)
    dock.view.run_button.click()
    finish(dock, qtbot)
    assert len(teacher.jobs) == 1
    assert dock.shutdown()
    again = make_dock()
    assert again.view.forms["tutorship"].choice().pixel_size_um is None


def test_cancel_keeps_what_was_trained(dock, viewer, teacher, folders, qtbot):
    choose(dock, qtbot, folders)
    teacher.gate.clear()
    dock.view.run_button.click()
    qtbot.waitUntil(lambda: "Training the segmenter" in dock.view._stage.text(), timeout=5000)
    dock.view.cancel_button.click()
    finish(dock, qtbot)
    assert "Stopped" in dock.view.status
    assert dock.view.error.sentence == ""
    assert labels(viewer) is None
    assert dock.view.run_button.isEnabled()
    assert dock.view.progress.isHidden()


def test_an_error_of_the_training_is_shown_and_it_can_be_tried_again(dock, teacher, folders, qtbot):
    from napari_pseudolabel.errors import InputError

    choose(dock, qtbot, folders)
    teacher.error = InputError("No labelled image holds the class axon (1); check the classes.")
    dock.view.run_button.click()
    finish(dock, qtbot)
    assert "holds the class axon" in dock.view.error.sentence
    assert dock.view.run_button.isEnabled()
    teacher.error = None
    dock.view.run_button.click()
    finish(dock, qtbot)
    assert dock.view.error.sentence == ""
    assert "Labels ready" in dock.view.status


def test_a_finished_proxy_does_not_wait_behind_another_training(dock, folders, qtbot):
    choose(dock, qtbot, folders)
    dock.view.run_button.click()
    finish(dock, qtbot)
    dock.view.run_button.click()
    finish(dock, qtbot)
    lanes = dock._runner._engine.lanes
    assert lanes.count("train") == 1
    # The second time, and both searches for models.
    assert lanes[-3:].count("local") == 1


def test_an_open_labelled_layer_is_learned_from(dock, viewer, teacher, qtbot):
    truth = np.zeros((30, 40), np.uint8)
    truth[5:20, 5:30] = 1
    viewer.add_image(np.random.default_rng(0).random((30, 40)), name="tem_1", scale=(0.01, 0.01))
    own = viewer.add_labels(truth, name="by hand", scale=(0.01, 0.01))
    own.metadata["napari_pseudolabel_classes"] = [one.model_dump() for one in CLASSES[:2]]
    viewer.layers.selection.active = viewer.layers["sem_12"]
    choose(dock, qtbot)
    kind = dock.view.forms["tutorship"].kind
    kind.setCurrentIndex(kind.findData("layer"))
    settle(dock, qtbot)
    assert dock.view.forms["tutorship"].classes.text() == "axon=1"
    assert dock.view.hint == ""
    dock.view.run_button.click()
    finish(dock, qtbot)
    (job,) = teacher.jobs
    (source,) = job.sources
    assert isinstance(source, LabelledLayer)
    (plane,) = source.planes
    assert plane.touched.all()
    assert plane.held_out.sum() == 30 * 10
    assert plane.intensities.values.size == 30 * 40, "a model learns from what its card asks for"
    np.testing.assert_array_equal(plane.labels, truth)
    # Other labels are another training.
    assert dock.view.run_button.text().startswith("Run")
    truth[25:, 30:] = 1
    own.refresh()
    dock.preparing["tutorship"]._check_soon()
    settle(dock, qtbot)
    assert dock.view.run_button.text() == "Train and run"


def test_both_strategies_on_one_view_are_compared_and_kept(dock, viewer, folders, qtbot):
    adapt(dock, qtbot)
    assert "labels agree" not in dock.view.status
    choose(dock, qtbot, folders)
    dock.view.run_button.click()
    finish(dock, qtbot)
    # 20 rows of one, 25 of the other.
    dice = 2 * 20 / (20 + 25)
    qtbot.waitUntil(lambda: f"adaptation labels agree {dice:.2f}" in dock.view.status, timeout=5000)
    qtbot.waitUntil(lambda: "axon" in dock.view.status, timeout=5000)
    assert dock.view.status.count("labels agree") == 1
    candidates = Candidates.of(labels(viewer))
    assert "adaptation" in candidates.names
    kept = candidates.labels(candidates.names.index("adaptation"))
    assert (kept[20:] == 1).all()
    assert (kept[:20] == 0).all()
    assert (labels(viewer).data[15:] == 1).all()
    # A second tutorship leaves the labels of the adaptation as they were.
    dock.view.run_button.click()
    finish(dock, qtbot)
    np.testing.assert_array_equal(candidates.labels(candidates.names.index("adaptation")), kept)


def test_back_to_adaptation_keeps_the_labels_of_the_tutorship_instead(dock, viewer, folders, qtbot):
    adapt(dock, qtbot)
    choose(dock, qtbot, folders)
    dock.view.run_button.click()
    finish(dock, qtbot)
    adapt(dock, qtbot)
    qtbot.waitUntil(lambda: "tutorship labels agree 0.89" in dock.view.status, timeout=5000)
    candidates = Candidates.of(labels(viewer))
    assert (candidates.labels(candidates.names.index("tutorship"))[15:] == 1).all()
    # What the labels say now is no candidate.
    assert (candidates.labels(candidates.names.index("adaptation")) == 255).all()


def test_every_control_of_a_tutorship_says_what_it_does(dock):
    from qtpy.QtWidgets import QAbstractSpinBox, QComboBox, QLineEdit, QPushButton

    kinds = (QComboBox, QPushButton, QAbstractSpinBox, QLineEdit)
    assert dock.view.forms["tutorship"].training.edits  # else nobody has seen them yet
    controls = [w for kind in kinds for w in dock.view.forms["tutorship"].findChildren(kind)]
    inside = [w for w in controls if isinstance(w.parent(), QAbstractSpinBox)]
    assert len(controls) > 10
    assert [w for w in controls if not w.toolTip() and w not in inside] == []


def test_it_fits_a_narrow_dock(dock, qtbot):
    choose(dock, qtbot)
    for kind in range(3):
        dock.view.forms["tutorship"].kind.setCurrentIndex(kind)
        dock.view.forms["tutorship"].fold.set_open(True)
        assert dock.view.minimumSizeHint().width() <= 320


def test_pictures_of_a_training_are_for_tutorship_only(dock, folders, qtbot):
    choose(dock, qtbot, folders)
    dock.view.run_button.click()
    finish(dock, qtbot)
    assert not dock.view.forms["tutorship"].seen.isHidden()
    dock.view.strategy.setCurrentIndex(dock.view.strategy.findData("adaptation"))
    assert dock.view.forms["tutorship"].seen.isHidden()
