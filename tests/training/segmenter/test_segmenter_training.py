"""The loop behind both trainings of a segmenter: what it learns from, when it ends, and that it can be stopped anywhere."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from disc_case import CARD, DISC, SETTINGS

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, DeviceError, InputError
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.training.common.training_events import Epoch, Loss, Score, TrainStart
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import SegmenterTraining

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def plane(disc_image):
    """One plane: the left half counts in training, the lower right quarter in the validation."""
    image, labels = disc_image((64, 64), 0)
    weight = np.zeros((64, 64), np.float32)
    weight[:, :32] = 1
    return LabelledPlane("discs", image.astype(np.float32) / 255, labels * DISC, weight)


@pytest.fixture
def make(plane):
    """Makes trainings on that plane."""

    def training(labels=None, start=None, **changes):
        labels = plane.labels if labels is None else labels
        kept = np.zeros((64, 64), np.float32)
        kept[32:, 32:] = 1
        train, validation = replace(plane, labels=labels), replace(plane, labels=labels, weight=kept)
        return SegmenterTraining([train], [validation], CARD, replace(SETTINGS, **changes), start=start)

    return training


@pytest.fixture
def scored(monkeypatch):
    """Replaces the validation by given numbers, one per call."""

    def use(run, *means):
        numbers = iter(means)
        monkeypatch.setattr(
            run, "validate", lambda control: Score(run.step, (m := next(numbers)), {"disc": m})
        )
        return run

    return use


def gradients(run):
    run.backward()
    return [parameter.grad.clone() for parameter in run.network.parameters()]


def test_labels_without_weight_and_of_the_validation_reach_no_gradient(make, plane):
    other = plane.labels.copy()
    other[:, 32:] = 5 - other[:, 32:]  # all of the validation, and what nobody has looked at
    one, two = make(), make(other)
    for _ in range(2):
        assert all(torch.equal(a, b) for a, b in zip(gradients(one), gradients(two), strict=True))
        one.train_step()
        two.train_step()
    assert one.validate() != two.validate()  # they do count there
    learned = plane.labels.copy()
    learned[:, :32] = 5 - learned[:, :32]
    assert not all(
        torch.equal(a, b) for a, b in zip(gradients(make()), gradients(make(learned)), strict=True)
    )


def test_a_parent_is_measured_first_and_improved(make, tmp_path):
    parent = make(steps=20, validate_every=20)
    parent.run(tmp_path / "parent")
    told = []
    child = make(start=parent.network.state_dict(), steps=4)
    child.run(tmp_path / "child", Control(emit=told.append), notes=("A note.",))
    began, epochs = told[0], [event for event in told if isinstance(event, Epoch)]
    assert isinstance(began, TrainStart)
    assert began.resumed_at == 0
    assert began.notes == ("A note.",)
    # The same weights on the same pixels, but for the step at which they were measured.
    assert began.before == replace(parent.validate(), step=0) == child.before
    assert [event.number for event in epochs] == [1, 2]
    assert [event.score.step for event in epochs] == [2, 4]
    assert make().before is None


def test_losses_and_checkpoints_are_told(make, scored, tmp_path):
    told = []
    run = scored(make(steps=24, validate_every=12), 0.5, 0.4)
    run.run(tmp_path, Control(emit=told.append))
    assert [event.step for event in told if isinstance(event, Loss)] == [10, 20]
    assert all(0 < event.losses["loss"] < 5 for event in told if isinstance(event, Loss))
    first, second = (event for event in told if isinstance(event, Epoch))
    assert (first.best, second.best, second.checkpoint) == (True, False, None)
    (tmp_path / "told.safetensors").write_bytes(first.checkpoint)
    told_card, card = (load_segmenter(tmp_path / f"{name}.safetensors").card for name in ("told", "best"))
    # How sure it may be is measured at the end, when it is known which weights are the best.
    assert told_card.calibration is None
    assert "discs" in card.calibration.data
    assert card.model_copy(update={"calibration": None}) == told_card
    assert card.training.steps == 12
    (measure,) = card.quality
    assert (measure.metric, measure.value) == ("Dice disc", 0.5)
    assert measure.data == "1024 validation pixels, which chose the step (discs)"
    rows = (tmp_path / "validation.csv").read_text().splitlines()
    assert rows[0] == "step,loss,mean_dice,disc"
    assert [row.split(",")[0] for row in rows[1:]] == ["12", "24"]


def test_it_stops_early_when_it_gets_no_better(make, scored, tmp_path):
    run = scored(make(steps=100, patience=2), 0.2, 0.6, 0.6, 0.5)
    best = run.run(tmp_path)
    assert (run.step, run.stopped) == (8, "early")
    assert (best.step, best.mean) == (4, 0.6)  # equal is not better
    again = make(steps=100, patience=2)
    assert again.run(tmp_path) == best
    assert (again.step, again.stopped) == (8, "early")
    patient = scored(make(), 0.5, 0.4, 0.3)
    patient.run(tmp_path / "patient")
    assert (patient.step, patient.stopped) == (6, "steps")


def test_finishing_keeps_what_there_is(make, scored, tmp_path):
    run = scored(make(steps=100), 0.5, 0.4, 0.7)
    best = run.run(tmp_path, Control(wish=lambda: "finish" if run.step >= 5 else "run"))
    # Step 5 ends no epoch, so it is validated before it is kept.
    assert (run.step, run.stopped, best.step, best.mean) == (5, "finish", 5, 0.7)
    at_once = make()
    assert at_once.run(tmp_path / "at once", Control(wish=lambda: "finish")).step == 0


def test_a_pause_waits_and_changes_nothing(make, tmp_path, monkeypatch):
    whole = make()
    whole.run(tmp_path / "whole")
    paused, waits = make(), []
    monkeypatch.setattr("time.sleep", waits.append)

    def wish():
        return "pause" if paused.step == 3 and len(waits) < 4 else "run"

    paused.run(tmp_path / "paused", Control(wish=wish))
    assert len(waits) == 4
    assert same_weights(paused, whole)
    # A paused training can be cancelled.
    with pytest.raises(Cancelled):
        make().run(tmp_path / "c", Control(wish=lambda: "pause", cancelled=lambda: len(waits) > 6))


def same_weights(one, other):
    pairs = zip(one.network.state_dict().values(), other.network.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.85, 0.99])
def test_a_training_cancelled_anywhere_goes_on_as_if_nothing_had_happened(make, tmp_path, share):
    start = make().network.state_dict()
    calls, last = [], math.inf

    def cancelled():
        # Asked between steps and in the middle of validations, the first one included.
        calls.append(1)
        return len(calls) > last

    whole = make(start=start)
    whole.run(tmp_path / "whole", Control(cancelled=cancelled))
    last = share * len(calls)
    calls.clear()
    with pytest.raises(Cancelled):
        make(start=start).run(tmp_path / "stopped", Control(cancelled=cancelled))
    again = make(start=start)
    again.run(tmp_path / "stopped")
    assert same_weights(again, whole)
    assert (again.best, again.before, again.step) == (whole.best, whole.before, 6)
    curves = [(tmp_path / name / "validation.csv").read_text() for name in ("whole", "stopped")]
    assert curves[0] == curves[1]


def test_the_average_of_the_weights_is_what_is_validated_saved_and_resumed(make, tmp_path):
    settings = {"ema": 0.9, "steps": 8, "validate_every": 4, "warm_up": 1}
    whole = make(**settings)
    seen = []
    step = whole.train_step

    def train_step():
        loss = step()
        seen.append([weight.detach().clone() for weight in whole.network.parameters()])
        return loss

    whole.train_step = train_step
    whole.run(tmp_path / "whole")
    average = seen[0]
    for count, weights in enumerate(seen[1:], start=1):
        decay = min(0.9, (1 + count) / (10 + count))
        average = [decay * old + (1 - decay) * new for old, new in zip(average, weights, strict=True)]
    for kept, expected in zip(whole.kept.parameters(), average, strict=True):
        torch.testing.assert_close(kept, expected)
    assert not torch.equal(next(whole.kept.parameters()), next(whole.network.parameters()))
    stopped = make(**settings)
    with pytest.raises(Cancelled):
        stopped.run(tmp_path / "stopped", Control(cancelled=lambda: stopped.step >= 5))
    again = make(**settings)
    again.run(tmp_path / "stopped")
    pairs = zip(again.kept.parameters(), whole.kept.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert again.best == whole.best
    saved = load_segmenter(tmp_path / "whole" / "best.safetensors").network.state_dict()
    assert whole.best.step == 8
    for name, weight in whole.kept.state_dict().items():
        torch.testing.assert_close(saved[name], weight, atol=2e-3, rtol=2e-3)  # half precision


def test_out_of_memory_computes_the_batch_in_parts(make, monkeypatch):
    whole, run = make(batch=5), make(batch=5)
    real, sizes = run.network.forward, []

    def forward(x):
        sizes.append(len(x))
        if len(x) > 2:
            raise RuntimeError("CUDA error: out of memory")
        return real(x)

    monkeypatch.setattr(run.network, "forward", forward)
    loss = run.train_step()
    assert sizes == [5, 3, 2, 2, 1]
    assert "of 5 patches were computed 2 at a time" in run.notes[0]
    assert whole.notes == ()
    # Nearly the same step: only the Dice of the whole batch is not the mean of those of its parts.
    assert loss == pytest.approx(whole.train_step(), rel=0.1)
    (again,) = (
        torch.cosine_similarity(*pair, dim=0) for pair in [tuple(flat_gradients(r) for r in (run, whole))]
    )
    assert again > 0.95

    def never(x):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(run.network, "forward", never)
    with pytest.raises(DeviceError, match="smaller patches"):
        run.train_step()

    def broken(x):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(run.network, "forward", broken)
    with pytest.raises(RuntimeError, match="do not fit"):
        run.train_step()


def flat_gradients(run):
    return torch.cat([parameter.grad.ravel() for parameter in run.network.parameters()])


def test_the_rate_rises_and_falls():
    settings = SegmenterSettings(steps=110, warm_up=10)
    rates = [settings.rate(step) for step in range(111)]
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10] == 1.0
    assert rates[60] == pytest.approx((1 + 0.01) / 2)
    assert rates[110] == pytest.approx(0.01)
    plain = SegmenterSettings(steps=8)
    assert [plain.rate(k) for k in range(9)] == pytest.approx(
        [0.01 + 0.99 * (1 + math.cos(math.pi * k / 8)) / 2 for k in range(9)]
    )


def test_other_random_numbers_of_the_process_change_nothing(make, tmp_path):
    def trained(seed):
        torch.manual_seed(seed)
        run = make(steps=2)
        before = torch.get_rng_state()
        run.run(tmp_path / str(seed))
        assert torch.equal(torch.get_rng_state(), before)
        return run

    assert same_weights(trained(1), trained(2))


def test_a_training_needs_validation_pixels(make):
    with pytest.raises(InputError, match="no validation image"):
        SegmenterTraining([], [], CARD, SETTINGS)
