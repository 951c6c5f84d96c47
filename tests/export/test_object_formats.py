"""Formats that list objects: what their own programs' readers make of them is the labels, pixel by pixel."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import roifile
import shapely
from pycocotools.coco import COCO
from shapely.geometry import shape

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.exporting import ExportContent, export, read_sidecar, writing
from napari_pseudolabel.formats import format_named, formats
from napari_pseudolabel.formats.coco import CocoOptions
from napari_pseudolabel.imaging import Placement, from_array
from napari_pseudolabel.labels.outlines import polygons
from napari_pseudolabel.models.cards import LabelClass

CLASSES = (
    LabelClass(name="background", value=0),
    LabelClass(name="axon", value=1, color="#0072B2"),
    LabelClass(name="myelin", value=2, color="#E69F00"),
)


def fibres():
    """Two fibres that touch, a third whose myelin hangs together by a corner, and a lone axon at the edge."""
    labels = np.zeros((40, 50), np.uint8)
    yy, xx = np.mgrid[:40, :50]
    for y, x, r in ((12, 12, 9), (14, 30, 10), (30, 14, 6)):
        away = np.hypot(yy - y, xx - x)
        labels[(away < r) & (labels == 0)] = 2
        labels[away < r - 3] = 1
    labels[35, 20:22] = labels[36, 22:24] = 2
    labels[20:26, 46:] = 1
    return labels


def labelled():
    known = np.ones((40, 50), bool)
    known[:, 40:45] = False
    known[3:6, 3:6] = False
    return known


def put(path, labels, **named):
    arguments = {"classes": CLASSES, "placement": Placement.identity(labels.ndim), "provenance": {}}
    return export(path, labels, **arguments | named)


def filled(rings, size):
    """Pixels whose middle is inside of an odd number of rings."""
    yy, xx = np.mgrid[: size[0], : size[1]] + 0.5
    inside = np.zeros(size, bool)
    for ring in rings:
        inside ^= shapely.contains_xy(shapely.Polygon(ring), xx, yy)
    return inside


def signed_area(ring):
    x, y = ring.T
    return np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2


def test_outlines_are_valid_and_fill_the_same_pixels():
    rng = np.random.default_rng(0)
    for _ in range(150):
        mask = rng.random(rng.integers(1, 9, 2)) < rng.random()
        found = polygons(mask, (3, 5))
        whole = shapely.MultiPolygon([(outer, holes) for outer, *holes in found])
        assert whole.is_valid
        assert all(
            signed_area(ring) * (1 if not n else -1) > 0 for one in found for n, ring in enumerate(one)
        )
        yy, xx = np.mgrid[: mask.shape[0], : mask.shape[1]]
        np.testing.assert_array_equal(shapely.contains_xy(whole, xx + 5.5, yy + 3.5), mask)


@pytest.mark.parametrize("known", [None, labelled()])
def test_imagej_rois(tmp_path, known):
    labels = fibres()
    (tmp_path / "a.rois.zip").write_bytes(b"an older file is not added to")
    put(tmp_path / "a.rois.zip", labels, labelled=known)
    rois = roifile.roiread(tmp_path / "a.rois.zip")
    painted = np.zeros_like(labels)
    for roi in rois:
        value = {"axon": 1, "myelin": 2, "not": 3}[roi.name.split()[0]]
        inside = filled(roi.coordinates(multi=True), labels.shape)
        assert not painted[inside].any()
        painted[inside] = value
        # With a group ImageJ would take another colour.
        assert (roi.group, roi.hexcolor(roi.stroke_color)) == (
            0,
            ("#0072b2", "#e69f00", "#808080")[value - 1],
        )
        assert roi.properties.get("qupath.object.classification") == (None, "axon", "myelin", None)[value]
        assert (roi.top, roi.left) == tuple(np.argwhere(inside).min(axis=0))
        assert (roi.bottom, roi.right) == tuple(np.argwhere(inside).max(axis=0) + 1)
        assert roi.composite == (len(roi.coordinates(multi=True)) > 1)
    np.testing.assert_array_equal(painted, labels if known is None else np.where(known, labels, 3))
    assert len({roi.name for roi in rois}) == len(rois)
    # An axon and its myelin have the same number.
    numbers = [
        {roi.name.split()[1] for roi in rois if roi.name.startswith(one)} for one in ("axon", "myelin")
    ]
    assert len(numbers[0] & numbers[1]) == 3


def test_imagej_rois_of_a_stack_know_their_slice(tmp_path):
    labels = np.zeros((2, 3, 12, 12), np.uint8)
    labels[1, 2, 3:6, 3:6] = labels[0, 1, 3:6, 3:6] = 1
    placement = Placement.identity(4, "TZYX")
    put(tmp_path / "a.zip", labels, placement=placement, instances=labels)
    first, second = roifile.roiread(tmp_path / "a.zip")
    assert (first.name, first.position, first.t_position, first.z_position) == ("axon 1 t0 z1", 2, 1, 2)
    assert (second.name, second.position, second.t_position, second.z_position) == ("axon 1 t1 z2", 6, 2, 3)


@pytest.mark.parametrize(("letter", "place"), [("Z", (2, 2, 0)), ("T", (2, 0, 0))])
def test_imagej_finds_the_slice_of_a_plain_stack(tmp_path, letter, place):
    # It forgets the number where it is told a time, and finds a time in a hyperstack only: a series of one channel is none.
    labels = np.zeros((3, 12, 12), np.uint8)
    labels[1, 3:6, 3:6] = 1
    put(tmp_path / "a.zip", labels, placement=Placement.identity(3, f"{letter}YX"), instances=labels)
    roi = roifile.roiread(tmp_path / "a.zip")
    roi = roi[0] if isinstance(roi, list) else roi
    assert (roi.position, roi.z_position, roi.t_position) == place


@pytest.mark.parametrize("known", [None, labelled()])
def test_qupath_geojson(tmp_path, known):
    labels, painted = fibres(), np.zeros((60, 70), np.uint8)
    sure = np.full(labels.shape, 0.75, np.float32)
    content = ExportContent(
        labels, CLASSES, Placement.identity(2), {}, confidence=sure, labelled=known, offset=(20, 10)
    )
    content.write(tmp_path / "a.geojson", "qupath")

    def refuse(name):
        raise AssertionError(f"a bare {name}")

    told = json.loads((tmp_path / "a.geojson").read_text(), parse_constant=refuse)
    kinds = set()
    for feature in told["features"]:
        geometry, properties = shape(feature["geometry"]), feature["properties"]
        kinds.add(geometry.geom_type)
        assert geometry.is_valid
        value = {"axon": 1, "myelin": 2, "Ignore*": 3}[properties["classification"]["name"]]
        assert properties["classification"]["color"] == [[0, 114, 178], [230, 159, 0], [128] * 3][value - 1]
        assert (properties["objectType"], properties["isLocked"]) == (
            ("annotation", True) if value == 3 else ("detection", False)
        )
        yy, xx = np.mgrid[:60, :70]
        inside = shapely.contains_xy(geometry, xx + 0.5, yy + 0.5)
        assert not painted[inside].any()
        painted[inside] = value
        if value < 3:
            assert properties["measurements"]["Area px^2"] == inside.sum() == geometry.area
            assert properties["measurements"]["Confidence"] == 0.75
    expected = labels if known is None else np.where(known, labels, 3)
    np.testing.assert_array_equal(painted[20:, 10:60], expected)
    assert kinds == {"Polygon", "MultiPolygon"}


def test_what_is_not_known_is_the_word_nan_in_qupath(tmp_path):
    put(tmp_path / "a.geojson", fibres())
    assert '"Confidence": "NaN"' in (tmp_path / "a.geojson").read_text()


@pytest.mark.parametrize("masks", ["polygons", "rle"])
@pytest.mark.parametrize("known", [None, labelled()])
def test_coco(tmp_path, known, masks):
    labels, path = fibres(), tmp_path / "a.coco.json"
    chosen = replace(format_named("coco"), options=CocoOptions(masks))
    told = {"source": {"name": "x", "path": "images/sem 12.tif"}}
    put(path, labels, labelled=known, format=chosen, provenance=told, confidence=labels / np.float32(4))
    read = COCO(path)
    assert read.loadImgs(1) == [{"id": 1, "file_name": "sem 12.tif", "height": 40, "width": 50}]
    assert [(one["id"], one["name"]) for one in read.loadCats(read.getCatIds())] == [
        (1, "axon"),
        (2, "myelin"),
    ]
    painted, kinds = np.zeros_like(labels), set()
    for one in read.loadAnns(read.getAnnIds(iscrowd=False)):
        inside = read.annToMask(one) > 0
        kinds.add(type(one["segmentation"]))
        assert not painted[inside].any()
        painted[inside] = one["category_id"]
        (y0, x0), (y1, x1) = np.argwhere(inside).min(axis=0), np.argwhere(inside).max(axis=0) + 1
        assert (one["area"], one["bbox"]) == (inside.sum(), [x0, y0, x1 - x0, y1 - y0])
        assert one["confidence"] == one["category_id"] / 4
    np.testing.assert_array_equal(painted, labels if known is None else np.where(known, labels, 0))
    assert kinds == ({list, dict} if masks == "polygons" else {dict})
    crowds = read.loadAnns(read.getAnnIds(iscrowd=True))
    assert [one["category_id"] for one in crowds] == ([] if known is None else [1, 2])
    for one in crowds:
        np.testing.assert_array_equal(read.annToMask(one) > 0, ~known)
    assert len({one["id"] for one in read.loadAnns(read.getAnnIds())}) == len(read.getAnnIds())


def test_any_mask_is_the_same_in_coco(tmp_path):
    rng = np.random.default_rng(0)
    labels = (rng.random((30, 40)) < 0.6).astype(np.uint8)
    numbers = labels * rng.integers(1, 9, labels.shape)
    for masks in ("polygons", "rle"):
        chosen = replace(format_named("coco"), options=CocoOptions(masks))
        put(tmp_path / "a.coco.json", labels, instances=numbers, format=chosen)
        read = COCO(tmp_path / "a.coco.json")
        for one in read.loadAnns(read.getAnnIds()):
            np.testing.assert_array_equal(read.annToMask(one) > 0, numbers == one["object"])


def test_coco_of_a_stack_has_an_image_for_every_plane(tmp_path):
    labels = np.stack([fibres(), np.zeros_like(fibres()), fibres()[::-1]])
    known = np.ones(labels.shape, bool)
    known[1, :5] = False
    path = put(tmp_path / "a.coco.json", labels, labelled=known)[0]
    read = COCO(path)
    assert len({one["file_name"] for one in read.imgs.values()}) == 3
    for place, number in enumerate(sorted(read.imgs)):
        found = np.zeros(labels.shape[1:], np.uint8)
        for one in read.loadAnns(read.getAnnIds(number, iscrowd=False)):
            found[read.annToMask(one) > 0] = one["category_id"]
        np.testing.assert_array_equal(found, labels[place])
    assert {one["image_id"] for one in read.loadAnns(read.getAnnIds(iscrowd=True))} == {2}
    assert "save the planes" in read_sidecar(path).export_notes[0]


@pytest.mark.parametrize("name", ["a.rois.zip", "a.geojson", "a.coco.json"])
def test_writing_tells_how_far_it_is_and_can_be_stopped(tmp_path, name):
    heard = []
    put(tmp_path / name, fibres(), control=Control(report=heard.append))
    assert (heard[0].stage, heard[0].done, heard[-1].done) == ("Writing the objects", 0, heard[-1].total)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(Cancelled):
        put(tmp_path / name, fibres() * 0 + 1, control=Control(cancelled=lambda: True))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_the_memory_cannot_hold_is_refused_before_the_work_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_ALWAYS_THERE", 0)
    monkeypatch.setattr(writing, "free_memory", lambda: 1000)
    hungry = [one for one in formats() if one.bytes_per_pixel]
    assert {"instances", "measures"} & set().union(*(one.holds for one in hungry))
    for one in hungry:
        name = f"a{one.suffix}" if one.suffix else one.proposed
        with pytest.raises(InputError, match=r"free; export regions of it, or as OME-Zarr\."):
            put(tmp_path / name, fibres(), format=one.name, source=from_array(fibres(), name="a.tif"))
    assert not [*tmp_path.iterdir()]
    monkeypatch.setattr(writing, "free_memory", lambda: 10**6)
    put(tmp_path / "a.geojson", fibres())


def test_labels_that_number_their_objects_are_objects(tmp_path):
    labels = np.kron(np.arange(12).reshape(3, 4), np.ones((5, 5), int)).astype(np.uint16) * 1000
    for classes in ((), tuple(LabelClass(name=f"class {one}", value=one) for one in (1, 2))):
        put(tmp_path / "a.rois.zip", labels, classes=classes)
        rois = roifile.roiread(tmp_path / "a.rois.zip")
        assert [roi.name for roi in rois] == [f"object {number}" for number in range(1000, 12_000, 1000)]
