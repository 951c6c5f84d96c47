"""The Export dock."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.io import imsave
from train_fakes import pseudo_label

from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.imaging import read
from napari_pseudolabel.strategies import LabelJob, Region
from napari_pseudolabel.viewer import Stream, push
from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.export.controller import ExportController
from napari_pseudolabel.widgets.export.view import ExportView


@pytest.fixture
def labels(viewer, script):
    """Pseudo labels of the image, corrected in one pixel."""
    from napari_pseudolabel.viewer import image_of

    source = viewer.layers["sem_12"]
    result = script.answer(LabelJob(image_of(source), translator="t", segmenter="s"))
    layer = push(viewer, source, result).labels
    layer.brush_size = 1
    layer.paint((3, 3), 2)
    return layer


@pytest.fixture
def dock(qtbot, viewer, session, remembered):
    view = ExportView()
    qtbot.addWidget(view)
    controller = ExportController(viewer, view, runner=JobRunner(session), recent=remembered)
    controller.start()
    yield controller
    assert controller.shutdown()


def checks(dock):
    dock._check()
    return dock.view._checks.text()


def hint(dock):
    return dock.view._hint.text()


def export(dock, qtbot, path):
    dock.view.path.setText(str(path))
    dock.view.export_button.click()
    qtbot.waitUntil(lambda: "Wrote" in dock.view._status.text(), timeout=20000)


def test_labels_confidence_and_provenance(labels, dock, tmp_path, qtbot):
    dock.view.confidence.setChecked(True)
    dock.view.measures.setChecked(True)
    export(dock, qtbot, tmp_path / "a.ome.tif")
    assert "area (px^2)" in (tmp_path / "a.measures.csv").read_text()
    np.testing.assert_array_equal(read(tmp_path / "a.ome.tif").plane(()), labels.data)
    assert read(tmp_path / "a.confidence.ome.tif").plane(()).max() == pytest.approx(0.75)
    assert read_sidecar(tmp_path / "a.ome.tif").share_corrected == pytest.approx(1 / labels.data.size)
    assert "a.ome.tif" in dock.view._status.text()


def test_the_format_goes_with_the_name(labels, dock, tmp_path, qtbot):
    assert dock.view.path.text().endswith("sem_12_labels.ome.tif")
    dock.view._format.setCurrentIndex(1)
    assert dock.view.path.text().endswith("sem_12_labels.png")
    dock.view.path.setText(str(tmp_path / "mine.png"))
    dock.view._format.setCurrentIndex(0)
    assert dock.view.path.text() == str(tmp_path / "mine.ome.tif")
    dock.view._format.setCurrentIndex(1)
    export(dock, qtbot, tmp_path / "mine.png")
    assert (tmp_path / "mine.png").exists()
    assert (tmp_path / "mine.provenance.json").exists()


def test_labels_are_proposed_beside_the_images_and_not_among_them(viewer, script, dock, tmp_path, qtbot):
    from napari.layers._source import layer_source

    from napari_pseudolabel.imaging.reading.file_names import images_in
    from napari_pseudolabel.viewer import image_of

    folder = tmp_path / "images"
    folder.mkdir()
    picture = viewer.layers["sem_12"].data
    imsave(folder / "nerve.1.png", np.zeros(picture.shape, np.uint8), check_contrast=False)
    with layer_source(path=str(folder / "nerve.1.png")):
        source = viewer.add_image(picture, name="nerve")
    push(viewer, source, script.answer(LabelJob(image_of(source), translator="t", segmenter="s")))
    viewer.layers.selection.active = viewer.layers[-1]
    path = folder / "labels" / "nerve_1_labels.ome.tif"
    assert dock.view.path.text() == str(path)
    assert hint(dock) == ""
    export(dock, qtbot, path)
    assert path.exists()
    assert images_in(folder) == [folder / "nerve.1.png"]
    # Whoever wrote among the images before is not led there again.
    export(dock, qtbot, folder / "mine.ome.tif")
    dock.view.path.setText("")
    dock._on_changed()
    assert dock.view.path.text() == str(path)
    assert images_in(folder) == [folder / "nerve.1.png"]


def test_what_to_know_before(labels, dock, tmp_path, qtbot):
    assert "pixel size is unknown" in checks(dock)
    (tmp_path / "b.ome.tif").write_text("old")
    dock.view.path.setText(str(tmp_path / "b.ome.tif"))
    assert "b.ome.tif exists and will be replaced" in dock.view.replaced
    assert dock.view.export_button.text() == "Replace"
    dock.view.path.setText(str(tmp_path / "c.ome.tif"))
    assert (dock.view.replaced, dock.view.export_button.text()) == ("", "Export")
    labels.data[labels.data == 2] = 0
    dock._refresh()
    assert "No pixel is labelled as myelin" in checks(dock)


def test_painting_is_noticed(viewer, labels, dock, qtbot):
    labels.data[:] = 0
    labels.paint((20, 20), 1)
    qtbot.waitUntil(lambda: "A person corrected" in checks(dock), timeout=3000)


def test_what_cannot_be_exported_is_explained(viewer, dock, tmp_path):
    assert "Labels layer first" in hint(dock)
    assert not dock.view.export_button.isEnabled()
    viewer.add_labels(np.zeros((3, 8, 9), np.uint8), name="stack")
    dock.view._format.setCurrentIndex(1)
    assert "PNG holds one plane" in hint(dock)
    dock.view._format.setCurrentIndex(0)
    assert hint(dock) == ""
    dock.view.path.setText(str(tmp_path / "missing" / "a.ome.tif"))
    assert "There is no folder" in hint(dock)


def test_labels_made_elsewhere_are_exported_with_a_remark(viewer, dock, tmp_path, qtbot):
    viewer.add_labels(np.arange(72, dtype=np.uint16).reshape(8, 9), name="mine")
    assert "not made here" in checks(dock)
    export(dock, qtbot, tmp_path / "c.ome.tif")
    assert read_sidecar(tmp_path / "c.ome.tif").models == ()


def test_an_error_leaves_the_button_alive(labels, dock, tmp_path, qtbot, monkeypatch):
    from napari_pseudolabel.errors import InputError
    from napari_pseudolabel.exporting import export_content

    def full(*args, **kwargs):
        raise InputError("The disk is full; free some space.")

    monkeypatch.setattr(export_content, "export", full)
    dock.view.path.setText(str(tmp_path / "d.ome.tif"))
    dock.view.export_button.click()
    qtbot.waitUntil(lambda: "disk is full" in dock.view.error.sentence, timeout=20000)
    assert dock.view.export_button.isEnabled()
    assert list(tmp_path.glob("d.*")) == []


def test_previews_of_new_models_are_not_offered(labels, dock, viewer):
    from napari_pseudolabel.viewer import placement_of
    from napari_pseudolabel.viewer.result_layers import new_labels

    source = viewer.layers["sem_12"]
    before = dock.view.layer.count()
    new_labels(viewer, source, source.data.shape, placement_of(source), (), "preview")
    assert dock.view.layer.count() == before


def test_what_every_object_has_cost(labels, dock, tmp_path, qtbot):
    from napari_pseudolabel.viewer.effort import EffortLog

    EffortLog.of(labels)
    labels.mode = "paint"
    labels.paint((3, 3), 1)
    dock.view.effort.setChecked(True)
    export(dock, qtbot, tmp_path / "c.ome.tif")
    rows = (tmp_path / "c.effort.csv").read_text().splitlines()
    assert rows[0].startswith("plane,object,class")
    assert any(",human," in row and "paint:1" in row for row in rows[1:])


def test_what_was_never_predicted_is_named_before_it_is_written_as_not_labelled(
    viewer, dock, tmp_path, qtbot
):
    source = viewer.layers["sem_12"]
    stream = Stream(viewer, source)
    layer = stream.add(pseudo_label(Region(0, 0, 10, 20), np.ones((10, 20), np.uint8))).labels
    stream.finish()
    share = 200 / layer.data.size
    assert f"Only {share:.1%} of the image is labelled. The rest is written as not labelled" in checks(dock)
    export(dock, qtbot, tmp_path / "a.tif")
    written = read(tmp_path / "a.tif").plane(())
    assert (written[:10, :20] == 1).all()
    assert np.count_nonzero(written == 255) == layer.data.size - 200
    assert read_sidecar(tmp_path / "a.tif").share_labelled == pytest.approx(share)
    push(viewer, source, pseudo_label(Region(0, 0, *layer.data.shape), np.zeros(layer.data.shape, np.uint8)))
    dock._refresh()
    assert "labelled" not in checks(dock).replace("No pixel is labelled", "")


def test_all_images_of_the_list_leave_into_a_folder(viewer, session, remembered, tmp_path, qtbot):
    from napari_pseudolabel.collection.image_list import ImageList
    from napari_pseudolabel.collection.kept_labels import KeptLabels
    from napari_pseudolabel.imaging import Placement
    from napari_pseudolabel.labels.pixel_states import CONFIRMED, REACHED
    from napari_pseudolabel.models.cards import LabelClass

    images = ImageList.of(session.workspace)
    paths = [tmp_path / "data" / f"cells_{number}.png" for number in range(3)]
    one, two, _ = images.add(paths)
    classes = (LabelClass(name="background", value=0), LabelClass(name="nucleus", value=1))
    flags = np.full((20, 30), REACHED | CONFIRMED, np.uint8)
    for number, image in enumerate((one, two)):
        labels = np.full((20, 30), number, np.uint8)
        kept = KeptLabels(labels, labels, flags, classes, classes, (), Placement.identity(2), mark="m")
        kept.write(images.kept_path(image), before=())
    view = ExportView()
    qtbot.addWidget(view)
    controller = ExportController(
        viewer, view, runner=JobRunner(session), recent=remembered, workspace=lambda: session.workspace
    )
    controller.start()
    qtbot.waitUntil(lambda: view.what.buttons["all"].text() == "All 2 images", timeout=20000)
    view.what.choose("all")
    assert view.path.text() == str(tmp_path / "data" / "labels")
    out = tmp_path / "out"
    view.path.setText(str(out))
    view.export_button.click()
    qtbot.waitUntil(lambda: "Wrote the labels of 2 images" in view.status, timeout=20000)
    assert (read(out / "cells_1_labels.ome.tif").plane(()) == 1).all()
    assert "cells_0_labels.ome.tif, cells_1_labels.ome.tif exist" in view.replaced
    view.what.choose("layer")
    assert view.path.text() != str(out)
    assert controller.shutdown()
