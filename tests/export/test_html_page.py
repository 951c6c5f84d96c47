"""The page of an image: what it shows is what was exported, and nothing in it is fetched or runs."""

from __future__ import annotations

import re
from base64 import b64decode

import imagecodecs
import numpy as np
import pytest

from napari_pseudolabel.exporting import ExportContent, export, read_sidecar
from napari_pseudolabel.imaging import Placement, from_array
from napari_pseudolabel.labels.classes import AXON_CLASSES

PROVENANCE = {
    "strategy": "adaptation",
    "models": [{"role": "segmenter", "name": "<script>axons", "sha256": "ab", "family": "nnunet"}],
    "spot_checks": [{"begun": "2026-12-01", "sentence": "Precision .93", "void": False}],
}


def rings(size=(40, 60)):
    labels = np.zeros(size, np.uint8)
    for column in (15, 44):
        away = np.hypot(*(np.indices(size) - np.reshape((20, column), (2, 1, 1))))
        labels[away < 12] = 1
        labels[away < 6] = 2
    return labels


def pictures(page):
    return [
        imagecodecs.png_decode(b64decode(one)) for one in re.findall(r"data:image/png;base64,([^\"]+)", page)
    ]


def test_a_page_shows_and_says_what_was_exported(tmp_path):
    labels, known = rings(), np.ones((40, 60), bool)
    known[:, 30:] = False
    placement = Placement.identity(2).with_pixel_size_um(0.5)
    image = from_array(np.linspace(50, 200, labels.size).reshape(labels.shape), name="a & b.tif")
    sure = np.where(labels > 0, 0.6, 0.95).astype(np.float32)
    path, *_ = export(
        tmp_path / "a.html",
        labels,
        classes=AXON_CLASSES,
        placement=placement,
        provenance=PROVENANCE,
        labelled=known,
        confidence=sure,
        source=image,
    )
    page = path.read_text(encoding="utf-8")
    for told in (
        "a &amp; b.tif",
        "1 axon (1 group of myelin)",
        "50.0% of the pixels",
        "Precision .93",
        "nnU-Net",
        "adaptation",
    ):
        assert told in page, told
    measures = ExportContent(labels, AXON_CLASSES, placement, {}, labelled=known).measured()
    assert f"{measures.totals[0]['gratio_aggr']:.4g}" in page
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    outlined, plain = (one.astype(int) for one in pictures(page))
    assert outlined.shape == plain.shape == (40, 60, 3)
    grey = np.ptp(outlined, axis=2) == 0
    assert not grey[:, :30].all()
    assert grey[:, 30:].all()  # nothing is outlined where nothing is labelled
    assert (outlined[:, 30:] < plain[:, 30:]).all()
    np.testing.assert_array_equal(outlined[:, :2], plain[:, :2])
    assert read_sidecar(path).strategy == "adaptation"


@pytest.mark.parametrize(
    "labels", [np.zeros((2, 8, 8), np.uint8), np.arange(2 * 30 * 30).reshape(2, 30, 30) // 60]
)
def test_a_page_of_nothing_of_a_stack_and_of_numbers(tmp_path, labels):
    path, *_ = export(tmp_path / "a.html", labels, classes=(), placement=Placement.identity(3), provenance={})
    page = path.read_text(encoding="utf-8")
    assert "plane 1 of a stack" in page
    assert "Nobody has said" in page
    (outlined,) = pictures(page)
    assert outlined.any() == bool(labels.any())
