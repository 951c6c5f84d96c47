"""Our own segmenter: file, card, tiles."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, CheckpointError, InputError
from napari_pseudolabel.imaging import IntensityRange
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.cards import Card, LabelClass, Normalisation
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.tiling import TileSettings

CLASSES = tuple(LabelClass(name=n, value=v) for n, v in [("background", 0), ("myelin", 1), ("axon", 5)])
CARD = Card(
    kind="segmenter",
    family="monai-unet",
    name="tiny",
    architecture={"filters": [4, 8, 8], "tile": 64},
    classes=CLASSES,
)
SMALL = TileSettings(tile=32, overlap=8, batch=3, device="cpu")


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(3)
    return monai_unet.build(CARD).eval()


@pytest.fixture
def segmenter(network) -> monai_unet.MonaiSegmenter:
    return monai_unet.MonaiSegmenter(CARD, "none", network)


def picture(height=70, width=90) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (1000 + 400 * np.sin(y / 5) * np.cos(x / 7)).astype(np.float32)


@pytest.mark.parametrize("half", [False, True])
def test_round_trip(tmp_path, network, half):
    path = tmp_path / "tiny.safetensors"
    monai_unet.save(network, CARD, path, half=half)
    loaded = load_segmenter(path)
    assert isinstance(loaded, Segmenter)
    assert loaded.classes == CLASSES
    assert loaded.card.name == "tiny"
    assert loaded.card.architecture["in_channels"] == 1, "defaults are spelled out"
    assert "source.pixel_size_um" in loaded.card.missing
    x = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        difference = (loaded.network(x) - network(x)).abs().max()
    assert difference == 0 if not half else 0 < difference < 0.05
    with safe_open(path, "np") as file:
        assert json.loads(file.metadata()["card"])["classes"][2]["value"] == 5
    assert not list(tmp_path.glob(".*")), "no temporary file is left"


def test_the_given_card_wins_over_the_header(tmp_path, network):
    path = tmp_path / "tiny.safetensors"
    monai_unet.save(network, CARD, path)
    card = {"name": "mine", "source": {"name": "TEM", "pixel_size_um": 0.02}}
    loaded = load_segmenter(path, card)
    assert (loaded.card.name, loaded.card.source.name, loaded.card.missing) == ("mine", "TEM", ())


def test_the_default_network_fits_ten_megabytes():
    card = CARD.model_copy(update={"architecture": {}})
    size = 2 * sum(p.numel() for p in monai_unet.build(card).parameters())
    assert size < 10e6


def test_probabilities_and_labels(segmenter):
    probabilities = segmenter.probabilities(picture(), settings=SMALL)
    assert probabilities.shape == (3, 70, 90)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(0), 1, atol=1e-5)
    labels = segmenter.labels(probabilities)
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 1, 5}
    np.testing.assert_array_equal(labels == 5, probabilities.argmax(0) == 2)


def test_batch_and_units_do_not_change_the_answer(segmenter):
    expected = segmenter.probabilities(picture(), settings=SMALL)
    one = segmenter.probabilities(picture(), settings=TileSettings(tile=32, overlap=8, batch=1, device="cpu"))
    np.testing.assert_allclose(one, expected, atol=1e-5)
    scaled = segmenter.probabilities(picture() * 7 - 300, settings=SMALL)
    np.testing.assert_allclose(scaled, expected, atol=1e-3)


def test_limits_replace_those_of_the_image(segmenter):
    image = picture()
    part = segmenter.probabilities(image[:, :40], settings=SMALL, part=of_limits(IntensityRange(600, 1400)))
    own = segmenter.probabilities(image[:, :40], settings=SMALL)
    ranged = Card(**{**CARD.model_dump(), "normalisation": Normalisation(kind="range", low=600, high=1400)})
    fixed = monai_unet.MonaiSegmenter(ranged, "x", segmenter.network).probabilities(
        image[:, :40], settings=SMALL
    )
    np.testing.assert_array_equal(part, fixed)
    assert np.abs(part - own).max() > 1e-4


@pytest.mark.parametrize("shape", [(50, 90), (300, 700)])
def test_planes_get_whole_tiles_however_small_they_are(shape):
    # It normalises over its tile: smaller ones cost translated images .05 to .1 of F1 (docs/benchmarks.md).
    found = load_segmenter("sample:sem-axons").layout.grid(shape, TileSettings(device="cpu"), None)
    assert found.tile == (256, 256)


def test_mirroring_is_equivariant(segmenter):
    image = picture(64, 64)
    settings = TileSettings(tile=64, overlap=0, device="cpu")
    straight = segmenter.probabilities(image, settings=settings, mirror=True)
    flipped = segmenter.probabilities(image[:, ::-1], settings=settings, mirror=True)
    np.testing.assert_allclose(flipped[:, :, ::-1], straight, atol=1e-4)
    plain = segmenter.probabilities(image, settings=settings)
    assert np.abs(plain - straight).max() > 1e-4


def test_nan_and_constant_images_give_finite_answers(segmenter):
    image = picture()
    image[10:20, 10:20] = np.nan
    for odd in (image, np.full((40, 33), 7.0), np.zeros((1, 5, 3))):
        assert np.isfinite(segmenter.probabilities(odd, settings=SMALL)).all()


def test_cancel_and_progress(segmenter):
    reports = []
    segmenter.probabilities(picture(), settings=SMALL, control=Control(report=reports.append))
    assert reports[-1].done == reports[-1].total > 1
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        segmenter.probabilities(picture(), settings=SMALL, control=Control(cancelled=lambda: next(asked)))


def test_wrong_images(segmenter):
    with pytest.raises(InputError, match=r"2 channels.* trained on 1"):
        segmenter.probabilities(np.zeros((2, 32, 32)))
    with pytest.raises(InputError, match="shape"):
        segmenter.probabilities(np.zeros((1, 1, 32, 32)))


def test_bad_files_and_cards(tmp_path, network):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(CheckpointError, match="no card"):
        load_segmenter(path)
    save_file({"a": torch.zeros(1)}, path, {"card": CARD.model_dump_json()})
    with pytest.raises(CheckpointError, match=r"lacks input_block.* and \d+ more; it has a, which"):
        load_segmenter(path)
    monai_unet.save(network, CARD, path)
    with pytest.raises(CheckpointError, match=r"weight is .* instead of"):
        load_segmenter(path, {"architecture": {"filters": [4, 8, 12]}})
    with pytest.raises(CheckpointError, match="architecture is wrong at filters"):
        load_segmenter(path, {"architecture": {"filters": "many"}})
    with pytest.raises(CheckpointError, match="kind"):
        load_segmenter(path, {"kind": "translator"})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="incomplete or damaged"):
        load_segmenter(path)


def test_diverged_weights_are_not_saved(tmp_path):
    network = monai_unet.build(CARD)
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(CheckpointError, match="not finite"):
        monai_unet.save(network, CARD, tmp_path / "n.safetensors")
    assert not list(tmp_path.iterdir())
