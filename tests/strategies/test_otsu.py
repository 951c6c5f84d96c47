"""Objects are told by their grey levels alone; a part of an image gets the labels of the whole."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.places import looked_at
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.labels.thresholding import threshold_of, typical_size_px
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import Record, Region
from napari_pseudolabel.strategies.again import Extent, again
from napari_pseudolabel.strategies.chunks import cut, join
from napari_pseudolabel.strategies.otsu import OTSU
from napari_pseudolabel.strategies.otsu.otsu_options import OtsuOptions
from napari_pseudolabel.strategies.strategy import LabelRequest

SHAPE = (150, 190)


def discs(radius=7.0, step=36, light=0.0):
    """Bright discs, every second one with a touching partner, and how many there are."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    truth = np.zeros(SHAPE, bool)
    count = 0
    for row in range(14, SHAPE[0] - 10, step):
        for number, column in enumerate(range(14, SHAPE[1] - 24, step)):
            truth |= np.hypot(y - row, x - column) < radius
            count += 1
            if number % 3 == 0:
                truth |= np.hypot(y - row, x - column - 1.8 * radius) < radius
                count += 1
    noise = np.random.default_rng(0).normal(0, 6, SHAPE)
    plane = 40 + 90 * truth + light * x + noise
    return np.clip(plane, 0, 65535).astype(np.uint16), truth, count


PLANE, TRUTH, COUNT = discs()


def run(job):
    return job.run(Control(), LoadedModels())


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.mark.parametrize("dark", [False, True])
def test_objects_are_found_counted_and_told_apart_without_being_told_what_they_look_like(dark):
    plane = 300 - PLANE if dark else PLANE
    found = run(OTSU.job(from_array(plane, name="discs"), LabelRequest()))
    assert dice(found.labels[0] > 0, TRUTH) > 0.95
    scheme = scheme_for(found.classes)
    assert to_instances(found.labels[0], scheme).max() == pytest.approx(COUNT, abs=2)
    (said,) = (note for note in found.report.notes if "surroundings" in note)
    assert ("darker" if dark else "brighter") in said
    assert f"say that they are {'bright' if dark else 'dark'} where that is wrong" in said
    assert re.search("A typical one is 1[345] px wide", said)
    assert any("nobody compared it" in note for note in found.report.notes)
    # Mirrors of one answer agree by themselves.
    assert found.report.agreement is None


def test_what_the_person_says_goes_before_what_covers_less():
    found = run(OTSU.job(from_array(PLANE), LabelRequest(options=OtsuOptions(contrast="dark"))))
    assert dice(found.labels[0] > 0, ~TRUTH) > 0.9
    assert not any("covers less" in note for note in found.report.notes)


def test_uneven_light_is_evened_out():
    plane, truth, _ = discs(light=2.0)
    image = from_array(plane)
    even, level = (
        run(OTSU.job(image, LabelRequest(options=OtsuOptions(even_out=on)))) for on in (True, False)
    )
    assert dice(even.labels[0] > 0, truth) > 0.9
    assert dice(level.labels[0] > 0, truth) < 0.6


def test_nothing_to_see_is_no_error_and_has_no_labels():
    found = run(OTSU.job(from_array(np.full(SHAPE, 7, np.uint8)), LabelRequest()))
    assert not found.labels.any()


def test_colours_are_told_by_their_luminance():
    red = np.stack([np.clip(250 - PLANE, 0, 255), np.full(SHAPE, 90), np.full(SHAPE, 120)], -1)
    found = run(OTSU.job(from_array(red.astype(np.uint8), "YXS"), LabelRequest()))
    assert dice(found.labels[0] > 0, TRUTH) > 0.9


STACK = from_array(np.stack([PLANE, PLANE // 2 + 5]), "ZYX", name="stack")


@cache
def whole_of(even):
    return run(OTSU.job(STACK, LabelRequest(options=OtsuOptions(even_out=even))))


@settings(max_examples=8, deadline=None)
@given(
    y=st.tuples(st.integers(0, SHAPE[0] - 1), st.integers(1, SHAPE[0])),
    x=st.tuples(st.integers(0, SHAPE[1] - 1), st.integers(1, SHAPE[1])),
    plane=st.integers(0, 1),
    even=st.booleans(),
)
def test_any_part_gets_the_labels_of_the_whole(y, x, plane, even):
    whole = whole_of(even)
    region = Region(y[0], x[0], min(y[0] + y[1], SHAPE[0]), min(x[0] + x[1], SHAPE[1]))
    asked = LabelRequest(options=OtsuOptions(even_out=even), region=region, planes=((plane,),))
    job = OTSU.job(STACK, asked)
    plan = job.plan(job.survey.run(Control(), LoadedModels()), Control())
    chunks = cut(job, plan.survey, plan.factors, plan.statistics, tiles=1)
    own = replace(plan, chunks=chunks)
    part = join(job, [own.load(one).run(Control(), LoadedModels()) for one in chunks], own.report)
    at = plane, slice(region.y0, region.y1), slice(region.x0, region.x1)
    np.testing.assert_allclose(part.confidence[0], whole.confidence[at], atol=2e-3)
    assert (part.labels[0] != whole.labels[at]).mean() <= 2e-3


def test_the_record_makes_the_same_labels_again():
    whole = whole_of(True)
    record = Record.from_provenance(json.loads(json.dumps(whole.report.provenance())))
    assert record.options == OtsuOptions()
    part = run(again(record, STACK, Extent(Region(20, 30, 90, 120), ((1,),))))
    np.testing.assert_array_equal(part.labels[0], whole.labels[1, 20:90, 30:120])


def test_places_are_the_same_for_a_part_and_bounded_for_a_large_layer():
    large = from_array(np.arange(1400 * 1300, dtype=np.float32).reshape(1400, 1300))
    few = list(looked_at(large, most_px=2 * 512**2))
    assert sum(one.size for one in few) <= 2 * 512**2
    assert [one.shape for one in looked_at(large)] == [(1400, 1300)]
    planes = list(looked_at(from_array(np.zeros((9, 4, 20, 30), np.uint8), "TZYX")))
    assert [one.shape for one in planes] == [(20, 30)] * 4


def test_noise_does_not_make_the_typical_object_small():
    speckled = PLANE.astype(np.float32)
    speckled[np.random.default_rng(1).random(SHAPE) < 0.02] = 130
    found = threshold_of([speckled], "auto", 0.0)
    size = typical_size_px([found.instances(speckled, scheme_for(OtsuOptions().classes))])
    assert size == pytest.approx(14, abs=1.5)


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1.0, 1e15, 1e30])
def test_the_threshold_is_the_same_in_any_unit(unit):
    """Squares of float32 vanish below 1e-23 and overflow above 1e19."""
    plane = PLANE.astype(np.float32)
    known, found = (threshold_of([values], "auto", 1.0) for values in (plane, plane * np.float32(unit)))
    assert found.level / unit == pytest.approx(known.level, rel=1e-3)
    assert found.bright == known.bright


def test_what_float32_cannot_tell_apart_is_nothing_to_see():
    """An offset of 2^31, as unsigned numbers that were signed ones have."""
    values = (PLANE.astype(np.uint32) + 2**31).astype(np.float32)
    assert threshold_of([values], "auto", 1.0).covered == 0
