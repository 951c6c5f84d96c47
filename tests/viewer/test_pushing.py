"""Results as layers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pseudolabel.strategies import Region
from napari_pseudolabel.viewer import KEY, Corrections, content_of, find_layer, image_of, push

AFFINE = np.array([[1.1, 0.1, 3], [-0.2, 0.9, 4], [0, 0, 1.0]])
PLACEMENT = {
    "scale": (0.5, 0.25),
    "translate": (3, 4),
    "rotate": 30,
    "shear": [0.2],
    "affine": AFFINE,
    "units": ("micrometer", "micrometer"),
    "axis_labels": ("y", "x"),
}


@pytest.fixture
def source(viewer):
    return viewer.add_image(np.random.default_rng(0).random((12, 16)), name="sem_12", **PLACEMENT)


def layers_of(pushed):
    return pushed.labels, pushed.confidence, pushed.translation


def test_layers_lie_where_the_image_lies_in_order_above_it(viewer, source, result):
    above = viewer.add_points([[0, 0]])
    pushed = push(viewer, source, result(np.ones((1, 12, 16))))
    assert [layer.name for layer in viewer.layers] == [
        "sem_12",
        "sem_12: translation",
        "sem_12: confidence",
        "sem_12: axon + myelin (pseudo)",
        above.name,
    ]
    for layer in layers_of(pushed):
        for name in ("scale", "translate", "rotate", "shear", "units", "axis_labels"):
            np.testing.assert_array_equal(getattr(layer, name), getattr(source, name))
        np.testing.assert_allclose(layer.affine.affine_matrix, AFFINE)
        np.testing.assert_allclose(layer.data_to_world((7, 5)), source.data_to_world((7, 5)))


def test_layers_follow_the_image_when_it_is_labelled_again(viewer, result):
    source = viewer.add_image(np.random.default_rng(0).random((12, 16)), name="sem_12")
    first = push(viewer, source, result(np.ones((1, 12, 16))))
    first.labels.data_setitem((np.array([3]), np.array([4])), 2)
    for name, value in PLACEMENT.items():
        setattr(source, name, value)
    again = push(viewer, source, result(np.zeros((1, 12, 16))))
    assert layers_of(again) == layers_of(first)
    for layer in layers_of(again):
        for name in PLACEMENT:
            np.testing.assert_allclose(
                *(_numbers(getattr(one, name)) for one in (layer, source)), err_msg=name
            )
        np.testing.assert_allclose(layer.data_to_world((7, 5)), source.data_to_world((7, 5)))
    assert again.labels.data[3, 4] == 2  # the correction
    assert content_of(viewer, again.labels).placement.units == ("micrometer", "micrometer")
    for name in ("rotate", "shear", "affine"):
        setattr(source, name, getattr(viewer.add_image(np.zeros((12, 16))), name))
    push(viewer, source, result(np.zeros((1, 12, 16))))
    np.testing.assert_allclose(again.labels.data_to_world((7, 5)), source.data_to_world((7, 5)))


def _numbers(value):
    """What can be compared, of units and labels their places in the alphabet."""
    if hasattr(value, "affine_matrix"):
        return value.affine_matrix
    return [hash(str(one)) % 2**20 for one in value] if isinstance(value, tuple) else np.asarray(value)


def test_labels_have_names_colours_and_can_be_edited(viewer, source, result):
    labels = push(viewer, source, result(np.ones((1, 12, 16)))).labels
    assert labels.editable
    assert list(labels.features["class"]) == ["background", "axon", "myelin"]
    axon, myelin = labels.get_color(1), labels.get_color(2)
    assert not np.allclose(axon, myelin)
    assert labels.colormap.color_dict[0][3] == 0
    assert "axon" in str(labels.get_status((3.2, 4.2), world=True))


def test_what_no_job_has_reached_is_transparent(viewer, source, result):
    pushed = push(viewer, source, result(np.ones((1, 4, 5)), Region(2, 3, 6, 8)))
    inside = np.zeros((12, 16), bool)
    inside[2:6, 3:8] = True
    np.testing.assert_array_equal(pushed.labels.data == 1, inside)
    np.testing.assert_array_equal(~np.isnan(pushed.confidence.data), inside)
    np.testing.assert_array_equal(~np.isnan(pushed.translation.data), inside)


def test_the_second_result_replaces_in_place_even_after_renaming(viewer, source, result):
    first = push(viewer, source, result(np.ones((1, 12, 16))))
    first.labels.name = "mine"
    first.confidence.visible = True
    impostor = viewer.add_labels(np.zeros((12, 16), np.uint8), name="sem_12: axon + myelin (pseudo)")
    second = push(viewer, source, result(np.full((1, 4, 4), 2), Region(0, 0, 4, 4)))
    assert second.labels is first.labels
    assert second.confidence.visible
    assert not impostor.data.any()
    assert (first.labels.data[:4, :4] == 2).all()
    assert (first.labels.data[4:] == 1).all()
    assert len(viewer.layers) == 5


def test_a_duplicate_belongs_to_the_person(viewer, source, result):
    from copy import deepcopy

    from napari.layers import Labels

    first = push(viewer, source, result(np.ones((1, 12, 16)))).labels
    data, attributes, _ = deepcopy(first.as_layer_data_tuple())
    duplicate = viewer.add_layer(Labels(data, **attributes))
    push(viewer, source, result(np.full((1, 12, 16), 2)))
    assert (duplicate.data == 1).all()
    assert (first.data == 2).all()


def test_two_images_do_not_share_layers(viewer, source, result):
    other = viewer.add_image(np.zeros((12, 16)), name="sem_12", **PLACEMENT)
    first = push(viewer, source, result(np.ones((1, 12, 16))))
    second = push(viewer, other, result(np.full((1, 12, 16), 2)))
    assert first.labels is not second.labels
    assert (first.labels.data == 1).all()


def test_painting_survives_and_is_counted_in_the_provenance(viewer, source, result):
    labels = push(viewer, source, result(np.ones((1, 12, 16)))).labels
    labels.brush_size = 1
    labels.paint((2, 2), 2)
    push(viewer, source, result(np.zeros((1, 12, 16)), seed=7))
    assert labels.data.sum() == 2
    provenance = content_of(viewer, labels).provenance
    assert provenance["share_corrected"] == pytest.approx(1 / 192)
    assert provenance["share_confirmed"] == 0
    Corrections.of(labels).confirm((), (slice(0, 6), slice(0, 16)))
    assert content_of(viewer, labels).provenance["share_confirmed"] == pytest.approx(0.5)
    assert provenance["seed"] == 7
    assert provenance["models"][0]["name"] == "sem-to-tem"


def test_runs_on_parts_add_up_until_they_are_covered(viewer, source, result):
    labels = push(viewer, source, result(np.ones((1, 4, 4)), Region(0, 0, 4, 4), seed=1)).labels
    push(viewer, source, result(np.ones((1, 4, 4)), Region(4, 4, 8, 8), seed=2))
    assert [run["seed"] for run in labels.metadata[KEY]["runs"]] == [1, 2]
    push(viewer, source, result(np.ones((1, 12, 16)), seed=3))
    assert [run["seed"] for run in labels.metadata[KEY]["runs"]] == [3]


def test_planes_of_a_stack_fill_one_after_the_other(viewer, result):
    source = viewer.add_image(np.zeros((3, 12, 16)), scale=(2, 1, 1))
    labels = push(viewer, source, result(np.ones((1, 12, 16)), planes=((1,),))).labels
    assert labels.data.shape == (3, 12, 16)
    assert [plane.any() for plane in labels.data] == [False, True, False]
    push(viewer, source, result(np.full((2, 12, 16), 2), planes=((0,), (2,))))
    assert [plane.max() for plane in labels.data] == [2, 1, 2]
    np.testing.assert_array_equal(labels.scale, source.scale)


def test_channels_and_rgb_give_labels_without_them(viewer, result):
    stack = viewer.add_image(np.zeros((3, 12, 16)), scale=(1, 0.5, 0.5), axis_labels=("c", "y", "x"))
    labels = push(viewer, stack, result(np.ones((1, 12, 16)))).labels
    assert labels.data.shape == (12, 16)
    np.testing.assert_array_equal(labels.scale, (0.5, 0.5))
    rgb = viewer.add_image(np.zeros((12, 16, 3), np.uint8), rgb=True, scale=(0.5, 0.5))
    assert push(viewer, rgb, result(np.ones((1, 12, 16)))).labels.data.shape == (12, 16)
    unnamed = viewer.add_image(np.zeros((3, 12, 16)))
    image = image_of(unnamed, channel_axis=0)
    assert push(viewer, unnamed, result(np.ones((1, 12, 16))), image=image).labels.data.shape == (12, 16)


def test_the_selection_of_the_person_stays(viewer, source, result):
    viewer.layers.selection.active = source
    push(viewer, source, result(np.ones((1, 12, 16))))
    assert viewer.layers.selection.active is source


def test_a_deleted_layer_is_made_again(viewer, source, result):
    first = push(viewer, source, result(np.ones((1, 12, 16))))
    viewer.layers.remove(first.labels)
    assert find_layer(viewer, source, "labels") is None
    assert push(viewer, source, result(np.ones((1, 12, 16)))).labels is not first.labels


def test_another_number_of_channels_makes_other_layers_once(viewer, result):
    source = viewer.add_image(np.zeros((3, 12, 16)))
    stack = push(viewer, source, result(np.ones((1, 12, 16)), planes=((0,),))).labels
    image = image_of(source, channel_axis=0)
    first = push(viewer, source, result(np.ones((1, 12, 16))), image=image).labels
    second = push(viewer, source, result(np.full((1, 12, 16), 2)), image=image).labels
    assert stack.data.shape == (3, 12, 16)
    assert first is second
    assert (first.data == 2).all()
