"""Large images in the dock: labels go to the disk, are shown while they arrive, and are corrected region by region."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from run_reports import run_report
from scripted_engine import CLASSES

from napari_pseudolabel.imaging import Intensities, Need, Placement, measure
from napari_pseudolabel.slides.slide_store import SlideStore
from napari_pseudolabel.strategies import PseudoLabel, Region
from napari_pseudolabel.viewer import Corrections, find_layer, slide_layers
from napari_pseudolabel.viewer.image_layers import PART_OF_KEY, image_of
from napari_pseudolabel.viewer.records import source_layer
from napari_pseudolabel.viewer.slide_layers import (
    Decisions,
    SlideStream,
    know_whole,
    open_region,
    region_of,
    slide_layer,
    store_of,
)

SHAPE = (1300, 1100)


class Run:
    """Stands for `SlideRun` with a store that is there."""

    def __init__(self, store):
        self.store = store


@pytest.fixture
def store(tmp_path):
    made = SlideStore.create(
        tmp_path / "slide",
        SHAPE,
        Placement.identity(2, "YX"),
        classes=CLASSES,
        kind="labels",
        identity={},
        known={},
    )
    yield made
    made.close()


@pytest.fixture
def source(viewer):
    viewer.layers.clear()
    pixels = np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8)
    return viewer.add_image(
        pixels, name="slide", scale=(0.5, 0.5), rotate=30, translate=(7, -3), units=("um", "um")
    )


def part(region, label=1, sure=0.75):
    labels = np.full((1, *region.shape), label, np.uint8)
    confidence = np.full(labels.shape, sure, np.float32)
    return PseudoLabel(
        labels, confidence, None, None, CLASSES, region, ((),), run_report(), made_of=(region, 0)
    )


def arrived(store, stream, one):
    store.add(one)
    stream.add(one)


@pytest.fixture
def stream(viewer, source, store):
    made = SlideStream(viewer, source, image_of(source), Run(store))
    arrived(store, made, part(Region(0, 0, 700, 1100)))
    return made


def test_labels_are_shown_while_they_arrive(viewer, source, store, stream):
    layer = slide_layer(viewer, source)
    assert layer.multiscale
    assert not layer.editable
    assert store_of(layer) is store
    np.testing.assert_allclose(layer.scale, source.scale)
    np.testing.assert_allclose(layer.rotate, source.rotate)
    assert (layer.data[0][:700] == 1).all()
    assert (layer.data[0][700:] == store.rest).all(), "what has not arrived is no background"
    assert layer.colormap.map(np.array([store.rest]))[0, 3] == 0
    arrived(store, stream, part(Region(700, 0, 1300, 1100), label=2))
    assert (layer.data[0][700:] == 2).all()
    assert (layer.data[1][350:] == 2).all()
    stream.finish()
    assert find_layer(viewer, source, "labels") is None


def test_a_region_lies_where_it_lies_and_knows_what_was_predicted(viewer, source, store, stream):
    opened = open_region(viewer, source, image_of(source), Region(600, 100, 800, 250), ())
    layer = opened.labels
    assert layer.data.shape == (200, 150)
    np.testing.assert_allclose(
        layer.data_to_world((10, 20)), slide_layer(viewer, source).data_to_world((610, 120)), atol=1e-6
    )
    assert (layer.data[:100] == 1).all()
    corrections = Corrections.of(layer)
    assert corrections.labelled[:100].all()
    assert not corrections.labelled[100:].any(), "what no part has reached is not labelled"
    assert not corrections.touched.any()
    crop = next(one for one in viewer.layers if one.name == "slide [600:800, 100:250]")
    sure = find_layer(viewer, crop, "confidence").data
    assert np.nanmax(sure[:100]) == pytest.approx(0.75, abs=0.01)
    assert np.isnan(sure[100:]).all()
    np.testing.assert_array_equal(crop.data, source.data[600:800, 100:250])


def test_what_a_person_decides_is_written_back_and_no_run_overwrites_it(viewer, source, store, stream):
    region = Region(600, 100, 800, 250)
    opened = open_region(viewer, source, image_of(source), region, ())
    opened.labels.data_setitem((np.array([0, 150]), np.array([0, 149])), 2)
    corrections = Corrections.of(opened.labels)
    corrections.confirm((), (slice(20, 30), slice(20, 30)))
    Decisions.of(opened).write()
    arrived(store, stream, part(Region(0, 0, 1300, 1100), label=0))
    shown = slide_layer(viewer, source).data[0]
    assert shown[600, 100] == shown[750, 249] == 2
    assert (shown[620:630, 120:130] == 1).all()
    assert shown[600, 101] == 0
    # Taken back: what the run says is shown again.
    opened.labels.undo()
    Decisions.of(opened).write()
    assert shown[600, 100] == 0
    assert (shown[620:630, 120:130] == 1).all()


def test_a_region_that_is_opened_again_has_what_was_decided(viewer, source, store, stream):
    region = Region(600, 100, 800, 250)
    opened = open_region(viewer, source, image_of(source), region, ())
    opened.labels.data_setitem((np.array([5]), np.array([6])), 2)
    Corrections.of(opened.labels).confirm((), (slice(20, 30), slice(20, 30)))
    Decisions.of(opened).write()
    with pytest.raises(Exception, match="being corrected already"):
        open_region(viewer, source, image_of(source), Region(0, 0, 601, 101), ())
    viewer.layers.remove(opened.labels)
    again = open_region(viewer, source, image_of(source), Region(590, 90, 700, 200), ())
    corrections = Corrections.of(again.labels)
    assert again.labels.data[15, 16] == 2
    assert corrections.mask.sum() == 1
    assert corrections.mask[15, 16]
    assert corrections.confirmed[30:40, 30:40].all()
    assert corrections.confirmed.sum() == 100
    Decisions.of(again).write()
    assert store.flags_in((), region.window)[5, 6]


@pytest.mark.parametrize("need", [Need(), Need(moments=True), Need("range", 0, 9)])
def test_a_region_is_normalised_as_the_whole_image(viewer, source, store, stream, need):
    """Whatever learns from a region or predicts in it: its own intensities would be others, and nobody would see it."""
    source.data[600:800, 100:250] //= 4
    whole = image_of(source)
    opened = open_region(viewer, source, whole, Region(600, 100, 800, 250), ())
    crop = image_of(source_layer(viewer, opened.labels))
    assert crop.shape == (200, 150)
    assert measure(crop, (None,), need).channels == measure(whole, (None,), need).channels
    assert Intensities.of(crop).limits(need) == Intensities.of(whole).limits(need)


def test_a_region_that_came_back_knows_its_whole_again(viewer, source, store, stream):
    opened = open_region(viewer, source, image_of(source), Region(600, 100, 800, 250), ())
    crop = source_layer(viewer, opened.labels)
    del crop.metadata[PART_OF_KEY]
    know_whole(viewer, opened.labels)
    assert image_of(crop).part_of.image.shape == SHAPE
    assert (image_of(crop).part_of.y0, image_of(crop).part_of.x0) == (600, 100)


def test_too_large_a_region_is_one_sentence(viewer, source, store, stream, monkeypatch):
    monkeypatch.setattr(slide_layers, "MOST_REGION_PX", 100**2)
    with pytest.raises(Exception, match="zoom in until less than 100 x 100 pixels are in view"):
        open_region(viewer, source, image_of(source), Region(0, 0, 200, 200), ())


def test_a_run_on_a_large_image_in_the_dock(dock, viewer, script, qtbot, monkeypatch):
    """The scripted engine keeps nothing by itself: its parts are kept as a worker's are."""
    monkeypatch.setattr(slide_layers, "LARGE_PX", 100)
    answered = script.parts

    def kept(job, control):
        run = job.kept
        for one in answered(job, control):
            if run._store is None:
                run._store = SlideStore.create(
                    run.folder, job.image.shape, job.image.placement, classes=CLASSES, kind="labels",
                    identity={"models": []}, known={},
                )  # fmt: skip
            run.store.add(replace(one, made_of=(one.region, 0)))
            yield one

    script.parts = kept
    script.gate.set()
    view = dock.view
    assert view.region_button.isHidden()
    view.run_button.click()
    qtbot.waitUntil(lambda: not dock.busy, timeout=10000)
    source = viewer.layers["sem_12"]
    layer = slide_layer(viewer, source)
    assert layer is not None
    assert find_layer(viewer, source, "labels") is None
    assert "Correct what is in view" in view.status
    assert not view.region_button.isHidden()
    view.region_button.click()
    qtbot.waitUntil(lambda: any(region_of(viewer, one) for one in viewer.layers), timeout=10000)
    qtbot.waitUntil(view.region_button.isEnabled, timeout=10000)
    (painted,) = [one for one in viewer.layers if region_of(viewer, one)]
    painted.data_setitem((np.array([0]), np.array([0])), 2)
    qtbot.waitUntil(lambda: store_of(layer).flags_in((), (slice(0, 1), slice(0, 1)))[0, 0] > 0, timeout=10000)
    assert store_of(layer).shown((), (slice(0, 1), slice(0, 1)))[0, 0] == 2
