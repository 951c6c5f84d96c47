"""A snapshot of what a person knows about an image."""

from __future__ import annotations

import numpy as np
import pytest
from viewer_results import make_result

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Need, from_array, intensity_range
from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import annotated_planes, push, source_of
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.workspace import Workspace

PIXELS = np.random.default_rng(0).integers(0, 200, (12, 16)).astype(np.uint8)
WHOLE = Region(0, 0, 12, 16)


@pytest.fixture
def split(tmp_path):
    return Workspace.open(tmp_path / "w").split


@pytest.fixture
def source(viewer):
    return viewer.add_image(PIXELS, name="sem", scale=(0.02, 0.02), units=("um", "um"))


@pytest.fixture
def labels(viewer, source):
    layer = push(viewer, source, make_result(np.ones((1, 8, 16)), Region(0, 0, 8, 16))).labels
    layer.brush_size = 1
    return layer


def test_untouched_labels_are_not_known(viewer, labels, split):
    assert annotated_planes(viewer, labels, split) == ()


def test_everything_that_is_known_about_a_plane(viewer, source, labels, split):
    labels.paint((3, 4), 2)
    Corrections.of(labels).confirm((), (slice(4, 8), slice(0, 8)))
    key = plane_key(from_array(PIXELS))
    split.assign(key, (4, 0, 8, 8))
    (plane,) = annotated_planes(viewer, labels, split)
    assert (plane.name, plane.key) == ("sem", key)
    np.testing.assert_array_equal(plane.image, PIXELS)
    assert plane.image.dtype == np.float32
    assert plane.limits == intensity_range(from_array(PIXELS))
    assert plane.intensities.limits(Need(low=5, high=80)) == intensity_range(
        from_array(PIXELS), low=5, high=80
    )
    assert plane.pixel_size_um == pytest.approx(0.02)
    np.testing.assert_array_equal(plane.labels, labels.data)
    assert plane.touched.sum() == 33
    assert plane.touched[3, 4]
    assert np.isnan(plane.confidence[8:]).all()
    assert plane.confidence[:8] == pytest.approx(0.6)
    assert plane.validation.sum() == 8
    assert (plane.validation <= plane.touched).all()


def test_it_is_a_copy(viewer, labels, split):
    labels.paint((3, 4), 2)
    (plane,) = annotated_planes(viewer, labels, split)
    labels.paint((0, 0), 2)
    assert plane.labels[0, 0] == 1
    assert not plane.touched[0, 0]


def test_only_planes_with_something_known_each_with_its_own_key(viewer, split):
    stack = np.random.default_rng(1).random((3, 12, 16))
    source = viewer.add_image(stack, name="stack")
    labels = push(viewer, source, make_result(np.ones((3, 12, 16)), WHOLE, ((0,), (1,), (2,)))).labels
    for index in (0, 2):
        Corrections.of(labels).confirm((index,), (slice(0, 4), slice(0, 4)))
    first, last = annotated_planes(viewer, labels, split)
    assert (first.name, last.name) == ("stack, plane 0", "stack, plane 2")
    assert first.key != last.key
    np.testing.assert_allclose(last.image, stack[2], rtol=1e-6)
    assert last.pixel_size_um is None
    assert first.limits == last.limits


def test_keys_follow_the_content_and_nothing_else(viewer):
    key = plane_key(from_array(PIXELS))
    assert plane_key(from_array(PIXELS.astype(np.float64), name="other")) == key
    changed = PIXELS.copy()
    changed[5, 5] += 1
    assert plane_key(from_array(changed)) != key
    assert plane_key(from_array(PIXELS[:, :-1])) != key
    twice = from_array(np.stack([PIXELS, PIXELS]), "ZYX")
    assert plane_key(twice, (0,)) != plane_key(twice, (1,))


def test_channels_are_found_and_the_one_of_the_run_is_taken(viewer, split):
    data = np.random.default_rng(1).random((2, 12, 16)).astype(np.float32)
    source = viewer.add_image(data, name="two channels")
    image = from_array(data, "CYX")
    labels = push(viewer, source, make_result(np.ones((1, 12, 16)), WHOLE), image=image).labels
    Corrections.of(labels).confirm((), (slice(0, 4), slice(0, 4)))
    (plane,) = annotated_planes(viewer, labels, split)
    np.testing.assert_array_equal(plane.image, data[0])
    (other,) = annotated_planes(viewer, labels, split, channel=1)
    np.testing.assert_array_equal(other.image, data[1])
    assert other.key == plane.key


def test_labels_that_a_person_brought_belong_to_the_only_image_of_their_shape(viewer, source, split):
    mine = viewer.add_labels(np.ones((12, 16), np.int32), name="mine")
    assert source_of(viewer, mine) is source
    Corrections.of(mine).confirm((), (slice(0, 12), slice(0, 16)))
    (plane,) = annotated_planes(viewer, mine, split)
    assert plane.labels.dtype == np.uint8
    assert plane.confidence is None
    assert plane.touched.all()
    other = viewer.add_image(PIXELS + 1, name="other")
    assert source_of(viewer, mine) is None
    with pytest.raises(InputError, match="choose it"):
        annotated_planes(viewer, mine, split)
    (plane,) = annotated_planes(viewer, mine, split, source=other)
    assert plane.name == "other"


def test_what_does_not_fit_is_told(viewer, source, labels, split):
    labels.paint((3, 4), 2)
    small = viewer.add_image(np.zeros((4, 4)), name="small")
    with pytest.raises(InputError, match="another shape than small"):
        annotated_planes(viewer, labels, split, source=small)
    objects = viewer.add_labels(np.full((12, 16), 300), name="objects")
    Corrections.of(objects).confirm((), (slice(0, 4), slice(0, 4)))
    with pytest.raises(InputError, match="up to 300"):
        annotated_planes(viewer, objects, split)
    viewer.layers.remove(source)
    with pytest.raises(InputError, match="not open"):
        annotated_planes(viewer, labels, split)
