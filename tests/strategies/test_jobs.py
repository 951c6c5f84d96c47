"""What jobs make of an image: grids, scales, intensities, reports."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_models import CPU, Models, OnePass, Threshold
from torch import nn

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, CheckpointError, InputError
from napari_pseudolabel.exporting.sidecar import Provenance
from napari_pseudolabel.imaging import Placement, from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Normalisation
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelJob, LabelSettings, Region


def placed(*shape, pixel=0.2):
    n = len(shape)
    return Placement((pixel,) * n, (0.0,) * n, units=("micrometer",) * n, axis_labels=tuple("zyx"[-n:]))


@pytest.fixture
def stack(disc_image):
    """Two 16-bit planes of 40 x 52 pixels of 0.2 um."""
    data = np.stack([disc_image((40, 52), seed)[0] for seed in (1, 2)]).astype(np.uint16) * 100
    return from_array(data, "ZYX", placed(*data.shape), "stack")


def settings(**changes):
    return LabelSettings(**{"tiles": CPU, "flips": 0, **changes})


def run(job, models, control=None):
    return job.run(control or Control(), models)


def test_several_samples_are_of_quality_unless_something_else_is_asked_for():
    assert LabelSettings(samples=2).evaluations == "quality"
    assert LabelSettings(samples=2, evaluations="fast").evaluations == "fast"
    assert LabelSettings().evaluations == "auto"


def test_a_label_job_covers_the_planes_and_reports_itself(stack, tiny_translator, tiny_segmenter):
    # Without clearing: what a crumb becomes is not what the models found likeliest.
    asked = settings(samples=2, seed=4, smallest_object=0.0)
    job = LabelJob(stack, str(tiny_translator), str(tiny_segmenter), settings=asked)
    stages = set()
    found = job.run(Control(lambda progress: stages.add(progress.stage)), LoadedModels())
    assert found.planes == ((0,), (1,))
    assert found.region == Region(0, 0, 40, 52)
    for array, dtype in (
        (found.labels, np.uint8),
        (found.confidence, np.float32),
        (found.translation, np.float32),
        (found.spread, np.float32),
    ):
        assert array.shape == (2, 40, 52)
        assert array.dtype == dtype
    assert set(np.unique(found.labels)) <= {0, 1, 7}
    assert found.confidence.min() >= 1 / 3 - 1e-6  # of three classes the likeliest has at least a third
    assert found.confidence.max() <= 1
    assert 0 <= found.translation.min() <= found.translation.max() <= 1
    assert found.spread.max() > 0
    assert {"Translating, part 2 of 2", "Segmenting, part 1 of 2"} <= stages
    report = found.report
    assert [(one.role, one.name, len(one.sha256)) for one in report.models] == [
        ("translator", "tiny SEM to TEM", 64),
        ("segmenter", "tiny TEM", 64),
    ]
    assert (report.factor, report.tile, report.device) == (1.0, 32, "cpu")
    assert 0 <= report.agreement <= 1
    told = json.loads(json.dumps(report.provenance()))
    assert Provenance.model_validate(told).seed == 4
    again = job.run(Control(), LoadedModels())
    np.testing.assert_array_equal(again.labels, found.labels)


def test_a_region_is_the_same_part_of_the_whole(stack):
    """Intensities come from the whole layer, and nothing is shifted."""
    models = Models(OnePass(), Threshold())
    whole = run(LabelJob(stack, "t", "s", settings=settings()), models)
    region = Region(10, 20, 30, 45)
    part = run(LabelJob(stack, "t", "s", settings=settings(), region=region, planes=((1,),)), models)
    assert part.region == region
    assert part.planes == ((1,),)
    for name in ("labels", "confidence", "translation"):
        expected = getattr(whole, name)[1:, 10:30, 20:45]
        np.testing.assert_allclose(getattr(part, name), expected, atol=1e-5, err_msg=name)


def test_a_region_is_cut_at_the_border_and_refused_outside(stack):
    models = Models(OnePass(), Threshold())
    job = LabelJob(stack, segmenter="s", settings=settings(), region=Region(-5, 40, 10, 900))
    assert run(job, models).labels.shape == (2, 10, 12)
    with pytest.raises(InputError, match="outside"):
        run(LabelJob(stack, segmenter="s", settings=settings(), region=Region(0, 60, 10, 70)), models)


@pytest.mark.parametrize(
    ("scale", "side"),
    [
        (Scale(), 20),  # 0.2 um in the image, 0.4 um in the model
        (Scale(pixel_size_um=0.8), 80),
        (Scale(factor=1.5, pixel_size_um=0.8), 60),
    ],
)
def test_the_segmenter_sees_the_image_on_its_grid_and_the_labels_come_back(stack, scale, side):
    segmenter = Threshold(pixel_size_um=0.4)
    found = run(LabelJob(stack, segmenter="s", settings=settings(scale=scale)), Models(other=segmenter))
    assert segmenter.seen[0][0].shape[0] == side
    assert found.labels.shape == (2, 40, 52)
    truth = stack.data > stack.data.mean()
    assert ((found.labels == 3) == truth).mean() > 0.9


def test_models_of_different_pixel_size_are_chained(stack):
    translator, segmenter = OnePass(), Threshold(pixel_size_um=0.1)
    run(LabelJob(stack, "t", "s", settings=settings()), Models(translator, segmenter))
    assert segmenter.seen[0][0].shape == (80, 104)


@pytest.mark.parametrize(
    ("normalisation", "family", "raw"),
    [
        (Normalisation(), "monai-unet", 1),
        (Normalisation(kind="range", low=10, high=210), "torchscript", 210),
        (Normalisation(kind="none"), "torchscript", 1),
        (Normalisation(kind="range", low=0, high=255), "nnunet", 255),
    ],
)
def test_a_segmenter_gets_translations_in_its_own_range(stack, normalisation, family, raw):
    segmenter = Threshold(normalisation, family)
    found = run(LabelJob(stack, "t", "s", settings=settings()), Models(OnePass(), segmenter))
    image, plane = segmenter.seen[0]
    assert image.max() == pytest.approx(raw, rel=0.05)
    np.testing.assert_allclose(plane, found.translation[0], atol=1e-4)


def test_raw_values_are_handed_over_as_they_are_where_the_card_says_so(stack):
    segmenter = Threshold(Normalisation(kind="none"))
    run(LabelJob(stack, segmenter="s", settings=settings()), Models(other=segmenter))
    image, plane = segmenter.seen[0]
    np.testing.assert_array_equal(image, stack.plane((0,)))
    np.testing.assert_array_equal(plane, image)


def test_statistics_are_those_of_the_layer_and_not_of_the_plane(stack):
    dark = from_array(np.stack([stack.data[0], stack.data[0] // 4]), "ZYX", stack.placement)
    segmenter = Threshold()
    found = run(LabelJob(dark, segmenter="s", settings=settings()), Models(other=segmenter))
    assert (found.labels[0] == 3).any()
    assert not (found.labels[1] == 3).any()


class _Moved(nn.Module):
    def forward(self, x):
        return torch.roll(x, (4, -3), dims=(2, 3))


def test_a_shifted_translation_is_measured_and_told(disc_image):
    image = from_array(disc_image((96, 96), 5)[0], placement=placed(96, 96), name="x")
    image = replace(image, modality="A")
    found = run(LabelJob(image, "t", settings=settings()), Models(OnePass(_Moved())))
    assert found.labels is None
    assert found.classes == ()
    assert found.report.shift_px == pytest.approx((4, -3), abs=0.3)
    (note,) = found.report.notes
    y, x = found.report.shift_px
    assert f"shifted by {y:+.1f} px (down) and {x:+.1f} px (right)" in note
    straight = run(LabelJob(image, "t", settings=settings()), Models(OnePass()))
    assert straight.report.shift_px == pytest.approx((0, 0), abs=0.1)
    assert straight.report.notes == ()


def test_an_unknown_pixel_size_is_told(disc_image):
    image = from_array(disc_image((40, 40), 5)[0])
    found = run(LabelJob(image, segmenter="s", settings=settings()), Models(other=Threshold()))
    assert found.report.factor == 1
    assert any("pixel size" in note for note in found.report.notes)


def test_constant_and_nan_images_are_labelled_without_a_fuss():
    for value in (0, 7, np.nan):
        image = from_array(np.full((20, 20), value, np.float32))
        found = run(LabelJob(image, "t", "s", settings=settings()), Models(OnePass(), Threshold()))
        assert not found.labels.any()
        assert found.report.shift_px is None


def test_a_cancelled_job_stops(stack, tiny_translator, tiny_segmenter):
    seen = []

    def cancelled():
        return len(seen) > 2

    job = LabelJob(stack, str(tiny_translator), str(tiny_segmenter), settings=settings())
    with pytest.raises(Cancelled):
        job.run(Control(seen.append, cancelled), LoadedModels())
    assert len(seen) < 10


def test_what_cannot_work_is_one_sentence(stack, tiny_translator, tiny_segmenter):
    models = LoadedModels()
    translator, segmenter = str(tiny_translator), str(tiny_segmenter)
    with pytest.raises(InputError, match="no model to label with"):
        run(LabelJob(stack), models)
    with pytest.raises(CheckpointError, match="no translator"):
        run(LabelJob(stack, segmenter), models)
    with pytest.raises(InputError, match="Samples must be 1 or more, not 0"):
        settings(samples=0)
    with pytest.raises(InputError, match="Seed must be from 0 to 4294967295"):
        settings(seed=-1)
    with pytest.raises(InputError, match="magnified"):
        run(LabelJob(stack, translator, settings=settings(scale=Scale(factor=100))), models)


def test_regions_grow_and_are_clipped():
    region = Region(2, 3, 10, 12)
    assert region.shape == (8, 9)
    assert region.grown(4, 11, 100) == Region(0, 0, 11, 16)
