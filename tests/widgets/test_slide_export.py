"""Labels of a large image leave the Export dock as one OME-Zarr, with what a person decided in its regions."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from run_reports import run_report
from scripted_engine import CLASSES

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled
from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.formats import format_named
from napari_pseudolabel.imaging import Placement, read, read_labels
from napari_pseudolabel.slides.slide_store import SlideStore
from napari_pseudolabel.strategies import PseudoLabel, Region
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.image_layers import image_of
from napari_pseudolabel.viewer.records import record_of
from napari_pseudolabel.viewer.slide_exporting import slide_content_of
from napari_pseudolabel.viewer.slide_layers import SlideStream, is_growing, open_region, slide_layer
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.export.controller import ExportController
from napari_pseudolabel.widgets.export.view import ExportView

SHAPE = (1300, 1100)
REST = 255


class Run:
    """Stands for `SlideRun` with a store that is there."""

    def __init__(self, store):
        self.store = store


@pytest.fixture
def store(tmp_path):
    made = SlideStore.create(
        tmp_path / "slide", SHAPE, Placement.identity(2, "YX"), classes=CLASSES, kind="labels", identity={}, known={}
    )  # fmt: skip
    yield made
    made.close()


@pytest.fixture
def source(viewer):
    viewer.layers.clear()
    return viewer.add_image(np.zeros(SHAPE, np.uint8), name="slide", scale=(0.5, 0.5), units=("um", "um"))


def streamed(viewer, source, store):
    """Label the upper part."""
    region = Region(0, 0, 700, 1100)
    stream = SlideStream(viewer, source, image_of(source), Run(store))
    labels = np.ones((1, *region.shape), np.uint8)
    sure = np.full(labels.shape, 0.75, np.float32)
    one = PseudoLabel(labels, sure, None, None, CLASSES, region, ((),), run_report(), made_of=(region, 0))
    store.add(one)
    stream.add(one)
    return stream


@pytest.fixture
def corrected(viewer, source, store):
    """Labels of the upper part, of which one pixel was corrected and a square confirmed; not brought to the disk yet."""
    streamed(viewer, source, store).finish()
    opened = open_region(viewer, source, image_of(source), Region(600, 100, 800, 250), ())
    opened.labels.data_setitem((np.array([150]), np.array([149])), 2)
    Corrections.of(opened.labels).confirm((), (slice(20, 30), slice(20, 30)))
    return slide_layer(viewer, source)


@pytest.fixture
def dock(qtbot, viewer, session, remembered):
    view = ExportView()
    qtbot.addWidget(view)
    controller = ExportController(viewer, view, runner=JobRunner(session), recent=remembered)
    controller.start()
    yield controller
    assert controller.shutdown()


def choose(dock, viewer, layer, path, name="ome-zarr"):
    viewer.layers.selection.active = layer
    dock.view._format.setCurrentIndex(dock.view._format.findData(name))
    dock.view.path.setText(str(path))


def test_all_of_the_image_is_written_with_what_was_decided(viewer, corrected, dock, tmp_path, qtbot):
    target = tmp_path / "a.ome.zarr"
    choose(dock, viewer, corrected, target)
    assert dock.view.hint == ""
    assert not dock.view.effort.isEnabled()
    dock.view.confidence.setChecked(True)
    dock.view.export_button.click()
    qtbot.waitUntil(lambda: "Wrote" in dock.view.status, timeout=20000)
    assert "Only 53.8% of the image is labelled." in dock.view.notes
    found = np.asarray(read_labels(target).data)
    expected = np.full(SHAPE, REST, np.uint8)
    expected[:700] = 1
    expected[750, 249] = 2
    np.testing.assert_array_equal(found, expected)
    known = read_sidecar(target)
    assert known.not_labelled == REST
    assert known.share_labelled == pytest.approx((700 * 1100 + 1) / (1300 * 1100))
    assert known.share_corrected == pytest.approx(1 / (1300 * 1100))
    assert known.share_confirmed == pytest.approx(100 / (1300 * 1100))
    assert [model.name for model in known.models] == [
        one["name"] for one in run_report().provenance()["models"]
    ]
    assert read(target).placement.pixel_size_um() == pytest.approx(0.5)
    sure = np.asarray(read(target / "confidence").data)
    assert np.nanmax(sure) == pytest.approx(0.75, abs=0.01)
    assert np.isnan(sure[700:]).all()
    assert not [one for one in tmp_path.iterdir() if one.name.startswith(".") and one.is_dir()]


def test_objects_are_numbered_as_they_were_corrected(viewer, corrected, tmp_path):
    from dataclasses import replace

    from napari_pseudolabel.formats.ome_zarr import OmeZarrOptions
    from napari_pseudolabel.viewer.slide_exporting import decided_now

    for one in decided_now(viewer, corrected):
        one.write()
    chosen = replace(format_named("ome-zarr"), options=OmeZarrOptions(instances=True))
    slide_content_of(viewer, corrected).write(tmp_path / "a.ome.zarr", chosen)
    numbers = np.asarray(read_labels(tmp_path / "a.ome.zarr" / "instances").data)
    assert numbers[750, 249] > 0
    assert numbers[751:].max() == 0, "what is not labelled is no object"
    assert numbers[750, 249] != numbers[0, 0]


def test_formats_of_one_piece_say_which_can_hold_it(viewer, corrected, dock, tmp_path):
    for name in ("ome-tiff", "png"):
        choose(dock, viewer, corrected, tmp_path / "a", name)
        assert "written in one piece" in dock.view.hint
        assert "choose OME-Zarr" in dock.view.hint


def test_while_a_run_goes_on_nothing_is_written(viewer, source, store, dock, tmp_path):
    stream = streamed(viewer, source, store)
    layer = slide_layer(viewer, source)
    choose(dock, viewer, layer, tmp_path / "a.ome.zarr")
    dock.view.export_button.click()
    assert "is being labelled at this moment" in dock.view.error.sentence
    assert not (tmp_path / "a.ome.zarr").exists()
    stream.finish()
    assert not is_growing(layer)


def test_a_cancelled_export_leaves_what_was_there(viewer, corrected, tmp_path):
    target = tmp_path / "a.ome.zarr"
    content = slide_content_of(viewer, corrected)
    content.write(target, format_named("ome-zarr"))
    before = sorted(one.name for one in tmp_path.iterdir())
    asked = threading.Event()
    control = Control(report=lambda progress: asked.set() if progress.done else None, cancelled=asked.is_set)
    with pytest.raises(Cancelled):
        content.write(target, format_named("ome-zarr"), control=control)
    assert sorted(one.name for one in tmp_path.iterdir()) == before
    assert (np.asarray(read_labels(target).data)[:700] == 1).all()


def test_a_class_that_was_added_to_a_region_is_named(viewer, source, corrected, store, tmp_path):
    from napari_pseudolabel.models.cards import LabelClass
    from napari_pseudolabel.viewer.records import write_classes
    from napari_pseudolabel.viewer.slide_layers import region_of

    (region,) = [one for one in viewer.layers if region_of(viewer, one)]
    write_classes(region, (*CLASSES, LabelClass(name="nerve", value=9)))
    named = {one.value: one.name for one in slide_content_of(viewer, corrected).classes}
    assert named[9] == "nerve"


def test_runs_of_an_earlier_session_are_in_the_provenance(viewer, source, store):
    streamed(viewer, source, store).finish()
    viewer.layers.remove(slide_layer(viewer, source))
    streamed(viewer, source, store)  # not ended, as by a kill
    runs = record_of(slide_layer(viewer, source))["runs"]
    assert len(runs) == 1, "the same run that goes on is one"
    store.note_runs([{**runs[0], "seed": 77}])
    viewer.layers.remove(slide_layer(viewer, source))
    streamed(viewer, source, store).finish()
    assert [
        run["seed"] for run in slide_content_of(viewer, slide_layer(viewer, source)).provenance["runs"]
    ] == [
        77,
        runs[0]["seed"],
    ]
