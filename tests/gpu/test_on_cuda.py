"""What is computed on the GPU is what a CPU computes, and what does not fit there is computed all the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from disc_case import CARD, DISC
from syndiff_case import WITH_ATTENTION

from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.models.segmenters import nnunet
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import TileSettings, pick_device
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import SegmenterTraining
from napari_pseudolabel.training.translator.syndiff_settings import SMALL
from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining

ROUNDING = 1e-3
GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden"
RECORDED = sorted(path.parent for path in GOLDEN.glob("*/config.json"))
NNUNET = GOLDEN / "nnunet_plain_small"


def plane(height: int = 80, width: int = 70) -> np.ndarray:
    return np.random.default_rng(0).random((height, width), dtype=np.float32)


@pytest.mark.parametrize("mode", ["joint", "tiled"])
def test_a_translation_is_that_of_the_cpu(device, tiny_translator, mode):
    here = translate(
        load_translator(tiny_translator), plane(), mode=mode, settings=TileSettings(device="cpu")
    )
    there = translate(
        load_translator(tiny_translator), plane(), mode=mode, settings=TileSettings(device=device)
    )
    assert there.plan.device == pick_device(device)
    assert here.mean.std() > 0.01
    np.testing.assert_allclose(there.mean, here.mean, atol=ROUNDING)


def test_probabilities_are_those_of_the_cpu(device, tiny_segmenter):
    segmenter = load_segmenter(tiny_segmenter)
    here = segmenter.probabilities(plane(), settings=TileSettings(device="cpu"))
    there = segmenter.probabilities(plane(), settings=TileSettings(device=device))
    np.testing.assert_allclose(there, here, atol=ROUNDING)


@pytest.mark.skipif(not RECORDED, reason="the conformance cases in ../shared/golden are not here")
@pytest.mark.parametrize("folder", RECORDED, ids=lambda folder: folder.name)
def test_recorded_runs_are_repeated(device, folder):
    config = json.loads((folder / "config.json").read_text())
    steps = config["generator_config"]["num_timesteps"]

    def recorded(name: str) -> list[np.ndarray]:
        return [np.load(folder / f"step{s}_t{steps - 1 - s}_{name}.npy") for s in range(steps)]

    noise = syndiff.RecordedNoise(
        np.load(folder / "x_init_noise.npy"), recorded("latent_z"), recorded("posterior_noise")
    )
    translator = load_translator(folder / config["checkpoint"], card={"num_timesteps": steps}).to(device)
    output = translator.sample(np.load(folder / "source.npy"), noise=noise)
    np.testing.assert_allclose(output, np.load(folder / "output.npy"), atol=1e-3, rtol=0)


@pytest.mark.skipif(not NNUNET.is_dir(), reason="the conformance cases in ../shared/golden are not here")
def test_recorded_logits_are_repeated(device):
    network = nnunet.load(NNUNET / "model").network(0).to(device)
    x = torch.from_numpy(np.load(NNUNET / "expected" / "forward_input.npy")).to(device)
    with torch.no_grad():
        logits = network(x).cpu().numpy()
    expected = np.load(NNUNET / "expected" / "forward_logits_fold_0.npy")
    np.testing.assert_allclose(logits, expected, atol=1e-3, rtol=0)


def test_a_translation_that_does_not_fit_goes_to_the_cpu_and_says_so(device, tiny_translator):
    if not device.startswith("cuda"):
        pytest.skip("only CUDA takes a limit")
    there = pick_device(device)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-7, there)  # not even the weights
    try:
        found = translate(
            load_translator(tiny_translator), plane(), settings=TileSettings(device=device, tile=64)
        )
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, there)
    assert found.plan.device == torch.device("cpu")
    assert any("Out of memory" in note and "the CPU" in note for note in found.notes)
    here = translate(
        load_translator(tiny_translator), plane(), settings=TileSettings(device="cpu", tile=64, batch=1)
    )
    np.testing.assert_allclose(found.mean, here.mean, atol=ROUNDING)


def test_a_translator_training_goes_on_where_it_was_saved(device, tmp_path):
    settings = replace(SMALL, batch=1, one_pass_width=4, critic_width=4, generator=WITH_ATTENTION)
    pools = PatchPool([plane()[None]]), PatchPool([1 - plane()[None]])
    run = SynDiffTraining(pools, settings, device=pick_device(device))
    before = [weight.detach().clone() for weight in run.averaged(1).parameters()]
    losses = [run.train_step() for _ in range(2)]
    assert all(np.isfinite(list(one.values())).all() for one in losses)
    assert {weight.device.type for weight in run.averaged(1).parameters()} == {pick_device(device).type}
    assert any(not torch.equal(a, b) for a, b in zip(before, run.averaged(1).parameters(), strict=True))
    run.save(tmp_path / "training.pt")
    again = SynDiffTraining(pools, settings)
    assert again.resume(tmp_path / "training.pt")
    assert again.step == 2
    for kept, found in zip(run.averaged(1).parameters(), again.averaged(1).parameters(), strict=True):
        assert torch.equal(kept.cpu(), found)
    assert np.isfinite(list(again.train_step().values())).all()


def test_a_segmenter_learns(device, disc_image, tmp_path):
    image, labels = disc_image((64, 64), 0)
    known = LabelledPlane("discs", image.astype(np.float32) / 255, labels * DISC)
    settings = SegmenterSettings(steps=30, batch=4, patch=32, lr=1e-2, validate_every=30)
    run = SegmenterTraining([known], [known], CARD, settings, device=pick_device(device))
    untrained = run.validate().mean
    assert run.run(tmp_path).mean > max(0.5, untrained)
