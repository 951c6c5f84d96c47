"""What is no label image is refused wherever labels are read; what a mask means is said."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow
from scipy import ndimage as ndi

import napari_pseudolabel as pseudolabel
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.labels.class_values import refuse_grey
from napari_pseudolabel.training.data.image_folders import class_planes

DISCS = np.zeros((64, 80), np.uint8)
for _y, _x in ((14, 14), (14, 50), (45, 25), (48, 62)):
    DISCS[np.hypot(*np.ogrid[-_y : 64 - _y, -_x : 80 - _x]) < 8] = 1


def jpeg(plane):
    """The same after it was saved as JPEG with usual losses."""
    file = BytesIO()
    Pillow.fromarray(plane).save(file, "JPEG", quality=75)
    return np.asarray(Pillow.open(file))


GREY = {
    "an image": (60 + 100 * DISCS + np.random.default_rng(0).normal(0, 6, DISCS.shape)).astype(np.uint8),
    "an image of 16 bit": np.random.default_rng(0).integers(300, 60_000, (64, 80)).astype(np.uint16),
    "a smoothed mask": np.asarray(ndi.gaussian_filter(DISCS * 255.0, 1.0), np.uint8),
    "a mask turned with interpolation": np.asarray(Pillow.fromarray(DISCS * 255).rotate(7, Pillow.BILINEAR)),
    "a mask as JPEG": jpeg(DISCS * 255),
    "a mask as a good JPEG": (DISCS * 247 + np.random.default_rng(0).integers(0, 5, DISCS.shape)).astype(
        np.uint8
    ),
}
LABELS = {
    "many classes": np.repeat(np.repeat(np.arange(1, 21, dtype=np.uint8).reshape(4, 5), 9, 0), 9, 1),
    "numbers": np.asarray(ndi.label(DISCS)[0], np.uint16) * 11,
    "points": np.where(np.indices((40, 40)).sum(0) % 5 == 0, np.arange(1600).reshape(40, 40) % 200, 0).astype(
        np.uint8
    ),
    "numbers from both ends": np.array([0, 1, 2, 253, 254, 255], np.uint8)[np.asarray(ndi.label(DISCS)[0])],
    "speckled classes": np.random.default_rng(0).integers(0, 5, (40, 40)).astype(np.uint8),
}


@pytest.mark.parametrize("kind", GREY)
def test_grey_levels_are_no_labels_wherever_they_are_read(kind, tmp_path):
    path = tmp_path / "grey.tif"
    tifffile.imwrite(path, GREY[kind])
    tifffile.imwrite(tmp_path / "discs.tif", DISCS)
    for use in (
        lambda: pseudolabel.evaluate(path, tmp_path / "discs.tif", {"disc": 1}),
        lambda: pseudolabel.evaluate(DISCS, GREY[kind], {"disc": 255}),
        lambda: pseudolabel.measure(path),
        lambda: next(class_planes(path, from_array(GREY[kind], "YX"))),
    ):
        with pytest.raises(
            InputError, match=r"like grey levels|as of a mask of 0 and 255 that was saved as JPEG"
        ):
            use()


@pytest.mark.parametrize("kind", LABELS)
def test_labels_are_labels(kind):
    refuse_grey(LABELS[kind], kind)


def test_a_mask_of_0_and_255_is_the_one_class_that_is_named():
    found = pseudolabel.evaluate(DISCS, DISCS * 255, {"disc": 1})
    assert found.scores.dice["disc"] == 1
    assert found.notes[0] == "The reference is a mask of 0 and 255; 255 was taken for disc."
    assert not any("mask" in note for note in pseudolabel.evaluate(DISCS, DISCS, {"disc": 1}).notes)
    with pytest.raises(InputError, match="2 are named"):
        pseudolabel.evaluate(DISCS, DISCS * 255, {"disc": 1, "other": 2})


def test_classes_that_neither_image_holds_have_no_scores():
    with pytest.raises(InputError, match="Neither label image holds disc"):
        pseudolabel.evaluate(DISCS * 3, DISCS * 3, {"disc": 1})
