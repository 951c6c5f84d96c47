"""An image of a list in a viewer: its layers, and what was decided in them after everything was killed."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.plugins import _initialize_plugins
from recorded_session import record

from napari_pseudolabel.collection.image_gain import labels_of
from napari_pseudolabel.collection.image_labelling import listed_image
from napari_pseudolabel.collection.image_list import ImageList
from napari_pseudolabel.collection.kept_labels import KeptLabels
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED, REACHED
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.viewer import Corrections, image_of
from napari_pseudolabel.viewer.listed_layers import ReadImage, decided_now, open_images, show_listed
from napari_pseudolabel.viewer.recording import restore

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="nucleus", value=1))


def listed(tmp_path, shape=(20, 30), **kinds):
    """A list of one image, with labels that a run made in its upper half."""
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8), **kinds)
    images = ImageList(tmp_path / "workspace" / "images")
    (one,) = images.add([path])
    image = listed_image(one)
    labels = np.zeros(image.shape, np.uint8)
    labels[..., :5, :] = 1
    flags = np.zeros(image.shape, np.uint8)
    flags[..., :10, :] = REACHED
    KeptLabels(labels, labels, flags, CLASSES, CLASSES, (), image.placement).write(
        images.kept_path(one), before=()
    )
    return images, one


def shown(images, one):
    viewer = ViewerModel()
    assert list(show_listed(viewer, images.id, one, ReadImage.of(images, one))) == [None]
    return viewer


@pytest.mark.parametrize(
    ("axes", "shape", "kinds"),
    [
        ("YXS", (20, 30, 3), {"photometric": "rgb"}),
        ("CYX", (2, 20, 30), {"metadata": {"axes": "CYX"}, "ome": True}),
        ("ZYX", (3, 20, 30), {"metadata": {"axes": "ZYX"}, "ome": True}),
    ],
)
def test_docks_take_the_axes_for_what_was_labelled(tmp_path, axes, shape, kinds):
    images, one = listed(tmp_path, shape, **kinds)
    viewer = shown(images, one)
    source, labels = viewer.layers
    assert image_of(source).axes == axes
    assert image_of(source).shape == labels.data.shape
    assert decided_now(viewer, images)[0].write() is False


def test_what_a_session_brings_back_goes_on_into_the_list(tmp_path, sessions):
    images, one = listed(tmp_path)
    viewer = shown(images, one)
    labels = viewer.layers[-1]
    labels.data_setitem((np.array([15]), np.array([7])), 1)
    Corrections.of(labels).confirm((), (slice(0, 3), slice(0, 30)))
    with closing(sessions.read(record(viewer, sessions))) as content:
        again = ViewerModel()
        _initialize_plugins()  # as every window of napari does
        restore(again, content)
    (opened,) = open_images(again, images.id)
    assert opened.name == one.name
    (decided,) = decided_now(again, images)
    assert decided.write()
    kept = labels_of(images, one)
    assert kept.labels[15, 7] == 1
    assert kept.flags[15, 7] & CORRECTED
    assert ((kept.flags & CONFIRMED) > 0).sum() == 90
    assert (kept.flags[11:] & REACHED == 0).all()
    # The viewer that was killed comes back to life: it is the same opening, and says the same.
    assert decided_now(viewer, images)[0].write() is False
    # Another one began before all that.
    other = shown_before(images, one)
    other.layers[-1].data_setitem((np.array([2]), np.array([2])), 0)
    (late,) = decided_now(other, images)
    with pytest.raises(InputError, match="changed elsewhere"):
        late.write()
    opened.close()
    assert not again.layers


def shown_before(images, one):
    """A viewer in which the image was opened when nothing had been decided."""
    viewer = shown(images, one)
    source = viewer.layers[0]
    source.metadata["napari_pseudolabel_listed"]["before"] = ""
    return viewer
