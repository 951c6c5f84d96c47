"""What the file of an image says and napari's own reader did not ask: pixel size, axes, and what is white."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image as ImageLayer
from napari.layers._source import layer_source
from size_case import SIZED, SURE

from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.viewer import content_of, image_of
from napari_pseudolabel.viewer.exporting import said_pixel_size
from napari_pseudolabel.viewer.file_facts import FILE_KEY, FileFacts, note_file_facts, question_for
from napari_pseudolabel.viewer.known_size import KnownSize, known_size, note_size
from napari_pseudolabel.viewer.recording.plain import plain_metadata
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.export.controller import ExportController
from napari_pseudolabel.widgets.export.view import ExportView
from napari_pseudolabel.widgets.measures.controller import MeasureController
from napari_pseudolabel.widgets.measures.view import MeasureView
from napari_pseudolabel.widgets.pseudo_label import label_jobs

PIXELS = np.random.default_rng(0).integers(0, 200, (30, 40)).astype(np.uint8)


@pytest.fixture(autouse=True)
def models(script, monkeypatch):
    monkeypatch.setattr(label_jobs.FindModels, "run", lambda self, control, models: SIZED)


@pytest.fixture
def row(dock):
    box = dock.view.strategy
    box.setCurrentIndex(box.findData("segmentation"))
    return dock.view.size_row


def choose(dock, ref):
    box = dock.view.models["segmenter"]
    box.setCurrentIndex(box.findData(ref))


def shown(path, pixels=None):
    """Return a layer as napari's own reader makes it: the values as they are stored, and nothing else."""
    pixels = tifffile.imread(path) if pixels is None else pixels
    with layer_source(path=str(path)):
        return ImageLayer(pixels, name=path.stem, rgb=pixels.ndim == 3 and pixels.shape[-1] in (3, 4))


def opened(viewer, qtbot, path, data, **given):
    """Write a TIFF file, open it, and wait for what it says."""
    tifffile.imwrite(path, data, **given)
    layer = viewer.add_layer(shown(path))
    qtbot.waitUntil(lambda: FILE_KEY in layer.metadata, timeout=10000)
    return layer


def facts_of(path, pixels=None):
    return question_for(shown(path, pixels)).answer()


def test_the_pixel_size_of_the_file_is_used_and_can_be_changed(row, dock, viewer, tmp_path, qtbot):
    size = {"imagej": True, "resolution": (8, 8), "metadata": {"unit": "um"}}
    layer = opened(viewer, qtbot, tmp_path / "a.tif", PIXELS, **size)
    choose(dock, "sample:one")
    assert row.line == "0.12 µm per pixel (from the file) → magnified 1.2 times"
    assert not row.warns
    assert dock.view.choice().settings.scale == Scale(pixel_size_um=0.125)
    assert layer.scale.tolist() == [1, 1]  # what else is open lies on it
    labels = viewer.add_labels((PIXELS > 100).astype(np.uint8))
    assert said_pixel_size(viewer, labels) == 0.125
    content = content_of(viewer, labels)
    assert content.placement.pixel_size_um() == content.source.placement.pixel_size_um() == 0.125
    row.slider.setValue(-40)
    assert row.line == "magnified 0.5 times (set by you)"
    row.reset_button.click()
    assert row.line.startswith("0.12 µm per pixel (from the file)")
    kept = plain_metadata(layer.metadata, ours=True)
    layer.metadata = json.loads(json.dumps(kept))
    assert known_size(layer).scale == Scale(pixel_size_um=0.125)


def test_what_models_found_meanwhile_does_not_hide_it(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, imagej=True, resolution=(8, 8), metadata={"unit": "um"})
    layer = shown(tmp_path / "a.tif")
    note_size(layer, KnownSize().with_found("models", SURE))
    note_file_facts(layer, question_for(layer).answer())
    known = known_size(layer)
    assert (known.how, known.scale.pixel_size_um, known.found["models"]) == ("file", 0.125, SURE)
    note_size(layer, KnownSize(Scale(factor=2.0), "set"))
    assert known_size(layer).how == "set"


def test_it_is_left_out_where_the_model_knows_no_pixels(row, dock, viewer, tmp_path, qtbot):
    size = {"imagej": True, "resolution": (8, 8), "metadata": {"unit": "um"}}
    opened(viewer, qtbot, tmp_path / "a.tif", PIXELS, **size)
    choose(dock, "sample:nuclei")
    assert dock.view.choice().settings.scale == Scale()
    assert row.line.startswith("0.12 µm per pixel, but the model does not say its own")


def test_pixels_that_are_not_square_are_refused_as_in_the_shell(row, dock, viewer, tmp_path, qtbot):
    size = {"imagej": True, "resolution": (8, 4), "metadata": {"unit": "um"}}
    opened(viewer, qtbot, tmp_path / "a.tif", PIXELS, **size)
    assert "not square" in row.line
    assert not dock.view.run_button.isEnabled()


