"""A run that was written part by part becomes a file with provenance, in the place of an earlier one or of none."""

from __future__ import annotations

import numpy as np
import pytest
from run_reports import run_report

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.formats import format_named
from napari_pseudolabel.imaging import Placement, read_labels
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.slides.completing import complete, unfinished
from napari_pseudolabel.slides.slide_store import SlideStore
from napari_pseudolabel.slides.slide_summary import summary
from napari_pseudolabel.strategies import PseudoLabel, Region

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="cell", value=1))
PLACED = Placement((0.5, 0.5), (0, 0), units=("um", "um"), axis_labels=("y", "x"))


def run(target, label):
    """Label all but the last row."""
    store = SlideStore.create(
        unfinished(target), (30, 40), PLACED, classes=CLASSES, kind="labels", identity={}, known={}
    )
    region = Region(0, 0, 29, 40)
    labels = np.full((1, 29, 40), label, np.uint8)
    sure = np.full((1, 29, 40), 0.5, np.float32)
    store.add(
        PseudoLabel(labels, sure, None, None, CLASSES, region, ((),), run_report(), made_of=(region, 0))
    )
    return complete(
        store,
        target,
        format_named("ome-zarr"),
        placement=PLACED,
        provenance=run_report().provenance(),
        found=summary(store),
    )


def test_an_earlier_result_is_replaced_and_what_is_not_labelled_is_named(tmp_path):
    target = tmp_path / "a.ome.zarr"
    run(target, 0)
    files = run(target, 1)
    assert [file.name for file in files] == ["a.ome.zarr", "a.provenance.json"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.ome.zarr", "a.provenance.json"]
    found = np.asarray(read_labels(target).data)
    assert (found[:29] == 1).all()
    assert (found[29] == 255).all()
    known = read_sidecar(target)
    assert known.not_labelled == 255
    assert known.share_labelled == pytest.approx(29 / 30)


def test_a_folder_of_somebody_else_stays_and_so_does_the_run(tmp_path):
    target = tmp_path / "a.ome.zarr"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="was not exported here"):
        run(target, 1)
    assert (target / "mine.txt").read_text() == "mine"
    assert (unfinished(target) / "parts.jsonl").read_text()
