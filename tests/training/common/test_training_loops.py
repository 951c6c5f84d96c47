"""The loops: they learn, average as they should, and go on after a stop as if there had been none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from disc_case import CARD, DISC, SETTINGS
from syndiff_case import SYNDIFF

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.training.common.prefetching import STEPS_AHEAD, Prefetcher
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.segmenter.segmenter_training import SegmenterTraining, augment
from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def segmenter(disc_image):
    """Makes segmenter trainings on discs."""
    planes = []
    for seed in range(3):
        image, labels = disc_image((48, 48), seed)
        planes.append(LabelledPlane(f"{seed}", image.astype(np.float32) / 255, labels * DISC))
    return lambda **changes: SegmenterTraining(
        planes[:2], planes[2:], CARD, dataclasses.replace(SETTINGS, **changes)
    )


@pytest.fixture
def syndiff(disc_image):
    """Makes SynDiff trainings between discs and inverted discs."""
    pools = tuple(
        PatchPool(
            [disc_image((48, 48), seed, inverted)[0][None].astype(np.float32) / 255 for seed in range(2)]
        )
        for inverted in (False, True)
    )
    return lambda **changes: SynDiffTraining(pools, dataclasses.replace(SYNDIFF, **changes))


def stopping_after(steps):
    """A control that cancels after some steps."""
    done = []
    return Control(lambda progress: done.append(progress.done), lambda: bool(done) and done[-1] >= steps)


@pytest.mark.parametrize("kind", ["segmenter", "syndiff"])
def test_a_stopped_training_goes_on_as_if_nothing_had_happened(kind, request, tmp_path):
    make = request.getfixturevalue(kind)
    whole = make()
    whole.run(tmp_path / "whole")
    with pytest.raises(Cancelled):
        make().run(tmp_path / "stopped", stopping_after(3))  # between two regular saves
    again = make()
    assert again.resume(tmp_path / "stopped" / "training.pt")
    assert again.step == 3
    again.run(tmp_path / "stopped")
    assert again.step == whole.step == 6
    networks = (again.network, whole.network) if kind == "segmenter" else (again.average, whole.average)
    for (name, one), other in zip(
        networks[0].state_dict().items(), networks[1].state_dict().values(), strict=True
    ):
        torch.testing.assert_close(one, other, msg=name)
    if kind == "segmenter":
        assert again.best == whole.best


def test_a_finished_training_is_left_as_it_is(segmenter, tmp_path):
    score = segmenter().run(tmp_path)
    before = (tmp_path / "best.safetensors").read_bytes()
    assert segmenter().run(tmp_path) == score
    assert (tmp_path / "best.safetensors").read_bytes() == before
    with pytest.raises(InputError, match=r"other settings \(lr\)"):
        segmenter(lr=0.5).run(tmp_path)


def test_the_segmenter_learns_discs(segmenter, tmp_path):
    run = segmenter(steps=40, validate_every=40)
    losses = [run.train_step() for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    assert run.validate().per_class["disc"] > 0.6


def test_validation_keeps_the_best_step(segmenter, tmp_path, monkeypatch):
    from napari_pseudolabel.models import load_segmenter
    from napari_pseudolabel.training.segmenter.segmenter_training import Score

    run = segmenter()
    scores = iter([0.2, 0.7, 0.5])
    weights = []

    def validate(control):
        mean = next(scores)
        weights.append({name: value.clone() for name, value in run.network.state_dict().items()})
        return Score(run.step, mean, {"disc": mean})

    monkeypatch.setattr(run, "validate", validate)
    best = run.run(tmp_path)
    assert (best.step, best.mean) == (4, 0.7)
    for name, value in load_segmenter(tmp_path / "best.safetensors").network.state_dict().items():
        torch.testing.assert_close(value, weights[1][name], rtol=1e-3, atol=1e-3)  # stored as float16
    assert len((tmp_path / "validation.csv").read_text().splitlines()) == 4


def test_a_training_needs_a_validation_image(segmenter):
    run = segmenter()
    with pytest.raises(InputError, match="no validation image"):
        SegmenterTraining([], [], run.card, SETTINGS)


def test_augmentation_stays_in_range_and_changes_every_image_on_its_own():
    torch.manual_seed(0)
    images = torch.rand(1, 1, 16, 16).expand(4, -1, -1, -1)
    changed = augment(images)
    assert changed.shape == images.shape
    assert 0 <= changed.min() <= changed.max() <= 1
    assert len({round(one.mean().item(), 6) for one in changed}) == 4


def test_the_average_follows_its_formula_and_the_rates_a_cosine(syndiff):
    run = syndiff(steps=3)
    expected = None
    rates = [run.optimisers["generators"].param_groups[0]["lr"]]
    for _ in range(3):
        run.train_step()
        rates.append(run.optimisers["generators"].param_groups[0]["lr"])
        weights = [value.detach().clone() for value in run.generators.parameters()]
        # The first step starts the average, from then on it decays by `ema`.
        expected = (
            weights
            if expected is None
            else [0.5 * e + 0.5 * w for e, w in zip(expected, weights, strict=True)]
        )
    average = list(run.average.module.parameters())
    for one, other in zip(average, expected, strict=True):
        torch.testing.assert_close(one, other)
    assert any(not torch.allclose(one, raw) for one, raw in zip(average, weights, strict=True))
    first, last = run.settings.lr_generator, run.settings.lr_final
    np.testing.assert_allclose(rates, last + (first - last) * (1 + np.cos(np.pi * np.arange(4) / 3)) / 2)
    shipped = dict(run.averaged(1).named_parameters())
    assert all(
        value is dict(run.average.module[1].named_parameters())[name] for name, value in shipped.items()
    )


def test_syndiff_learns_to_restore_and_to_pair_images(disc_image):
    def image(inverted):
        return disc_image((48, 48), 0, inverted)[0].astype(np.float32) / 255

    pools = tuple(PatchPool([image(inverted)[None]]) for inverted in (False, True))
    pairs = PatchPool([np.stack([image(False), image(True)])], n_images=2)
    run = SynDiffTraining(pools, dataclasses.replace(SYNDIFF, steps=14, lr_generator=8e-3), pairs=pairs)
    losses = [run.train_step() for _ in range(14)]
    for name in ("cycle", "diffusive", "pair"):
        values = [loss[name] for loss in losses]
        assert np.mean(values[-5:]) < 0.8 * np.mean(values[:2]), (name, values)
    assert all("r1" in loss for loss in losses[::2])
    assert not any("r1" in loss for loss in losses[1::2])


def test_checkpoints_of_both_directions_hold_the_average(syndiff, tmp_path):
    from napari_pseudolabel.models import Training, load_translator
    from napari_pseudolabel.training.translator.syndiff_checkpoints import write_generators

    run = syndiff()
    for _ in range(2):
        run.train_step()
    modalities = Modality(name="A", pixel_size_um=0.1), Modality(name="B", pixel_size_um=0.2)
    paths = write_generators(
        (run.averaged(0).state_dict(), run.averaged(1).state_dict()),
        run.settings.generator,
        tmp_path,
        modalities=modalities,
        names=("b2a", "a2b"),
        training=Training(steps=2),
    )
    for k, path in enumerate(paths):
        made = load_translator(path)
        assert made.card.target == modalities[k]
        assert made.card.source == modalities[1 - k]
        assert made.card.missing == ()
        x, step, latent = torch.rand(1, 2, 32, 32), torch.tensor([1]), torch.rand(1, 4)
        expected = run.averaged(k).eval()(x, step, latent)
        torch.testing.assert_close(made.network(x, step, latent), expected)


def test_the_adversarial_weight_scales_what_critics_teach(disc_image):
    image, _ = disc_image((48, 48), 0)
    plane = image.astype(np.float32)[None] / 255
    pools = PatchPool([plane]), PatchPool([1 - plane])
    full, half = (
        SynDiffTraining(pools, dataclasses.replace(SYNDIFF, adversarial_weight=weight)).train_step()
        for weight in (1.0, 0.5)
    )
    assert half["adversarial"] == pytest.approx(full["adversarial"] / 2)
    assert half["cycle"] == full["cycle"]


@pytest.mark.parametrize("kind", ["segmenter", "syndiff"])
def test_batches_drawn_in_advance_change_nothing(request, kind, monkeypatch):
    """As on a GPU: other threads draw the patches of the next steps meanwhile."""
    make = request.getfixturevalue(kind)
    plain = make()
    monkeypatch.setattr(Prefetcher, "on", lambda device, draw: Prefetcher(draw, STEPS_AHEAD))
    ahead = make()
    assert [ahead.train_step() for _ in range(3)] == [plain.train_step() for _ in range(3)]
