"""Objects that lie on each other in neighbouring planes are one object, however the stack is cut, and of one class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from scipy import ndimage as ndi

from napari_pseudolabel.control import Control
from napari_pseudolabel.exporting.export_content import ExportContent
from napari_pseudolabel.exporting.sidecar import read_sidecar
from napari_pseudolabel.formats import format_named
from napari_pseudolabel.formats.coco import CocoOptions
from napari_pseudolabel.formats.ome_zarr import OmeZarrOptions
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.imaging.pyramid import Pyramid
from napari_pseudolabel.labels.objects import Fibre, Scheme, numbered, plane_joining
from napari_pseudolabel.labels.objects.plane_joining import join_planes
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.slides.numbered_slide import number_slide

FIBRES = Scheme(fibres=(Fibre(inner=2, outer=1),))
CLASSES = tuple(LabelClass(name=name, value=value) for value, name in enumerate(("background", "a", "b")))
UM = Placement((1, 1, 1), (0, 0, 0), units=("um",) * 3, axis_labels=("z", "y", "x"))


def stack(seed, planes=4):
    """Blobs of two classes that drift, come and go."""
    random = np.random.default_rng(seed)
    field = ndi.gaussian_filter(random.normal(size=(planes, 30, 26)), (0.8, 2, 2))
    kind = ndi.gaussian_filter(random.normal(size=(planes, 30, 26)), (0.6, 3, 3)) > 0
    return np.where(field > 0.03, 1 + kind, 0).astype(np.uint8)


def joined(classes, scheme, iou=0.25):
    numbers = numbered(classes, scheme)
    join_planes(numbers, classes, scheme, iou, 0)
    return numbers


def kind_of(values, scheme):
    """The class by which an object is told apart."""
    return 2 if scheme.fibres and 2 in values else int(values.min())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), scheme=st.sampled_from([Scheme(), FIBRES]), cut=st.integers(1, 3))
def test_objects_are_joined_by_overlap_and_class_however_the_stack_is_cut(seed, scheme, cut):
    classes = stack(seed)
    found, alone = joined(classes, scheme), numbered(classes, scheme)
    assert sorted(np.unique(found[found > 0])) == [*range(1, int(found.max()) + 1)]
    np.testing.assert_array_equal(joined(classes[:cut], scheme), found[:cut])
    # From the other end the same objects are together.
    back = joined(classes[::-1], scheme)[::-1]
    pairs = np.unique(np.stack([found[found > 0], back[found > 0]]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plane_joining, "_AT_ONCE", 60)
        np.testing.assert_array_equal(joined(classes, scheme), found)
    for upper, lower, first, second, one, two in zip(
        found, found[1:], alone, alone[1:], classes, classes[1:], strict=False
    ):
        for number in np.intersect1d(upper[upper > 0], lower[lower > 0]).tolist():
            above, below = upper == number, lower == number
            assert len(np.unique(first[above])) == len(np.unique(second[below])) == 1, "none is merged"
            assert (above & below).sum() >= 0.25 * (above | below).sum()
            assert kind_of(one[above], scheme) == kind_of(two[below], scheme)


def test_exports_and_measures_join_planes_of_depth_and_not_of_time_and_say_so(tmp_path):
    labels = np.zeros((3, 20, 20), np.uint8)
    labels[:, 2:8, 2:8] = 1
    labels[2, 12:18, 12:18] = 2
    content = ExportContent(labels, CLASSES, UM, {})
    format = replace(format_named("ome-zarr"), options=OmeZarrOptions(join_planes=0.25))
    path = tmp_path / "stack.ome.zarr"
    content.write(path, format, measures=True)
    numbers = np.asarray(zarr.open(path)["instances/0"])
    assert [np.unique(plane).tolist() for plane in numbers] == [[0, 1], [0, 1], [0, 1, 2]]
    assert "overlap (IoU) of at least 0.25" in read_sidecar(path).export_notes[0]
    rows = (tmp_path / "stack.measures.csv").read_text().splitlines()
    place = rows[0].split(",").index("number")
    assert [row.split(",")[place] for row in rows[1:5]] == ["1", "1", "1", "2"]
    # A slide is numbered where it lies, and gets the same.
    group = zarr.open_group(tmp_path / "slide.zarr", mode="w")
    pyramid = Pyramid.create(group, labels.shape, labels.dtype, letters="ZYX")
    for index, window in pyramid.bands():
        pyramid.write(index, window, labels[(*index, *window)])
    said = number_slide(tmp_path, group, pyramid, CLASSES, "slide", UM, format.options, Control())
    np.testing.assert_array_equal(np.asarray(group["instances/0"]), numbers)
    assert said == read_sidecar(path).export_notes
    # COCO knows no stacks: each plane keeps the number in a field of ours, which its readers keep.
    content.write(
        path := tmp_path / "stack.coco.json",
        replace(format_named("coco"), options=CocoOptions(join_planes=0.25)),
    )
    read = COCO(path)
    assert [(one["image_id"], one["object"]) for one in read.loadAnns(read.getAnnIds())] == [
        (1, 1),
        (2, 1),
        (3, 1),
        (3, 2),
    ]
    assert "overlap (IoU) of at least 0.25" in read_sidecar(path).export_notes[1]
    timed = replace(content, placement=replace(UM, axis_labels=("t", "y", "x")))
    timed.write(path := tmp_path / "timed.ome.zarr", format)
    assert np.asarray(zarr.open(path)["instances/0"]).max() == 4
    assert read_sidecar(path).export_notes == ()
