"""Strategies that learn from the images to be labelled: shell and Python see the same, and results name how."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelSettings, Record
from napari_pseudolabel.strategies.again import again
from napari_pseudolabel.strategies.rendered import RENDERED, RenderedOptions
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.strategies.unlabelled_images import MOST_IMAGES, places_of, spread, with_learned
from napari_pseudolabel.training.data.nuclei_fields import NucleiParams
from napari_pseudolabel.training.unlabelled.field_looks import FieldLook, drawn
from napari_pseudolabel.training.unlabelled.unlabelled_task import RenderedSettings

pytestmark = pytest.mark.usefixtures("brief_calibration")

TINY = RenderedSettings(steps=2, fields=4, batch=1, patch=16, width=2, ema=0.0)
LOOK = FieldLook(NucleiParams(diameter_px=14, covered=0.2))
IMAGE = from_array(
    (np.clip(drawn(LOOK, (96, 112), seed=1)[0], 0, 1) * 60_000).astype(np.uint16), name="cells"
)


def test_it_learns_labels_and_finds_its_way_back(tmp_path):
    options = RenderedOptions(objects="cells", training=TINY)
    asked = LabelRequest(options=options, folder=tmp_path, images=(IMAGE,), settings=LabelSettings(flips=0))
    preparing = RENDERED.preparation.job(asked, "")
    made = preparing.run(Control(), LoadedModels())
    assert preparing.done
    ready = RENDERED.preparation.with_result(asked, preparing, made)
    found = RENDERED.job(IMAGE, ready).run(Control(), LoadedModels())
    assert found.labels.shape == (1, 96, 112)
    assert [one.name for one in found.classes] == ["background", "cells"]
    assert any("synthetic images only" in note for note in found.report.notes)
    # It learned from this very image: that it fits is not assumed.
    assert not any("It is not known" in note for note in found.report.notes)
    told = json.loads(json.dumps(found.report.provenance()))
    assert (told["strategy"], told["parameters"]["options"]["objects"]) == ("rendered", "cells")
    record = Record.from_provenance(told)
    assert record.options == options
    np.testing.assert_array_equal(again(record, IMAGE).run(Control(), LoadedModels()).labels, found.labels)
    # What the person says about the scale goes first.
    own = LabelRequest(folder=tmp_path, settings=LabelSettings(scale=Scale(factor=2)))
    assert with_learned(own, preparing, made).settings.scale == Scale(factor=2)
    # A pixel size says nothing about the objects that it has learned; it is kept for the files.
    sized = LabelRequest(folder=tmp_path, settings=LabelSettings(scale=Scale(pixel_size_um=0.1)))
    assert with_learned(sized, preparing, made).settings.scale == Scale(made.factor, None, 0.1)
    # What a worker elsewhere has trained is written here.
    made.path.unlink()
    with_learned(own, preparing, made)
    assert made.path.read_bytes() == made.checkpoint


def test_few_of_many_images_are_seen_each_in_its_own_range():
    assert spread(range(100)) == sorted({round(i * 99 / (MOST_IMAGES - 1)) for i in range(MOST_IMAGES)})
    assert spread(range(3)) == [0, 1, 2]
    bright = from_array(np.asarray(IMAGE.data) // 8)
    for plane in places_of([IMAGE, bright], None):
        assert (plane.min(), plane.max()) == (0, 1)
    with pytest.raises(InputError, match="no image to learn from"):
        list(places_of([], None))
