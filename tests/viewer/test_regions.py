"""What is seen or drawn, in pixels of the image."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Shapes

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import (
    current_plane,
    drawn_shapes,
    image_of,
    middle_of,
    shape_region,
    visible_region,
)


def box(region):
    return region.y0, region.x0, region.y1, region.x1


@pytest.mark.parametrize(
    "placement",
    [
        {},
        {"scale": (0.5, 0.5), "translate": (100, -30)},
        {"rotate": 90.0},
        {"affine": np.array([[0, 1, 5], [1, 0, 7], [0, 0, 1.0]])},
    ],
)
def test_a_shape_drawn_on_the_image_gives_its_pixels(viewer, placement):
    layer = viewer.add_image(np.zeros((60, 80)), **placement)
    corners = [layer.data_to_world(point) for point in ((9.5, 19.5), (9.5, 49.5), (39.5, 49.5), (39.5, 19.5))]
    shapes = viewer.add_shapes([np.array(corners)], shape_type="polygon")
    assert box(shape_region(shapes, layer, image_of(layer))) == (10, 20, 40, 50)


def test_a_shape_that_reaches_beyond_the_image_is_cut_and_one_beside_it_refused(viewer):
    layer = viewer.add_image(np.zeros((60, 80)))
    shapes = viewer.add_shapes([[[-20, -20], [-20, 30], [30, 30], [30, -20]]])
    assert box(shape_region(shapes, layer, image_of(layer)))[:2] == (0, 0)
    shapes.data = [[[100, 100], [100, 130], [130, 130], [130, 100]]]
    with pytest.raises(InputError, match="outside"):
        shape_region(shapes, layer, image_of(layer))


def test_selected_shapes_go_before_the_last_one(viewer):
    layer = viewer.add_image(np.zeros((100, 100)))
    square = np.array([[0, 0], [0, 10], [10, 10], [10, 0]]) - 0.5
    shapes = viewer.add_shapes([square + 20, square + 60])
    image = image_of(layer)
    shapes.selected_data = set()
    assert box(shape_region(shapes, layer, image)) == (60, 60, 70, 70)
    shapes.selected_data = {0}
    assert box(shape_region(shapes, layer, image)) == (20, 20, 30, 30)


def test_the_shapes_layer_is_found_by_being_active_or_on_top_and_not_by_name(viewer):
    viewer.add_image(np.zeros((10, 10)))
    assert drawn_shapes(viewer) is None
    square = np.array([[0, 0], [0, 5], [5, 5], [5, 0]])
    low, high = (viewer.add_layer(Shapes([square], name=name)) for name in ("b", "a"))
    viewer.layers.selection.active = viewer.layers[0]
    assert drawn_shapes(viewer) is high
    viewer.layers.selection.active = low
    assert drawn_shapes(viewer) is low


def test_the_current_plane_follows_the_sliders(viewer):
    layer = viewer.add_image(np.zeros((4, 7, 10, 10)), scale=(2, 3, 1, 1), translate=(10, 0, 0, 0))
    viewer.dims.set_point((0, 1), (14, 9))
    assert current_plane(viewer, layer, image_of(layer)) == (2, 3)
    other = viewer.add_image(np.zeros((10, 10)))
    assert current_plane(viewer, other, image_of(other)) == ()


def test_channels_do_not_count_as_planes(viewer):
    layer = viewer.add_image(np.zeros((5, 2, 10, 10)), axis_labels=("t", "c", "y", "x"))
    viewer.dims.set_point((0, 1), (3, 1))
    assert current_plane(viewer, layer, image_of(layer)) == (3,)


def test_the_view_of_planes_along_other_axes_is_refused(viewer):
    layer = viewer.add_image(np.zeros((20, 30, 40)))
    viewer.dims.order = (1, 0, 2)
    with pytest.raises(InputError, match="other axes"):
        visible_region(viewer, layer, image_of(layer))
    viewer.dims.order = (0, 1, 2)
    viewer.dims.ndisplay = 3
    with pytest.raises(InputError, match="3D"):
        visible_region(viewer, layer, image_of(layer))


def test_the_middle_of_a_region():
    assert box(middle_of(Region(0, 10, 100, 20), 40)) == (30, 10, 70, 20)
    region = Region(3, 4, 30, 40)
    assert middle_of(region, 64) == region


def test_the_view_in_a_real_canvas(make_napari_viewer, qtbot):
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(900, 700)
    values = np.random.default_rng(0).random((1000, 1000)).astype(np.float32)
    plain = viewer.add_image(values)
    turned = viewer.add_image(values, rotate=90, translate=(1000, 0))
    pyramid = viewer.add_image([values, values[::2, ::2], values[::4, ::4]], multiscale=True)
    viewer.camera.center = (500, 600)
    viewer.camera.zoom = 4
    qtbot.waitUntil(lambda: 0 < plain.corner_pixels[1, 0] < 999, timeout=5000)
    seen = visible_region(viewer, plain, image_of(plain))
    assert abs((seen.y0 + seen.y1) / 2 - 500) < 2
    assert abs((seen.x0 + seen.x1) / 2 - 600) < 2
    rotated = visible_region(viewer, turned, image_of(turned))
    corner = turned.world_to_data((seen.y0, seen.x0))
    assert abs(rotated.shape[0] - seen.shape[1]) <= 2
    assert abs(rotated.shape[1] - seen.shape[0]) <= 2
    assert min(abs(corner[0] - rotated.y0), abs(corner[0] - rotated.y1)) <= 2
    canvas = (seen.shape[0] * 4, seen.shape[1] * 4)
    exact = visible_region(viewer, pyramid, image_of(pyramid), canvas)
    np.testing.assert_allclose(box(exact), box(seen), atol=3)


@pytest.mark.parametrize("centre", [(-500.0, -500.0), (500.0, 30.0), (20.0, 500.0), (20.0, -500.0)])
def test_of_an_image_that_is_out_of_view_nothing_is_taken(viewer, centre):
    layer = viewer.add_image(np.zeros((40, 60)))
    layer.corner_pixels = np.clip([centre, centre], 0, [39, 59]).astype(int)  # what napari makes of it
    viewer.camera.center = (0.0, *centre)
    with pytest.raises(InputError, match="outside of the image"):
        visible_region(viewer, layer, image_of(layer), (100, 100))
    viewer.camera.center = (0.0, 20.0, 30.0)
    layer.corner_pixels = np.array([[0, 0], [39, 59]])
    assert visible_region(viewer, layer, image_of(layer), (100, 100)) == Region(0, 0, 40, 60)
