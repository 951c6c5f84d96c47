"""A segmenter leaves as a BioImage.IO package that its own library accepts, and comes back as the same."""

from __future__ import annotations

import numpy as np
import pytest
from families import SEGMENTERS

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.cards import LabelClass, Normalisation
from napari_pseudolabel.models.families import FAMILIES, why_not_packed
from napari_pseudolabel.models.segmenters.bioimageio.package_writing import write_package
from napari_pseudolabel.tiling import TileSettings

SETTINGS = TileSettings(device="cpu")

pytestmark = pytest.mark.usefixtures("one_process")


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    """Of classes whose values are not their places, which a description cannot say."""
    found = load_segmenter(SEGMENTERS["monai-unet"](tmp_path_factory.mktemp("model")))
    classes = tuple(LabelClass(name=one.name, value=7 * one.value) for one in found.card.classes)
    card = found.card.model_copy(
        update={"classes": classes, "licence": "MIT", "name": "Ours (µ)", "citation": ("Us, 2026",)}
    )
    return type(found)(card, found.sha256, found.network)


@pytest.mark.parametrize("normalisation", [Normalisation(), Normalisation(kind="range", low=10, high=200)])
def test_what_comes_back_labels_as_the_model_does(tmp_path, segmenter, normalisation):
    card = segmenter.card.model_copy(update={"normalisation": normalisation})
    model = type(segmenter)(card, segmenter.sha256, segmenter.network)
    image = np.random.default_rng(1).gamma(2, 40, (150, 210)).astype(np.float32)
    notes = write_package(model, path := tmp_path / "ours.zip", image=image, authors=["A. Person"])
    assert not any("licence" in one for one in notes)
    again = load_segmenter(path)
    assert (again.classes, again.card.source, again.card.quality) == (card.classes, card.source, card.quality)
    assert again.card.citation == card.citation
    assert again.layout == model.layout
    # Of several tiles, not only the one that was tested when it was written.
    expected, found = (one.probabilities(image, settings=SETTINGS) for one in (model, again))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    if normalisation.kind == "percentile":
        import bioimageio.core  # takes seconds: not while tests are collected
        from bioimageio.spec import load_description

        summary = bioimageio.core.test_model(load_description(path), weight_format="onnx")
        assert summary.status == "passed", summary.format()


def test_what_cannot_be_packed_says_so_and_leaves_nothing(tmp_path, segmenter):
    with pytest.raises(InputError, match="who made"):
        write_package(segmenter, tmp_path / "ours.zip")
    with pytest.raises(InputError, match="at least"):
        write_package(segmenter, tmp_path / "ours.zip", image=np.zeros((8, 900)), authors=["A"])
    with pytest.raises(InputError, match=r"\.zip"):
        write_package(segmenter, tmp_path / "ours.onnx", authors=["A"])
    others = [one.name for one in FAMILIES if one.kind == "segmenter" and not one.packs]
    assert others
    for family in others:
        assert family in why_not_packed("segmenter", family)
    card = segmenter.card.model_copy(update={"family": others[0]})
    foreign = type(segmenter)(card, "", segmenter.network)
    with pytest.raises(CheckpointError, match=others[0]):
        write_package(foreign, tmp_path / "ours.zip", authors=["A"])
    assert not [*tmp_path.iterdir()]
