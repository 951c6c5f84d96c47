"""Every recorded prediction of nnU-Net itself is reproduced at the stated tolerance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_pseudolabel.models.segmenters import nnunet

CASE = Path(__file__).parents[3].parent / "shared" / "golden" / "nnunet_plain_small"
pytestmark = pytest.mark.skipif(not CASE.is_dir(), reason="the conformance cases (../shared) are not here")
PREDICTIONS = json.loads((CASE / "case.json").read_text())["predictions"] if CASE.is_dir() else []


def picture(name: str) -> np.ndarray:
    return np.asarray(Image.open(CASE / name), dtype=np.float32)


def tag(prediction: dict) -> str:
    return prediction["image"] + prediction["tag"]


@pytest.fixture(scope="module")
def segmenters() -> dict[str, nnunet.NnunetSegmenter]:
    return {name: nnunet.load(CASE / "model", checkpoint=name) for name in ("final", "best")}


def test_the_raw_network(segmenters):
    x = torch.from_numpy(np.load(CASE / "expected" / "forward_input.npy"))
    with torch.no_grad():
        logits = segmenters["final"].network(0)(x)
    expected = np.load(CASE / "expected" / "forward_logits_fold_0.npy")
    assert logits.shape == expected.shape
    np.testing.assert_allclose(logits.numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("prediction", [p for p in PREDICTIONS if p["tag"] == ""], ids=tag)
def test_preprocessing(segmenters, prediction):
    image = picture(f"inputs/{prediction['inputs'][0]}")[None]
    data, box = segmenters["final"].preprocessing.forward(image, (1.0, 1.0))
    expected = np.load(CASE / "expected" / f"{prediction['image']}_preprocessed.npy")
    np.testing.assert_array_equal(data, expected.reshape(data.shape))
    assert [[box.y0, box.y1], [box.x0, box.x1]] == prediction["bbox_used_for_cropping"][1:]


@pytest.mark.parametrize("exact", [True, False], ids=["float16", "float32"])
@pytest.mark.parametrize("prediction", PREDICTIONS, ids=tag)
def test_predictions(segmenters, prediction, exact):
    arguments = prediction["predictor"]
    checkpoint = prediction["checkpoint"].removeprefix("checkpoint_").removesuffix(".pth")
    segmenter = segmenters[checkpoint]
    probabilities = segmenter.probabilities(
        picture(f"inputs/{prediction['inputs'][0]}")[None],
        spacing=(1.0, 1.0),
        mirror=arguments["use_mirroring"],
        exact=exact,
        tile_step_size=arguments["tile_step_size"],
        use_gaussian=arguments["use_gaussian"],
    )
    expected = np.load(CASE / "expected" / f"{tag(prediction)}_probabilities.npy")
    assert probabilities.shape == expected.reshape(probabilities.shape).shape
    assert probabilities.dtype == np.float32
    labels = segmenter.labels(probabilities)
    differing = np.count_nonzero(labels != picture(f"expected/{tag(prediction)}_seg.png"))
    np.testing.assert_allclose(
        probabilities, expected.reshape(probabilities.shape), atol=2e-3 if exact else 0.01
    )
    assert differing <= (10 if exact else 60 * labels.size / 78_000)
