"""Everything that runs on a GPU runs on the device "meta", where a tensor made on the wrong device fails."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from disc_case import CARD, DISC
from families import SEGMENTERS, TRANSLATORS
from one_device import META, OneDevice, on_meta
from syndiff_case import WITH_ATTENTION

from napari_pseudolabel.models import load_segmenter, load_translator
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import TileSettings
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import SegmenterTraining
from napari_pseudolabel.training.translator.syndiff_settings import SMALL
from napari_pseudolabel.training.translator.syndiff_training import SynDiffTraining

pytestmark = pytest.mark.usefixtures("one_process")

SETTINGS = TileSettings(device="meta", tile=32, overlap=8, batch=3)
PLANE = np.random.default_rng(0).random((40, 50), dtype=np.float32)
DIFFUSIONS = ("syndiff", "zero-shot")
# Of what is no diffusion there is one way.
WAYS = (
    *((family, *way) for family in DIFFUSIONS for way in product(("tiled", "joint"), ("quality", "preview"))),
    *((family, "tiled", "quality") for family in TRANSLATORS if family not in DIFFUSIONS),
)


@pytest.mark.parametrize(("family", "mode", "evaluations"), WAYS)
def test_a_translation_stays_on_its_device(family, mode, evaluations, tmp_path, monkeypatch):
    translator = load_translator(TRANSLATORS[family](tmp_path))
    with on_meta(monkeypatch) as rules:
        found = translate(translator, PLANE, samples=2, mode=mode, evaluations=evaluations, settings=SETTINGS)
    assert found.plan.device == META
    assert found.mean.shape == PLANE.shape
    assert rules.computed > 5


@pytest.mark.parametrize(
    ("family", "mirror"),
    [("monai-unet", False), *((name, True) for name in SEGMENTERS if name != "torchscript")],
)
def test_probabilities_stay_on_their_device(family, mirror, tmp_path, monkeypatch):
    segmenter = load_segmenter(SEGMENTERS[family](tmp_path))
    with on_meta(monkeypatch) as rules:
        found = segmenter.probabilities(PLANE, settings=SETTINGS, mirror=mirror)
    assert found.shape[1:] == PLANE.shape
    assert rules.computed > 5


def test_a_tensor_on_the_wrong_device_fails():
    with OneDevice(), pytest.raises(AssertionError, match="cpu and meta"):
        torch.ones(3, device="meta") + torch.ones(3)
    with OneDevice(), pytest.raises(AssertionError, match="cpu and meta"):
        torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3, device="meta"), torch.ones(1, 1, 3, 3))


def translator_training(device: torch.device) -> SynDiffTraining:
    settings = replace(SMALL, batch=1, one_pass_width=4, critic_width=4, generator=WITH_ATTENTION)
    return SynDiffTraining((PatchPool([PLANE[None]]), PatchPool([1 - PLANE[None]])), settings, device=device)


def segmenter_training(device: torch.device) -> SegmenterTraining:
    known = LabelledPlane("discs", PLANE, (PLANE > 0.5).astype(np.uint8) * DISC)
    settings = SegmenterSettings(steps=2, batch=2, patch=32, validate_every=2)
    return SegmenterTraining([known], [known], CARD, settings, device=device)


@pytest.fixture
def autocast_on_meta(monkeypatch):
    """Autocast knows no device "meta": there it is that of a CPU, which asks the same of the code."""

    class Autocast(torch.autocast):
        def __init__(self, device_type: str, *arguments: object, **options: object) -> None:
            super().__init__("cpu" if device_type == "meta" else device_type, *arguments, **options)

    monkeypatch.setattr(torch, "autocast", Autocast)


@pytest.mark.usefixtures("autocast_on_meta")
@pytest.mark.parametrize("training", [translator_training, segmenter_training])
def test_a_training_stays_on_its_device(training):
    with OneDevice() as rules:
        run = training(META)
        run.train_step()
    assert rules.computed > 100


@pytest.mark.parametrize("training", [translator_training, segmenter_training])
def test_a_training_in_half_precision_is_nearly_that_in_whole(training):
    torch.manual_seed(0)
    whole, half = (training(torch.device("cpu")) for _ in range(2))
    assert not whole.autocast  # only GPUs gain by it
    half.autocast = True
    found = []
    for run in (whole, half):
        torch.manual_seed(0)
        loss = run.train_step()
        found.append([loss] if isinstance(loss, float) else list(loss.values()))
    np.testing.assert_allclose(found[1], found[0], atol=0.1, rtol=0.1)
    assert found[1] != found[0]
