"""Fields are drawn with the look of an image, and a segmenter learns from them; nobody labels anything."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.labels.objects import scheme_for
from napari_pseudolabel.labels.thresholding import threshold_of, typical_size_px
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.training.common.training_events import SyntheticPair
from napari_pseudolabel.training.data.nuclei_fields import NucleiParams
from napari_pseudolabel.training.training_jobs import RenderedJob
from napari_pseudolabel.training.unlabelled.field_looks import FieldLook, drawn, look_of
from napari_pseudolabel.training.unlabelled.rendering import field_like
from napari_pseudolabel.training.unlabelled.seen_images import TYPICAL_PX, seen_in
from napari_pseudolabel.training.unlabelled.unlabelled_task import RenderedSettings

CLASSES = (LabelClass(name="background", value=0), LabelClass(name="nuclei", value=1))
LOOK = FieldLook(
    NucleiParams(diameter_px=14, covered=0.2, grouping=0.0, elongation=0.2),
    0.2,
    0.01,
    0.01,
    0.75,
    0.05,
    0.03,
    1.0,
    0.03,
)
TINY = RenderedSettings(steps=4, fields=4, batch=1, patch=16, width=2, ema=0.0)


def image(seed=1, look=LOOK, shape=(96, 128)):
    return np.clip(drawn(look, shape, seed=seed)[0], 0, 1)


def job(folder, **changes):
    return RenderedJob(
        **{"places": (image(),), "folder": folder, "classes": CLASSES, "settings": TINY, **changes}
    )


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_measured_is_what_was_drawn(dark):
    look = dataclasses.replace(LOOK, around=0.8, inside=0.25) if dark else LOOK
    plane = image(look=look, shape=(256, 256))
    threshold = threshold_of([plane], "auto", 0.7)
    numbered = threshold.instances(plane, scheme_for(CLASSES))
    found = look_of(plane, numbered, typical_size_px([numbered]))
    assert found.geometry.diameter_px == pytest.approx(14, rel=0.2)
    assert found.geometry.covered == pytest.approx(0.2, abs=0.05)
    assert (found.around, found.inside) == pytest.approx((look.around, look.inside), abs=0.06)
    assert found.noise == pytest.approx(0.03, rel=0.3)
    assert found.blur_px == pytest.approx(1.0, rel=0.5)


def test_an_image_without_objects_has_a_usual_look_and_is_refused_alone(tmp_path):
    flat = np.random.default_rng(0).normal(0.5, 0.01, (64, 64)).astype(np.float32)
    assert look_of(flat, np.zeros(flat.shape, np.int32), 15.0).geometry.diameter_px == 15.0
    with pytest.raises(InputError, match="nothing to learn from"):
        seen_in(job(tmp_path, places=(np.zeros((64, 64), np.float32),)), None, None, Control())


def test_what_the_person_says_goes_before_what_is_measured(tmp_path):
    seen = seen_in(job(tmp_path), 40.0, 0.5, Control())
    assert (seen.size_px, seen.factor) == (40.0, TYPICAL_PX / 40)
    assert {look.geometry.covered for look in seen.looks} == {0.5}
    measured = seen_in(job(tmp_path), None, None, Control())
    assert measured.size_px == pytest.approx(14, rel=0.25)
    assert "say that they are dark where that is wrong" in measured.notes[0]


def test_fields_are_on_the_grid_of_the_segmenter_and_the_same_again(tmp_path):
    seen = seen_in(job(tmp_path), None, None, Control())
    one, same, other = (field_like(seen, number, 0) for number in (0, 0, 1))
    np.testing.assert_array_equal(one.image, same.image)
    np.testing.assert_array_equal(one.labels, same.labels)
    assert not np.array_equal(one.labels, other.labels)
    assert one.image.shape == one.labels.shape
    assert one.image.min() >= 0
    assert one.image.max() <= 1
    assert one.image[one.labels > 0].mean() > one.image[one.labels == 0].mean() + 0.3


def test_it_is_trained_once_tells_what_it_sees_and_goes_on_after_a_cancel(tmp_path):
    events = []
    stopped = [False]

    def report(progress):
        stopped[0] = progress.stage == "Training the segmenter" and progress.done >= 2

    with pytest.raises(Cancelled):
        job(tmp_path / "run").run(Control(report=report, cancelled=lambda: stopped[0]), LoadedModels())
    assert not job(tmp_path / "run").done
    made = job(tmp_path / "run").run(Control(emit=events.append), LoadedModels())
    (pair,) = (event for event in events if isinstance(event, SyntheticPair))
    assert pair.source.dtype == pair.translation.dtype == np.uint8
    assert pair.labels.shape == pair.translation.shape
    whole = job(tmp_path / "whole").run(Control(), LoadedModels())
    first, second = (LoadedModels().segmenter(str(one.path)).network.state_dict() for one in (made, whole))
    for name, value in first.items():
        np.testing.assert_allclose(value.numpy(), second[name].numpy(), atol=1e-6)
    card = LoadedModels().segmenter(str(made.path)).card
    assert "on no label of a person" in card.description
    assert all(
        "synthetic images" in measure.data or "synthetic" in measure.metric for measure in card.quality
    )
    again = job(tmp_path / "run")
    assert again.done
    assert again.run(Control(), LoadedModels()) == made
    other = job(tmp_path / "run", places=(image(2),))
    with pytest.raises(InputError, match="other data"):
        other.run(Control(), LoadedModels())
