"""Masks become images and come back: each part by itself, and a whole training with the smallest networks."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.labels.matching import detection
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.training.common.training_events import SyntheticPair
from napari_pseudolabel.training.cycled import cycling
from napari_pseudolabel.training.cycled.cycle_training import CycleTraining
from napari_pseudolabel.training.cycled.cycled_task import CycledSettings
from napari_pseudolabel.training.cycled.hidden_masks import hidden_in
from napari_pseudolabel.training.cycled.low_pass import LowPass
from napari_pseudolabel.training.cycled.mask_codes import decoded, encoded
from napari_pseudolabel.training.data.nuclei_fields import NucleiParams, nuclei_field
from napari_pseudolabel.training.training_jobs import CycledJob
from napari_pseudolabel.training.unlabelled.field_looks import FieldLook, drawn
from napari_pseudolabel.training.unlabelled.rendering import field_like
from napari_pseudolabel.training.unlabelled.seen_images import TYPICAL_PX, SeenImages, seen_in

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="nuclei", value=1))
TINY = CycledSettings(
    steps=2, fields=4, batch=1, patch=16, width=2, ema=0.0, cycle_steps=3, warm_up=2, cycle_batch=1, cycle_patch=32,
    cycle_width=2, blocks=1,
)  # fmt: skip
CPU = torch.device("cpu")


def training(settings=TINY, levels=(0.2, 0.8)):
    masks = [
        encoded(nuclei_field((48, 48), seed=seed, params=NucleiParams(12, covered=0.3)).labels)
        for seed in (1, 2)
    ]
    images = [np.clip(drawn(FieldLook(NucleiParams(12)), (48, 48), seed=3)[0], 0, 1)]
    return CycleTraining(masks, images, levels, settings, device=CPU)


@pytest.mark.parametrize("grouping", [0.0, 0.9])
def test_a_code_holds_touching_objects_apart(grouping):
    field = nuclei_field((160, 160), seed=5, params=NucleiParams(covered=0.3, grouping=grouping)).labels
    code = encoded(field)
    assert (code.min(), code.max()) == (-1, 1)
    np.testing.assert_array_equal(code > -0.6, field > 0)
    assert detection(decoded(code), field).f1 > 0.85
    # And through what a network makes of it.
    rough = np.clip(code + np.random.default_rng(0).normal(0, 0.1, code.shape), -1, 1)
    assert detection(decoded(rough), field).f1 > 0.75
    assert not decoded(np.full((20, 20), -1.0)).any()


@pytest.mark.parametrize("shape", [(16, 16), (12, 20)])
def test_the_low_pass_is_that_of_scipy_and_gradients_go_through(shape):
    image = torch.randn(2, 1, *shape, requires_grad=True)
    kept = LowPass(0.25)(image)
    for one, low in zip(image.detach()[:, 0].numpy(), kept.detach()[:, 0].numpy(), strict=True):
        spectrum = dctn(one, norm="ortho")
        spectrum[-(-shape[0] // 4) :], spectrum[:, -(-shape[1] // 4) :] = 0, 0
        np.testing.assert_allclose(low, idctn(spectrum, norm="ortho"), atol=1e-5)
    kept.square().sum().backward()
    assert image.grad.abs().sum() > 0
    assert LowPass(None)(image) is image
    np.testing.assert_allclose(LowPass(0.25)(kept).detach(), kept.detach(), atol=1e-5)


@pytest.mark.parametrize("levels", [(0.2, 0.8), (0.8, 0.2)])
def test_the_warm_up_decides_about_the_polarity(levels):
    one = training(dataclasses.replace(TINY, warm_up=60, cycle_steps=0, cycle_width=4, cycle_lr=5e-3), levels)
    while one.step < one.total:
        one.train_step()
    code = torch.from_numpy(
        encoded(nuclei_field((48, 48), seed=9, params=NucleiParams(14, covered=0.3)).labels)
    )
    with torch.no_grad():
        image = one.image_of(code[None, None])[0, 0]
    brighter = image[code > -0.6].mean() > image[code < -0.9].mean()
    assert bool(brighter) == (levels[1] > levels[0])


def test_a_training_that_was_cancelled_goes_on_as_if_it_had_not_been(tmp_path):
    whole, first, second = training(), training(), training()
    whole.run(tmp_path / "whole", Control())
    stopped = [False]

    def report(progress):
        stopped[0] = progress.done >= 3

    with pytest.raises(Cancelled):
        first.run(tmp_path / "parts", Control(report=report, cancelled=lambda: stopped[0]))
    assert 0 < first.step < first.total
    second.run(tmp_path / "parts", Control())
    for name, value in whole.nets.state_dict().items():
        torch.testing.assert_close(second.nets.state_dict()[name], value)
    with pytest.raises(InputError, match="other settings"):
        training(dataclasses.replace(TINY, low_pass=0.5)).run(tmp_path / "parts", Control())


def test_what_hides_masks_is_told():
    one = training()
    masks = torch.from_numpy(encoded(nuclei_field((48, 48), seed=9).labels))[None, None]
    found = hidden_in(one, masks)
    assert min(found.cycle, found.noisy, found.blurred) >= 0
    hiding = dataclasses.replace(found, cycle=0.95, noisy=0.6, blurred=0.9)
    assert hiding.fall == pytest.approx(0.35)
    assert "try the low-pass" in hiding.sentence
    assert "hold them visibly" in dataclasses.replace(hiding, noisy=0.93).sentence


@pytest.mark.parametrize("bright", [True, False])
def test_objects_of_the_other_polarity_are_no_objects(bright):
    plane = drawn(FieldLook(NucleiParams(14)), (80, 96), seed=1)[0].clip(0, 1)
    seen = SeenImages((plane if bright else 1 - plane,), (FieldLook(),), TYPICAL_PX, bright, ())
    for finds_bright in (True, False):
        told = SimpleNamespace(device=CPU, mask_of=lambda image, sign=2 * finds_bright - 1: sign * image)
        assert cycling.sees_objects(told, seen) == (finds_bright == bright)
    assert not cycling.sees_objects(SimpleNamespace(device=CPU, mask_of=lambda image: 0 * image - 1), seen)


@pytest.mark.parametrize("right", [1, 2, None])
def test_a_cycle_that_takes_what_is_around_objects_for_them_is_thrown_away(tmp_path, monkeypatch, right):
    asked = []
    monkeypatch.setattr(cycling, "sees_objects", lambda made, seen: asked.append(made) or len(asked) == right)
    image = np.clip(drawn(FieldLook(NucleiParams(14)), (80, 96), seed=1)[0], 0, 1)
    job = CycledJob((image,), tmp_path, CLASSES, settings=TINY)
    if right is None:
        with pytest.raises(
            InputError, match="In 3 trainings the networks took what is around nuclei for nuclei"
        ):
            job.run(Control(), LoadedModels())
        assert not job.done
        return
    notes = job.run(Control(), LoadedModels()).notes
    assert len(asked) == right
    assert len({one.settings.seed for one in asked}) == right
    assert any("1 of 2 trainings" in note for note in notes) == (right == 2)


def test_images_without_labels_become_a_segmenter(tmp_path, monkeypatch):
    monkeypatch.setattr(cycling, "sees_objects", lambda training, seen: True)  # two steps learn nothing
    image = np.clip(drawn(FieldLook(NucleiParams(14)), (80, 96), seed=1)[0], 0, 1)
    job = CycledJob((image,), tmp_path, CLASSES, settings=TINY)
    events, learned = [], []
    real = cycling.train_segmenter

    def recorded(task, settings, fields, *rest):
        learned.extend(fields)
        real(task, settings, fields, *rest)

    monkeypatch.setattr(cycling, "train_segmenter", recorded)
    made = job.run(Control(emit=events.append), LoadedModels())
    # Beside each image that was made one that was drawn.
    drawn_too = [field_like(seen_in(job, None, None, Control()), number, 0) for number in range(2)]
    assert len(learned) % 2 == 0
    for found, wanted in zip(learned[1::2], drawn_too, strict=False):
        np.testing.assert_array_equal(found.image, wanted.image)
    assert not np.array_equal(learned[0].image, learned[1].image)
    names = [event.name for event in events if isinstance(event, SyntheticPair)]
    assert names == ["made, blurred", "as it is", "made real"]
    assert job.done
    assert job.run(Control(), LoadedModels()) == made
    assert any("come back with Dice" in note for note in made.notes)
    assert "on no label of a person" in LoadedModels().segmenter(str(made.path)).card.description


def test_patches_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="multiple of 4"):
        CycledSettings(cycle_patch=34)
