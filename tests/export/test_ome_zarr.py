"""Labels as OME-Zarr: what is read back, what programs find in it, and pyramids written in pieces."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import yaozarrs
import zarr

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import export, export_image
from napari_pseudolabel.formats import format_named
from napari_pseudolabel.formats.ome_zarr import OmeZarrOptions
from napari_pseudolabel.imaging import Placement, read, read_labels
from napari_pseudolabel.imaging.pyramid import Pyramid, open_group
from napari_pseudolabel.models.cards import LabelClass

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="axon", value=2, color="#E69F00"))
TURNED = Placement(
    (0.5, 0.5),
    (3.0, -4.0),
    rotate=np.array([[0.0, -1.0], [1.0, 0.0]]),
    units=("micrometer", "micrometer"),
    axis_labels=("y", "x"),
)


@pytest.fixture(params=["0.5", "0.4"])
def version(request):
    return replace(format_named("ome-zarr"), options=OmeZarrOptions(version=request.param))


def values(shape=(700, 1300)):
    return (np.random.default_rng(0).random(shape) > 0.5).astype(np.uint8) * 2


def test_labels_come_back_with_their_placement(tmp_path, version):
    written = values()
    path = tmp_path / "a.ome.zarr"
    export(path, written, format=version, classes=CLASSES, placement=TURNED, provenance={})
    found = read_labels(path)
    np.testing.assert_array_equal(np.asarray(found.data), written)
    np.testing.assert_allclose(found.placement.rotate, TURNED.rotate)
    assert found.placement.translate == TURNED.translate
    coarse = np.asarray(zarr.open(path)["1"])
    np.testing.assert_array_equal(coarse, written[::2, ::2])


def test_programs_find_axes_units_and_classes(tmp_path, version):
    path = tmp_path / "a.ome.zarr"
    placement = Placement(
        (2.0, 0.5, 0.5), (0, 0, 0), units=("second", "nm", "nm"), axis_labels=("t", "y", "x")
    )
    export(path, values((2, 30, 40)), format=version, classes=CLASSES, placement=placement, provenance={})
    file = path / ("zarr.json" if version.options.version == "0.5" else ".zattrs")
    told = json.loads(file.read_text())
    told = told["attributes"]["ome"] if "attributes" in told else told
    (multiscale,) = told["multiscales"]
    assert [(axis["name"], axis["type"], axis["unit"]) for axis in multiscale["axes"]] == [
        ("t", "time", "second"), ("y", "space", "nanometer"), ("x", "space", "nanometer")
    ]  # fmt: skip
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"] == [2.0, 0.5, 0.5]
    assert told["image-label"]["colors"] == [{"label-value": 2, "rgba": [230, 159, 0, 255]}]


def test_a_validator_takes_labels_numbers_and_confidence(tmp_path, version):
    chosen, path = replace(version, options=replace(version.options, instances=True)), tmp_path / "a.ome.zarr"
    known = np.ones((2, 300, 40), bool)
    known[:, :9] = False
    placement = Placement(
        (2.0, 0.5, 0.5), (0, 1, 2), units=("second", "nm", "nm"), axis_labels=("t", "y", "x")
    )
    export(
        path, values(known.shape), format=chosen, classes=CLASSES, placement=placement, provenance={}, labelled=known,
        confidence=known.astype(np.float32),
    )  # fmt: skip
    for group, kind in (("", "LabelImage"), ("instances", "LabelImage"), ("confidence", "Image")):
        yaozarrs.validate_zarr_store(path / group)
        told = yaozarrs.open_group(path / group).ome_metadata()
        assert type(told).__name__ == kind
        assert version.options.version.replace(".", "") in type(told).__module__
    marks = yaozarrs.open_group(path).ome_metadata().image_label
    assert [(one.label_value, one.rgba) for one in marks.colors] == [
        (2, [230, 159, 0, 255]), (255, [128, 128, 128, 255])
    ]  # fmt: skip
    assert [one.label_value for one in marks.properties] == [0, 2, 255]


def test_a_confidence_lies_inside(tmp_path):
    sure = np.random.default_rng(1).random((30, 40)).astype(np.float32)
    path = tmp_path / "a.ome.zarr"
    files = export(
        path, values((30, 40)), classes=CLASSES, placement=Placement.identity(2, "YX"), provenance={}, confidence=sure
    )  # fmt: skip
    assert [file.name for file in files] == ["a.ome.zarr", "a.provenance.json"]
    np.testing.assert_array_equal(np.asarray(read(path / "confidence").data), sure)


def test_an_image_is_no_label_image(tmp_path):
    path = tmp_path / "a.ome.zarr"
    made = np.random.default_rng(1).random((30, 40)).astype(np.float32)
    export_image(path, made, placement=Placement.identity(2, "YX"), provenance={})
    np.testing.assert_array_equal(np.asarray(read(path).data), made)


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path):
    path = tmp_path / "a.zarr"
    path.mkdir()
    (path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not exported here"):
        export(path, values((3, 4)), classes=CLASSES, placement=Placement.identity(2, "YX"), provenance={})


@pytest.mark.parametrize("seed", range(4))
def test_windows_in_any_order_make_the_same_pyramid(tmp_path, seed):
    """Edges at odd places: what a coarse level shows must not depend on how the image was cut."""
    random = np.random.default_rng(seed)
    whole = random.integers(0, 255, (1301, 2117)).astype(np.uint8)
    pyramid = Pyramid.create(open_group(str(tmp_path)), whole.shape, np.uint8)
    cuts = [np.unique([0, *random.integers(1, side, 5), side]).tolist() for side in whole.shape]
    windows = [
        (slice(y0, y1), slice(x0, x1))
        for y0, y1 in zip(cuts[0], cuts[0][1:], strict=False)
        for x0, x1 in zip(cuts[1], cuts[1][1:], strict=False)
    ]
    for number in random.permutation(len(windows)):
        pyramid.write((), windows[number], whole[windows[number]])
    assert len(pyramid.levels) > 2
    for number, level in enumerate(pyramid.levels):
        np.testing.assert_array_equal(np.asarray(level[:]), whole[:: 2**number, :: 2**number])