def test_channels_that_the_file_names_are_no_planes(row, dock, viewer, tmp_path, qtbot):
    stack = np.random.default_rng(0).integers(0, 200, (3, 2, 30, 40)).astype(np.uint16)
    layer = opened(viewer, qtbot, tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZCYX"})
    assert image_of(layer).axes == "ZCYX"
    assert dock.view.settings.edits["channel"].native.count() > 1


def test_channels_are_called_as_in_the_file(row, dock, viewer, tmp_path, qtbot):
    named = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    stack = np.random.default_rng(0).integers(0, 255, (2, 60, 80), np.uint8)
    opened(viewer, qtbot, tmp_path / "a.ome.tif", stack, metadata=named)
    box = dock.view.settings.edits["channel"].native
    texts = [box.itemText(number) for number in range(box.count())]
    assert texts == ["The first, unless chosen", "Channel 0: DAPI", "Channel 1: GFP", "Mean of all"]
    assert dock.images.image().told_channel("GFP") == 1


def test_an_image_that_others_show_inverted_is_said_to_be(row, dock, viewer, tmp_path, qtbot):
    opened(viewer, qtbot, tmp_path / "a.tif", PIXELS, photometric="miniswhite")
    assert "0 is white" in dock.view.assumed
    viewer.add_image(PIXELS)
    assert "0 is white" not in dock.view.assumed


def test_what_files_say(tmp_path):
    where = tmp_path / "a.tif"
    tifffile.imwrite(where, PIXELS)
    assert facts_of(where) == FileFacts()
    assert facts_of(where, PIXELS[:20]) == FileFacts()  # a part of it, or something else
    assert facts_of(where, PIXELS * 0.01) == FileFacts()  # the same in other units
    assert "other values" in facts_of(where, np.minimum(PIXELS, 90)).differs
    tifffile.imwrite(where, np.dstack([PIXELS, PIXELS[::-1], PIXELS.T.reshape(30, 40)]), photometric="rgb")
    colours = np.dstack([tifffile.imread(where), np.full((30, 40), 255, np.uint8)])
    assert facts_of(where, colours) == FileFacts()
    assert "other values" in facts_of(where, 255 - colours // 3).differs
    tifffile.imwrite(where, PIXELS)
    assert "transparency" in facts_of(where, np.dstack([PIXELS, PIXELS])).differs
    ramp = np.arange(256, dtype=np.uint16)[::-1] * 257
    table = np.stack([ramp, np.roll(ramp, 90), ramp])
    tifffile.imwrite(where, PIXELS, photometric="palette", colormap=table)
    assert "table of colours" in facts_of(where).differs
    tifffile.imwrite(where, np.float32(PIXELS) / 255, photometric="miniswhite")
    assert "0 is white" in facts_of(where).differs
    tifffile.imwrite(where, np.where(PIXELS > 190, np.nan, np.float32(PIXELS)))
    assert facts_of(where).differs == ""
    # Grey, which a reader has made three equal colours, is no transparency.
    tifffile.imwrite(where, PIXELS)
    assert facts_of(where, np.dstack([PIXELS] * 3)) == FileFacts()

    class Broken:
        shape, dtype = PIXELS.shape, PIXELS.dtype

        def __getitem__(self, key):
            raise OSError("the drive is gone")

    question = replace(question_for(shown(where)), data=Broken())
    assert question.answer() == FileFacts()
    where.write_bytes(b"no image")
    assert facts_of(where, PIXELS) == FileFacts()


@pytest.mark.parametrize("role", ["labels", "image"])
@pytest.mark.parametrize(
    ("view", "controller"), [(MeasureView, MeasureController), (ExportView, ExportController)]
)
def test_other_docks_know_the_pixel_size_of_files(
    session, remembered, tmp_path, qtbot, view, controller, role
):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, imagej=True, resolution=(8, 8), metadata={"unit": "um"})
    viewer = ViewerModel()
    with layer_source(path=str(tmp_path / "a.tif") if role == "labels" else None):
        labels = viewer.add_labels(PIXELS // 100)
    if role == "image":
        viewer.add_layer(shown(tmp_path / "a.tif"))
    viewer.layers.selection.active = labels
    assert said_pixel_size(viewer, labels) is None
    given = {"recent": remembered} if controller is ExportController else {}
    qtbot.addWidget(page := view())
    dock = controller(viewer, page, runner=JobRunner(session), **given)
    dock.start()
    qtbot.waitUntil(lambda: said_pixel_size(viewer, labels) == 0.125, timeout=10000)
    if controller is MeasureController:
        assert page.pixel_size.value() == 0.125
    else:
        qtbot.waitUntil(lambda: "pixel size is unknown" not in page._checks.text(), timeout=10000)
    assert dock.shutdown()


def test_readers_that_tell_lengths_are_believed(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", PIXELS)
    layer = shown(tmp_path / "a.tif")
    assert question_for(layer) is not None
    layer.units = ("um", "um")
    assert question_for(layer) is None
    layer.shear = [0.4]
    assert question_for(layer) is None
