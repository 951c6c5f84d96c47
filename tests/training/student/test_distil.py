"""The fast version of a translator: what it learns from, when it is kept, and that it goes on where it was stopped."""

from __future__ import annotations

import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import translator_case as case
from families import SEGMENTERS
from safetensors.numpy import load_file

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.models import inspect, load_segmenter, load_translator
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters.base import of_limits
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.ensemble import SegmenterInput, segment_ensemble
from napari_pseudolabel.training.common.precision import multiplies_bfloat16
from napari_pseudolabel.training.common.training_events import Epoch, Loss, Score, TrainStart
from napari_pseudolabel.training.student import distil_task, distilling
from napari_pseudolabel.training.student.distil_task import DistilSettings, verdict
from napari_pseudolabel.training.student.distilling import parts
from napari_pseudolabel.training.student.label_judge import LabelJudge
from napari_pseudolabel.training.student.student_training import StudentTraining
from napari_pseudolabel.training.training_jobs import DistilJob

SETTINGS = DistilSettings(
    steps=6, most_crops=4, patch=32, batch=1, compared_samples=3, checks=2, seed=3, device="cpu"
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A translator SEM to TEM, and a segmenter of TEM."""
    folder = tmp_path_factory.mktemp("models")
    return case.write_pair(folder)[0], str(SEGMENTERS["monai-unet"](folder))


def planes():
    """Two planes of 100 x 140."""
    y, x = np.mgrid[:100, :140]
    return tuple(
        (
            500
            + 300 * np.sin(y / 5 + k) * np.cos(x / (6 + k))
            + np.random.default_rng(k).normal(0, 30, y.shape)
        )
        .clip(0)
        .astype(np.uint16)
        for k in (0, 1)
    )


def job(folder, models, **changes):
    images = case.layer("SEM", False, planes=planes(), limits=IntensityRange(100, 900))
    return DistilJob(images, *models, folder, replace(SETTINGS, **changes), modality="SEM")


def run(one, control=None):
    return one.run(control or Control(), LoadedModels())


def test_what_is_not_as_good_is_not_kept_and_that_is_said(models, tmp_path, one_thread):
    one = pickle.loads(pickle.dumps(job(tmp_path, models)))
    assert (one.lane, one.checkpoints) == ("train", models)
    heard = []
    made = run(one, Control(emit=heard.append))
    assert not made.kept
    assert made.checkpoint is None
    worst = min(made.score.per_class.values())
    assert (
        f"not kept: its labels agree with those of “SEM to TEM” with a Dice of only {worst:.3f}"
        in made.sentence
    )
    assert "0.97 is asked" in made.sentence
    assert set(made.again) == set(made.score.per_class) == {"one", "two"}
    kinds = [type(event) for event in heard]
    assert kinds[0] is TrainStart
    assert kinds.count(Epoch) == 2
    assert Loss not in kinds  # every ten steps


def test_what_is_as_good_is_a_translator_that_says_whose_labels_it_keeps(
    models, tmp_path, monkeypatch, one_thread
):
    monkeypatch.setattr(distil_task, "LEAST_DICE", 0.0)
    made = run(job(tmp_path, models))
    assert made.kept
    assert "sees every pixel once instead of" in made.sentence
    path = tmp_path / f"{made.name}.safetensors"
    assert path.name == "sem-to-tem-fast.safetensors"
    path.write_bytes(made.checkpoint)
    assert path.stat().st_size < 300_000
    translator, teacher = load_translator(path), load_translator(models[0])
    card = translator.card
    assert not translator.diffusive
    assert card.parent == teacher.sha256
    assert (card.source, card.target) == (teacher.card.source, teacher.card.target)
    assert card.name == "SEM to TEM, fast"
    assert "SEM to TEM" in card.description
    assert card.training.data == (
        "2 planes of an open SEM layer",
        "translations of them by “SEM to TEM”",
    )
    said = {measure.metric: measure for measure in card.quality}
    assert set(said) == {
        f"Dice {name} ({what})"
        for name in ("one", "two")
        for what in ("with the labels of its translator", "of a single try of its translator")
    }
    assert all("no truth" in measure.data for measure in said.values())
    assert inspect(path).usable


def test_a_stopped_training_goes_on_to_the_same_end(models, tmp_path, monkeypatch, one_thread):
    monkeypatch.setattr(distil_task, "LEAST_DICE", 0.0)
    whole = run(job(tmp_path / "whole", models))
    steps = []

    def cancelled():
        return len(steps) >= 4

    def report(progress):
        if progress.stage == "Training the fast version" and progress.done:
            steps.append(progress.done)

    with pytest.raises(Cancelled):
        run(job(tmp_path / "part", models), Control(report=report, cancelled=cancelled))
    inputs = {path: path.stat().st_mtime_ns for path in (tmp_path / "part" / "inputs").iterdir()}
    assert len(inputs) == 4
    made = run(job(tmp_path / "part", models))
    assert made.resumed_at == 4
    assert {path: path.stat().st_mtime_ns for path in inputs} == inputs  # nothing was translated again
    for name, content in (("a", whole), ("b", made)):
        (tmp_path / f"{name}.safetensors").write_bytes(content.checkpoint)
    first, second = (load_file(tmp_path / f"{name}.safetensors") for name in "ab")
    for key, value in first.items():
        np.testing.assert_array_equal(second[key], value)


def test_a_person_can_stop_and_keep_what_there_is(models, tmp_path, monkeypatch, one_thread):
    monkeypatch.setattr(distil_task, "LEAST_DICE", 0.0)
    made = run(job(tmp_path, models), Control(wish=lambda: "finish"))
    assert (made.stopped, made.steps) == ("finish", 0)
    assert made.checkpoint is not None


def test_tiles_of_every_try_lie_elsewhere_and_its_pixels_where_they_were(
    models, tmp_path, monkeypatch, one_thread
):
    """What a network makes of a tile depends on all of the tile: where tiles lie is chance, as noise is."""
    seen = []

    def same(translator, plane, *, seed, **how):
        seen.append((plane.shape, seed))
        return SimpleNamespace(mean=plane)

    monkeypatch.setattr(distilling, "translate", same)
    monkeypatch.setattr(distil_task, "LEAST_DICE", 0.0)
    made = run(job(tmp_path, models, steps=1, samples=2))
    assert set(made.again.values()) <= {1.0}  # a try is what all of them are
    assert len({shape for shape, _ in seen}) == len({seed for _, seed in seen}) == 3
    for path in (tmp_path / "inputs").glob("*.npy"):
        tries = np.load(path)
        np.testing.assert_array_equal(tries, np.broadcast_to(tries[0], tries.shape))
        assert tries[0].std() > 0


def test_another_training_in_the_folder_is_refused(models, tmp_path, one_thread):
    run(job(tmp_path, models, steps=1))
    with pytest.raises(InputError, match=r"other settings\.samples"):
        run(job(tmp_path, models, samples=1))


def test_models_that_do_not_fit_are_refused(models, tmp_path):
    with pytest.raises(InputError, match="this image is TEM"):
        run(replace(job(tmp_path, models), modality="TEM"))
    with pytest.raises(InputError, match="as fast as it can be"):
        run(replace(job(tmp_path, models), translator="sample:sem-to-tem-grey-levels"))


def test_parts_share_no_pixel_and_a_quarter_is_kept_apart():
    plane = np.arange(200 * 330, dtype=np.float32).reshape(200, 330) / 66_000
    learned, kept = parts([plane], replace(SETTINGS, most_crops=100, crop=64))
    assert len(kept) == (len(learned) + len(kept)) // 4 > 3
    many = np.tile(plane, (3, 2))
    learned, kept = parts([many], replace(SETTINGS, most_crops=100, crop=64))
    assert (len(learned), len(kept)) == (92, 8)  # comparing must not take longer than learning
    learned, kept = parts([plane], replace(SETTINGS, most_crops=100, crop=64))
    values = np.concatenate([part.ravel() for part in (*learned, *kept)])
    assert len(np.unique(values)) == len(values) == plane.size
    # One image is cut until there is enough.
    learned, kept = parts([plane[:150, :150]], SETTINGS)
    assert len(learned) == 3
    with pytest.raises(InputError, match="128 x 128"):
        parts([plane[:60, :60], np.zeros((500, 500), np.float32)], SETTINGS)


@pytest.mark.parametrize(
    ("per_class", "again", "kept", "words"),
    [
        ({"axon": 0.98, "myelin": 0.971}, {}, True, "0.971 or more (myelin)"),
        ({"axon": 0.98, "myelin": 0.969}, {"myelin": 0.99}, False, "more images of this kind"),
        ({"axon": 0.98, "myelin": 0.95}, {"myelin": 0.93}, False, "the translator itself reaches 0.930"),
        ({}, {}, False, "no labels at all"),
    ],
)
def test_the_worst_class_decides(per_class, again, kept, words):
    found, sentence = verdict(Score(5, 0.98, per_class), again, "X", 4)
    assert found == kept
    assert words in sentence


def test_labels_are_those_of_a_run(models, one_thread):
    segmenter = load_segmenter(models[1])
    look = np.random.default_rng(0).random((70, 90), np.float32)
    wanted = segment_ensemble(
        [SegmenterInput(segmenter, look[None], of_limits(IntensityRange(0.0, 1.0)), lambda values: values)],
        LabelSettings(flips=3),
        control=Control(),
    ).labels
    judge = LabelJudge(segmenter, segmenter.card.source, "cpu")
    np.testing.assert_array_equal(judge.labels([look]), wanted)
    assert len(np.unique(wanted)) > 1


def test_what_the_segmenter_reads_has_gradients_and_is_what_it_says(models, one_thread):
    segmenter = load_segmenter(models[1])
    side = segmenter.tile
    look = np.random.default_rng(0).random((side, side), np.float32)
    made = torch.from_numpy(look)[None, None].requires_grad_()
    judge = LabelJudge(segmenter, segmenter.card.source, "cpu")
    found = judge.reader()(made)
    wanted = segmenter.probabilities(look, part=of_limits(IntensityRange(0.0, 1.0)))
    np.testing.assert_allclose(found.softmax(dim=1)[0].detach().numpy(), wanted, atol=1e-5)
    found.square().mean().backward()
    assert made.grad.abs().sum() > 0
    # On another grid the answer is on that of the translation; a family without gradients is only asked for labels.
    other = LabelJudge(segmenter, segmenter.card.source.model_copy(update={"pixel_size_um": 0.15}), "cpu")
    assert other.step == pytest.approx(0.75)
    assert other.reader()(made).shape == found.shape


def test_labels_count_in_the_second_half_where_the_segmenter_has_gradients(models, tmp_path, one_thread):
    calls = []

    def reader(translations):
        calls.append(translations.shape)
        return torch.cat([translations, 1 - translations], dim=1)

    pair = np.random.default_rng(0).random((4, 48, 48)).astype(np.float32)
    score = Score(0, 1.0, {"one": 1.0})
    run = StudentTraining([pair], lambda translation, step: score, replace(SETTINGS, steps=4), reader=reader)
    run.run(tmp_path, Control())
    assert calls == [(1, 1, 32, 32)] * 2


@pytest.mark.parametrize("has_units", [True, False])
def test_products_are_rounded_only_where_that_is_quick_and_weights_never(
    has_units, monkeypatch, tmp_path, one_thread
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": has_units}, raising=False)
    seen = []

    def reader(translations):
        seen.append(torch.nn.functional.conv2d(translations, torch.ones(2, 1, 1, 1)))
        return seen[-1]

    pair = np.random.default_rng(0).random((4, 48, 48)).astype(np.float32)
    score = Score(0, 1.0, {"one": 1.0})
    run = StudentTraining([pair], lambda translation, step: score, replace(SETTINGS, steps=2), reader=reader)
    run.run(tmp_path, Control())
    assert {one.dtype for one in seen} == {torch.bfloat16 if has_units else torch.float32}
    assert {one.dtype for one in run.best_weights.values()} == {torch.float32}
    assert run.translation(pair[0]).dtype == np.float32
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # as torch was
    assert not multiplies_bfloat16(torch.device("cpu"))


def test_what_is_compared_is_what_the_file_makes(models, tmp_path, monkeypatch, one_thread):
    monkeypatch.setattr(distil_task, "LEAST_DICE", 0.0)
    judged = []
    compared = LabelJudge.compared

    def seen(judge, sources, translation, step):
        judged.append([(one.image, translation(one.image)) for one in sources] if step else [])
        return compared(judge, sources, translation, step)

    monkeypatch.setattr(LabelJudge, "compared", seen)
    made = run(job(tmp_path, models, steps=1))
    (tmp_path / "fast.safetensors").write_bytes(made.checkpoint)
    student = load_translator(tmp_path / "fast.safetensors")
    assert len(judged[-1]) == 1
    for image, shown in judged[-1]:
        np.testing.assert_allclose(
            translate(student, image).mean, shown, atol=2e-3
        )  # weights are kept as float16


def test_what_enters_an_untrained_network_arrives(one_thread):
    """Through torch's own first weights a hundredth of it does."""
    pair = np.random.default_rng(0).random((4, 48, 48)).astype(np.float32)
    state = torch.random.get_rng_state()
    run = StudentTraining([pair], lambda translation, step: Score(0, 1.0, {}), SETTINGS)
    assert torch.equal(torch.random.get_rng_state(), state)
    spread = [run.translation(plane).std() for plane in (pair[0], np.full_like(pair[0], 0.5))]
    assert spread[0] > 0.1
    assert spread[1] < spread[0]


def test_a_segmenter_of_another_family_is_only_asked_for_labels(models, tmp_path, one_thread):
    segmenter = str(SEGMENTERS["torchscript"](tmp_path))
    assert LabelJudge(load_segmenter(segmenter), None, "cpu").reader() is None
    made = run(replace(job(tmp_path / "run", models, steps=2), segmenter=segmenter))
    assert set(made.score.per_class) <= {"one", "two"}
