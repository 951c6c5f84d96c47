"""Numbered objects of a large image go on where their export stopped, with the numbers of one that was not stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import zarr
from run_reports import run_report

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.formats import format_named
from napari_pseudolabel.formats.ome_zarr import OmeZarrOptions
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.slides import numbered_slide
from napari_pseudolabel.slides.numbering_journal import PlaneLog
from napari_pseudolabel.slides.slide_export import SlideContent, stopped_words
from napari_pseudolabel.slides.slide_store import SlideStore
from napari_pseudolabel.strategies import PseudoLabel, Region

SHAPE = (300, 260)
NAMES = ("background", "myelin", "axon", "nucleus")
CLASSES = tuple(LabelClass(name=name, value=value) for value, name in enumerate(NAMES))
PLACEMENT = Placement.identity(2, "YX")
NUMBERED = replace(format_named("ome-zarr"), options=OmeZarrOptions(instances=True))
# Of a block: to look at it, to write it, to share out the sheaths in it; there are 12.
UNITS = (2, 1, 4)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of which a small image has several."""
    number = numbered_slide.number_objects
    monkeypatch.setattr(numbered_slide, "number_objects", lambda *a, **k: number(*a, **k, side=96))


@pytest.fixture
def labels():
    """Axons whose sheaths touch, and nuclei that touch, over the edges of blocks."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    plane = np.zeros(SHAPE, np.uint8)
    for cy, cx, radius in random.random((70, 3)) * (*SHAPE, 12) + (0, 0, 4):
        away = np.hypot(y - cy, x - cx)
        plane[(away < radius + 5) & (plane == 0)] = 1
        plane[away < radius] = 2
    for cy, cx in random.random((30, 2)) * SHAPE:
        plane[np.hypot(y - cy, x - cx) < 9] = 3
    return plane


@pytest.fixture
def store(tmp_path, labels):
    made = SlideStore.create(
        tmp_path / "slide", SHAPE, PLACEMENT, classes=CLASSES, kind="labels", identity={}, known={}
    )
    region, sure = Region(0, 0, *SHAPE), np.ones((1, *SHAPE), np.float32)
    made.add(
        PseudoLabel(labels[None], sure, None, None, CLASSES, region, ((),), run_report(), made_of=(region, 0))
    )
    yield made
    made.close()


@pytest.fixture
def content(store):
    return SlideContent(store.folder, SHAPE, CLASSES, PLACEMENT, run_report().provenance())


@pytest.fixture
def written(monkeypatch):
    """Which blocks are written, in which step."""
    found = []
    note = PlaneLog.note

    def noted(self, step, window, number, values):
        found.append((step, window[0].start, window[1].start))
        note(self, step, window, number, values)

    monkeypatch.setattr(PlaneLog, "note", noted)
    return found


def numbers_of(target):
    return np.asarray(zarr.open_group(str(target), mode="r")["instances/0"])


def stopped_at(units):
    """A control that ends the numbering after so many units."""
    heard = [0]

    def report(progress):
        if progress.stage == "Numbering the objects":
            heard.append(progress.done)

    return Control(report=report, cancelled=lambda: heard[-1] >= units)


@pytest.mark.parametrize("blocks", [(12, 7, 0), (12, 12, 5)])
def test_numbers_go_on_where_they_stopped(content, labels, tmp_path, written, blocks):
    content.write(tmp_path / "whole.ome.zarr", NUMBERED)
    whole, all_of_it = numbers_of(tmp_path / "whole.ome.zarr"), [*written]
    pairs = np.unique(np.stack([whole.ravel(), to_instances(labels, scheme_for(CLASSES)).ravel()]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1] == whole.max() + 1
    target = tmp_path / "a.ome.zarr"
    written.clear()
    with pytest.raises(Cancelled):
        content.write(
            target, NUMBERED, control=stopped_at(sum(a * b for a, b in zip(blocks, UNITS, strict=True)))
        )
    assert not target.exists()
    assert "a.ome.zarr.part" in stopped_words(target)
    done = len(written)
    assert done == sum(blocks[1:])
    content.write(target, NUMBERED)
    # The last one may have been there in part.
    assert written[done:] == all_of_it[max(done - 1, 0) :]
    np.testing.assert_array_equal(numbers_of(target), whole)
    assert not stopped_words(target)
    assert sorted(one.name for one in target.iterdir() if one.is_file()) == ["zarr.json"]


@pytest.mark.parametrize("changed", ["labels", "numbers"])
def test_numbers_begin_anew_where_something_else_is_there(content, store, labels, tmp_path, written, changed):
    target = tmp_path / "a.ome.zarr"
    with pytest.raises(Cancelled):
        content.write(target, NUMBERED, control=stopped_at(12 * 2 + 7))
    if changed == "labels":
        window = slice(0, 40), slice(0, 40)
        store.correct((), window, np.full((40, 40), 2), np.ones((40, 40), np.uint8))
        labels[window] = 2
    else:
        zarr.open_group(str(tmp_path / "a.ome.zarr.part"), mode="r+")["instances/0"][0:2, 0:2] = 99
    written.clear()
    content.write(target, NUMBERED)
    assert written[0] == ("numbered", 0, 0)
    found = numbers_of(target)
    assert len(np.unique(found)) == found.max() + 1 == to_instances(labels, scheme_for(CLASSES)).max() + 1


def test_a_folder_of_somebody_else_is_left_alone(content, tmp_path):
    other = tmp_path / "a.ome.zarr.part"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"mine\.txt, which was not made by an export"):
        content.write(tmp_path / "a.ome.zarr", NUMBERED)
    assert (other / "mine.txt").read_text() == "mine"
