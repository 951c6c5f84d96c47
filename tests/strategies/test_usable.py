"""A run says when its labels are probably not usable: first of its notes, in its provenance, however it is cut."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from fake_models import CPU, Models, Threshold

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import CardCalibration, TypicalLabels
from napari_pseudolabel.strategies import LabelJob, LabelSettings, Region
from napari_pseudolabel.strategies.chunks import cut, join
from napari_pseudolabel.strategies.provenance import Record

SETTINGS = LabelSettings(tiles=CPU, scale=Scale(factor=1), find_scale="never")


@dataclass
class Known(Threshold):
    """Says of itself what its labels look like, and by how much it boasts."""

    calibration: CardCalibration | None = None

    @property
    def card(self):
        return super().card.model_copy(update={"calibration": self.calibration})


@dataclass
class Empty(Known):
    """Finds nothing."""

    def probabilities(self, image, **kwargs):
        found = super().probabilities(image, **kwargs)
        return np.stack([np.full_like(found[0], 0.9), np.full_like(found[0], 0.1)])


@pytest.fixture
def image(disc_image):
    return from_array(disc_image((96, 128), 1)[0], name="discs")


def run(image, segmenter, **changes):
    job = LabelJob(image, segmenter="s", settings=replace(SETTINGS, **changes))
    return job.run(Control(), Models(other=segmenter))


def test_labels_that_look_as_they_should_are_not_doubted(image):
    found = run(image, Known())
    assert found.report.doubts == ()
    usable = found.report.provenance()["usable"]
    asked = ["how much of the image would be objects", "whether mirrored looks agree"]
    assert usable == {"verdict": "no doubt in what was checked", "reasons": [], "checked": asked}
    tiny = run(from_array(np.asarray(image.data)[:48, :64], name="few pixels"), Known()).report
    assert tiny.provenance()["usable"] == {"verdict": "not checked", "reasons": [], "checked": []}


def test_a_run_that_found_nothing_says_so_first(image):
    report = run(image, Empty()).report
    assert report.notes[0].startswith("These labels are probably not usable: hardly anything was found.")
    told = json.loads(json.dumps(report.provenance()))
    usable = told["usable"]
    assert (usable["verdict"], usable["reasons"]) == ("probably not", ["hardly anything was found"])
    assert Record.from_provenance(told) == Record.of(report)


def test_the_contrast_that_a_segmenter_knows_is_compared(image):
    known = TypicalLabels(contrast=((0, 3, 0.99),))
    report = run(image, Known(calibration=CardCalibration(typical=known))).report
    assert report.doubts == ("background is not brighter than bright, as it is in images that it knows",)


def test_a_verdict_does_not_depend_on_how_the_image_is_cut(image):
    known = TypicalLabels(contrast=((0, 3, 0.99),), agreement=0.9, hesitation=0.3)
    models = Models(other=Known(calibration=CardCalibration(typical=known)))
    job = LabelJob(image, segmenter="s", settings=SETTINGS)
    survey = job.survey.run(Control(), models)
    plan = job.plan(survey, Control())
    whole = job.run(Control(), models)
    small = replace(job, settings=replace(SETTINGS, tiles=replace(CPU, tile=32)))
    chunks = cut(small, survey, plan.factors, tiles=2)
    assert len(chunks) > 3
    parts = [plan.load(chunk).run(Control(), models) for chunk in chunks]
    report = plan.conclude([part.report for part in parts], 0.0)
    assert report.doubts == whole.report.doubts != ()
    joined = join(job, parts, report)
    np.testing.assert_array_equal(joined.labels, whole.labels)
    one, other = report.evidence, whole.report.evidence
    assert (one.pixels, one.votes, one.brightness) == (other.pixels, other.votes, other.brightness)
    assert one.doubt == pytest.approx(other.doubt, rel=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_temperature_changes_how_sure_labels_are_and_not_the_labels(image, temperature):
    plain = run(image, Known(), flips=1)
    found = run(image, Known(calibration=CardCalibration(temperature=temperature)), flips=1)
    np.testing.assert_array_equal(found.labels, plain.labels)
    np.testing.assert_array_equal(found.candidates, plain.candidates)
    p = plain.confidence.astype(np.float64).clip(1e-6, 1 - 1e-6)
    expected = p ** (1 / temperature) / (p ** (1 / temperature) + (1 - p) ** (1 / temperature))
    np.testing.assert_allclose(found.confidence, expected, atol=1e-4)
    same = run(image, Known(calibration=CardCalibration(temperature=1.0)), flips=1)
    np.testing.assert_array_equal(same.confidence, plain.confidence)


def test_a_part_is_as_sure_as_the_whole(image):
    segmenter = Known(calibration=CardCalibration(temperature=1.7))
    job = LabelJob(image, segmenter="s", settings=replace(SETTINGS, smallest_object=0.0))
    whole = job.run(Control(), Models(other=segmenter))
    region = Region(20, 30, 60, 90)
    part = replace(job, region=region).run(Control(), Models(other=segmenter))
    np.testing.assert_allclose(part.confidence[0], whole.confidence[0][region.window], atol=1e-6)
