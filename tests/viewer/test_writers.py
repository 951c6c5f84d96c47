"""Labels through napari's own Save."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pseudolabel.exporting import read_sidecar
from napari_pseudolabel.imaging import read
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import content_of, push
from napari_pseudolabel.viewer.records import write_quality
from napari_pseudolabel.viewer.view_regions import as_image
from napari_pseudolabel.viewer.writers import write_ome_tiff, write_png


@pytest.fixture
def labels(viewer, result):
    source = viewer.add_image(np.zeros((12, 16)), scale=(0.2, 0.2), units=("um", "um"), translate=(5, 6))
    values = np.arange(12 * 16).reshape(1, 12, 16) % 3
    return push(viewer, source, result(values)).labels


def test_ome_tiff_with_placement_and_provenance(labels, tmp_path):
    labels.brush_size = 1
    labels.paint((0, 0), 2)
    data, attributes, _ = labels.as_layer_data_tuple()
    path = tmp_path / "out.ome.tif"
    written = write_ome_tiff(str(path), data, attributes)
    assert str(path) in written
    image = read(path)
    np.testing.assert_array_equal(image.plane(()), labels.data)
    assert image.placement.scale == (0.2, 0.2)
    assert image.placement.translate == (5, 6)
    sidecar = read_sidecar(path)
    assert sidecar.share_corrected == pytest.approx(1 / 192)
    assert sidecar.models[0].sha256 == "ab" * 32
    assert [one.name for one in sidecar.classes] == ["background", "axon", "myelin"]


def test_png(labels, tmp_path):
    data, attributes, _ = labels.as_layer_data_tuple()
    path = tmp_path / "out.png"
    write_png(str(path), data, attributes)
    np.testing.assert_array_equal(read(path).plane(()), labels.data)
    assert read_sidecar(path).strategy == "adaptation"


def test_what_corrections_taught_about_the_quality_is_told(labels, tmp_path):
    write_quality(labels, 0.8127, 12)
    data, attributes, _ = labels.as_layer_data_tuple()
    write_png(str(tmp_path / "out.png"), data, attributes)
    told = read_sidecar(tmp_path / "out.png").model_dump()["quality"]
    assert told == {"expected_dice": 0.813, "learned_from_regions": 12}


def test_foreign_labels_can_be_written_too(viewer, tmp_path):
    layer = viewer.add_labels(np.arange(20, dtype=np.uint16).reshape(4, 5))
    content = content_of(viewer, layer)
    assert content.provenance == {}
    data, attributes, _ = layer.as_layer_data_tuple()
    write_ome_tiff(str(tmp_path / "a.ome.tif"), data, attributes)
    assert read_sidecar(tmp_path / "a.ome.tif").share_corrected is None


def test_the_confidence_belongs_to_the_labels(viewer, labels):
    confidence = content_of(viewer, labels).confidence
    assert confidence.shape == labels.data.shape
    assert not np.isnan(confidence).any()


def test_what_was_never_predicted_is_saved_as_not_labelled(viewer, result, tmp_path):
    source = viewer.add_image(np.zeros((12, 16)))
    layer = push(viewer, source, result(np.zeros((1, 6, 8)), Region(0, 0, 6, 8))).labels
    layer.brush_size = 1
    layer.paint((10, 10), 2)
    path = tmp_path / "out.png"
    data, attributes, _ = layer.as_layer_data_tuple()
    write_png(str(path), data, attributes)
    expected = np.full((12, 16), 255)
    expected[:6, :8], expected[10, 10] = 0, 2
    np.testing.assert_array_equal(read(path).plane(()), expected)
    assert read_sidecar(path).share_labelled == pytest.approx(49 / 192)
    content = content_of(viewer, layer)
    assert content.labelled is not None
    np.testing.assert_array_equal(content.labelled, expected != 255)


def test_labels_of_several_levels_are_those_of_the_finest(viewer, tmp_path):
    """As readers of OME-Zarr open them; numpy takes the coarsest level, which has the same scale then."""
    values = (np.arange(12 * 16).reshape(12, 16) % 3).astype(np.uint8)
    labels = viewer.add_labels([values, values[::2, ::2]], multiscale=True)
    written = content_of(viewer, labels).write(tmp_path / "dock.ome.tif", "ome-tiff")
    data, attributes, _ = labels.as_layer_data_tuple()
    saved = write_ome_tiff(str(tmp_path / "saved.ome.tif"), data, attributes)
    for path in (written[0], saved[0]):
        np.testing.assert_array_equal(read(path).data, values)
    np.testing.assert_array_equal(as_image(labels).plane(), values)
