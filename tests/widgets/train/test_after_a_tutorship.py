"""Labels of a tutorship: the tutor's translator runs the other way, and nothing may go through it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from correct_case import make_dock as correct_dock
from train_case import SHAPE, begin, confirm, settle, truth
from train_case import make_dock as train_dock
from train_case import make_viewer as image_viewer
from train_fakes import pseudo_label, score

from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.strategies import LabelJob, LabelSettings, ModelUse, Region
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.common.training_events import Epoch
from napari_pseudolabel.viewer import Candidates, how_made, push
from napari_pseudolabel.viewer.records import KEY

PROXIES = (
    "/runs/fold-1/proxy.safetensors",
    "/runs/fold-2/proxy.safetensors",
    "/runs/fold-3/proxy.safetensors",
)
SETTINGS = LabelSettings(
    seed=5,
    flips=2,
    smallest_object=0.2,
    scale=Scale(pixel_size_um=0.3),
    tiles=TileSettings(tile=64),
    channel=0,
)


@pytest.fixture(params=["tutor", "translator"])
def tutored(request):
    """A result; older versions called the tutor a translator."""
    tutor = ModelUse(request.param, "tem-to-sem", "sample:tem-to-sem", "t" * 64)
    folds = [
        ModelUse("second opinion" if number else "segmenter", f"proxy {number}", path, "p" * 64)
        for number, path in enumerate(PROXIES)
    ]
    predicted = truth()
    predicted[:, 48:] = 0
    result = pseudo_label(Region(0, 0, *SHAPE), predicted)
    report = replace(
        result.report, strategy="tutorship", models=(tutor, *folds), settings=SETTINGS, factor=2.0
    )
    return replace(result, report=report)


@pytest.fixture
def viewer():
    return image_viewer()


@pytest.fixture
def labels(viewer, tutored):
    layer = push(viewer, viewer.layers["sem_12"], tutored).labels
    viewer.layers.selection.active = layer
    return layer


@pytest.fixture
def correct(qtbot, viewer, labels, session, runner):
    dock = correct_dock(qtbot, viewer, session, runner)
    dock.view.again_fold.set_open(True)
    runner.answer()
    yield dock
    assert dock.shutdown()


@pytest.fixture
def train(qtbot, viewer, labels, session, runner, remembered):
    dock = train_dock(qtbot, viewer, session, runner, remembered)
    settle(dock, qtbot)
    yield dock
    assert dock.shutdown()


def test_predicting_again_asks_all_proxies_as_before(correct, runner):
    correct.use("predict_again")
    job = runner.jobs[-1][1]
    assert job.strategy_name == "tutorship"
    assert (job.translator, job.segmenter, *job.second_opinions) == (None, *PROXIES)
    assert job.settings == replace(SETTINGS, seed=6)
    assert job.planes == ((),)
    assert job.image.modality == "SEM"


def test_magnifying_goes_on_from_what_was_used(correct, runner):
    correct.view.again.options.edits["zoom"].native.setValue(1.5)
    correct.use("predict_again")
    assert runner.jobs[-1][1].settings.scale == Scale(factor=3.0)


def test_another_segmenter_sees_the_image_as_it_is(correct, runner):
    box = correct.view.again.options.edits["segmenter"].native
    box.setCurrentIndex(1)
    correct.use("predict_again")
    job = runner.jobs[-1][1]
    assert job.strategy_name == "segmentation"
    assert (job.segmenter, job.across) == ("sample:tem-axons", False)


def test_a_grid_of_another_segmenter_is_not_guessed(correct, runner):
    box = correct.view.again.options.edits["segmenter"].native
    box.setCurrentIndex(1)
    correct.view.again.options.edits["zoom"].native.setValue(1.5)
    correct.use("predict_again")
    assert "leave Magnify at 1" in correct.view.hint
    assert not runner.jobs


def test_there_was_no_translator_to_leave_out(correct, runner, labels):
    correct.use("source_only")
    number, job, _ = runner.jobs[-1]
    assert (job.segmenter, job.second_opinions, job.across) == (PROXIES[0], PROXIES[1:], False)
    runner.parted.emit(number, pseudo_label(job.region, np.zeros(job.region.shape)))
    runner.finished.emit(number, None)
    assert Candidates.of(labels).names == ("without translator",)


def test_training_sees_the_image_as_it_is(train, qtbot, runner):
    confirm(train, qtbot)
    _, job = begin(train, qtbot, runner)
    assert job.translator is None
    assert job.segmenter == PROXIES[0]
    assert job.settings.scale == SETTINGS.scale
    assert {plane.modality for plane in job.planes} == {"SEM"}


def test_the_live_preview_does_so_too(train, qtbot, runner):
    confirm(train, qtbot)
    number, job = begin(train, qtbot, runner)
    runner.event_sent.emit(number, Epoch(1, score(20, 0.7), True, b"first"))
    qtbot.waitUntil(lambda: bool(runner.of("LabelJob")), timeout=5000)
    shown = runner.of("LabelJob")[-1][1]
    assert shown.segmenter == str(job.folder / "newest.safetensors")
    assert shown.second_opinions == ()
    # As before, but for what takes time.
    assert shown.settings == replace(SETTINGS, samples=1, flips=0)
    assert all(one.translator is None for _, one, _ in runner.of("LabelJob"))


def test_without_its_image_the_preview_ends_and_the_training_goes_on(train, viewer, qtbot, runner):
    confirm(train, qtbot)
    number, _ = begin(train, qtbot, runner)
    runner.event_sent.emit(number, Epoch(1, score(20, 0.7), True, b"first"))
    qtbot.waitUntil(lambda: bool(runner.of("LabelJob")), timeout=5000)
    preview = runner.of("LabelJob")[-1][0]
    viewer.layers.remove("sem_12")
    assert runner.wishes == [("cancel", preview)]
    assert "“sem_12” was removed" in train.view.preview.sentence


def test_the_run_that_wrote_here_counts(viewer, labels, tutored):
    adapted = pseudo_label(Region(0, 0, 20, 20), truth()[:20, :20])
    push(viewer, viewer.layers["sem_12"], adapted)
    assert how_made(labels).strategy == "adaptation"
    assert how_made(labels, (), (slice(5, 10), slice(5, 10))).strategy == "adaptation"
    assert how_made(labels, (), (slice(30, 40), slice(5, 10))).strategy == "tutorship"


def test_a_record_that_cannot_be_read_is_said_and_not_guessed(correct, labels, runner):
    labels.metadata[KEY]["runs"][-1]["strategy"] = "cycled masks"
    correct.use("predict_again")
    assert "“cycled masks”, which this version does not know" in correct.view.hint
    assert not runner.jobs


def test_after_an_adaptation_everything_goes_through_the_translator(qtbot, viewer, session, runner):
    push(viewer, viewer.layers["sem_12"], pseudo_label(Region(0, 0, *SHAPE), truth()))
    dock = correct_dock(qtbot, viewer, session, runner)
    dock.use("predict_again")
    job = runner.jobs[-1][1]
    assert isinstance(job, LabelJob)
    assert (job.translator, job.segmenter) == ("sample:sem-to-tem", "sample:tem-axons")
    assert dock.shutdown()


def test_a_training_whose_models_do_not_fit_says_so_before_it_starts(train, viewer, qtbot):
    confirm(train, qtbot)
    assert train.view.hint == ""
    push(viewer, viewer.layers["sem_12"], pseudo_label(Region(0, 0, *SHAPE), truth()))
    viewer.layers["sem_12"].metadata["modality"] = "TEM"
    settle(train, qtbot)
    train.view.segmenter.changed.emit()
    settle(train, qtbot)
    assert "“sem-to-tem” takes SEM images, but this image is TEM (“sem_12”)" in train.view.hint
    assert not train.view.start_button.isEnabled()
