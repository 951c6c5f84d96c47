"""A run takes the temperature that fits what a person confirmed, says so, and is done again with it."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from fake_models import CPU, Models, Threshold

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.refitting import ConfidenceFit, ConfirmedRegion
from napari_pseudolabel.strategies import LabelJob, LabelSettings
from napari_pseudolabel.strategies.again import again
from napari_pseudolabel.strategies.fitted_confidence import mark_of
from napari_pseudolabel.strategies.provenance import Record

SETTINGS = LabelSettings(tiles=CPU, scale=Scale(factor=1), find_scale="never")


@dataclass
class Boasting(Threshold):
    """Is .9 sure of everything."""

    def probabilities(self, image, **kwargs):
        return np.where(super().probabilities(image, **kwargs) > 0.5, np.float32(0.9), np.float32(0.1))


@pytest.fixture
def job(disc_image):
    image = from_array(disc_image((96, 128), 1)[0], name="discs")
    return LabelJob(image, segmenter="s", settings=SETTINGS)


def run(job):
    return job.run(Control(), Models(other=Boasting()))


def confirmed(models, share=0.7):
    right = np.arange(4096) < share * 4096
    one = ConfirmedRegion.of(((), (0, 0, 64, 64)), models, np.full(4096, 0.9), right, 1.0)
    return tuple(replace(one, box=(0, x, 64, x + 64)) for x in range(10))


def test_confirmed_regions_make_a_run_as_sure_as_its_models_were_right(job):
    before = run(job)
    mark = mark_of(before.report.models)
    after = run(replace(job, confirmed=confirmed(mark)))
    assert before.report.confidence == ConfidenceFit(1.0, 1.0)
    fit = after.report.confidence
    assert (fit.regions, fit.pixels) == (10, 40960)
    assert fit.temperature > 1
    assert np.nanmax(after.confidence) < np.nanmax(before.confidence)
    assert any(note.startswith("Confidence fitted on 10 confirmed regions") for note in after.report.notes)
    np.testing.assert_array_equal(after.labels > 0, before.labels > 0)


def test_regions_that_other_models_labelled_say_nothing(job):
    assert run(replace(job, confirmed=confirmed("other"))).report.confidence.regions == 0
    assert run(replace(job, confirmed=confirmed(""))).report.confidence.regions == 0


def test_a_run_that_is_done_again_has_the_same_confidence(job):
    first = run(replace(job, confirmed=confirmed(mark_of(run(job).report.models))))
    record = Record.from_provenance(json.loads(json.dumps(first.report.provenance())))
    assert record == Record.of(first.report)
    second = run(again(record, job.image))
    np.testing.assert_array_equal(second.confidence, first.confidence)
    other = again(record, job.image, segmenter="another")
    assert other.confidence is None


def test_a_run_that_is_done_again_keeps_its_temperature_although_cards_say_another(job):
    kept = ConfidenceFit(2.0, 2.0)
    found = run(replace(job, confidence=kept))
    assert found.report.confidence == kept
    assert np.nanmax(found.confidence) == pytest.approx(0.75)  # odds of 9, their root 3
