"""What a person sees first: a small part where they look, which needs as little as can be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.strategies import LabelJob, LabelSettings, Region, ViewCentre
from napari_pseudolabel.strategies.chunks import cut, whole_factors
from napari_pseudolabel.strategies.description import RunReport
from napari_pseudolabel.strategies.first_chunk import glance, growing
from napari_pseudolabel.strategies.label_plan import LabelPlan
from napari_pseudolabel.strategies.survey import ModelFacts, Survey
from napari_pseudolabel.tiling import Covering, TileSettings

SHAPE = (2, 400, 500)
VIEW = Region(90, 110, 330, 370)


def survey(*, translates: bool, tile: int = 64) -> Survey:
    def facts(role, tile, overlap):
        card = Card(kind="translator" if role == "translator" else "segmenter", family="syndiff")
        return ModelFacts(role, role, card, "", Covering(tile, overlap, 4), steps=4)

    return Survey(
        facts("translator", 32, 12) if translates else None, facts("segmenter", tile, tile // 4), ()
    )


def job(region=None) -> LabelJob:
    image = from_array(np.zeros(SHAPE, np.uint8), "ZYX")
    return LabelJob(image, "t", "s", settings=LabelSettings(tiles=TileSettings(device="cpu")), region=region)


@pytest.mark.parametrize("translates", [False, True])
@pytest.mark.parametrize("region", [None, VIEW])
@pytest.mark.parametrize(("y", "x"), [(200, 250), (-10, 600), (93, 361), (399, 0)])
@pytest.mark.parametrize("factor", [1.0, 0.6])
def test_the_first_part_needs_few_tiles_and_nothing_is_labelled_twice(translates, region, y, x, factor):
    models, asked = survey(translates=translates), job(region)
    factors = whole_factors(SHAPE, factor)
    at = ViewCentre((1,), y, x)
    chunks, first = growing(asked, models, factors, None, cut(asked, models, factors), at)
    seen = np.zeros(SHAPE, int)
    for chunk in chunks:
        seen[(*chunk.plane, *chunk.region.window)] += 1
    inside = np.zeros(SHAPE, bool)
    inside[:, *asked.whole_region.window] = True
    np.testing.assert_array_equal(seen, inside)
    if first is not None:
        assert first in chunks
        assert first.plane == (1,)
        assert len(first.segmenting[0].grid) <= 9
        assert min(first.region.shape) * factor >= 48


def test_of_usual_tiles_the_first_part_needs_one():
    models, asked = survey(translates=True, tile=256), job()
    chunks = cut(asked, models, (1.0, 1.0))
    _, first = growing(asked, models, (1.0, 1.0), None, chunks, ViewCentre((0,), 290, 370))
    assert len(first.segmenting[0].grid) == 1
    assert min(first.region.shape) >= 48
    assert abs(first.region.y0 - 290) < 128


def test_what_was_labelled_before_is_not_labelled_again():
    models, asked = survey(translates=True), job()
    chunks = [one for one in cut(asked, models, (1.0, 1.0), tiles=2) if one.plane == (0,)]
    for done in range(len(chunks)):
        left = chunks[:done] + chunks[done + 1 :]
        found, _ = growing(asked, models, (1.0, 1.0), None, left, ViewCentre((0,), 200, 250))
        seen = np.zeros(SHAPE[1:], int)
        for chunk in found:
            seen[chunk.region.window] += 1
        expected = np.ones_like(seen)
        expected[chunks[done].region.window] = 0
        np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("side", [400, 1000, 3000])
def test_parts_grow_with_the_distance_so_that_nobody_waits_for_a_large_one(side):
    image = from_array(np.zeros((side, side), np.uint8), "YX")
    asked = LabelJob(image, "t", "s", settings=LabelSettings(tiles=TileSettings(device="cpu")))
    models, middle = survey(translates=True, tile=128), side / 2
    whole = cut(asked, models, (1.0, 1.0))
    chunks, first = growing(asked, models, (1.0, 1.0), None, whole, ViewCentre((), middle, middle))
    assert first is not None
    widest = max(max(chunk.region.shape) for chunk in whole)
    for chunk in chunks:
        region = chunk.region
        away = max(
            max(low - middle, middle - high, 0)
            for low, high in ((region.y0, region.y1), (region.x0, region.x1))
        )
        assert max(region.shape) <= max(2 * away, 2 * 128)
        assert max(region.shape) <= widest
    # Of a large image few more than without it.
    assert len(chunks) <= len(whole) + 160
    assert np.median([min(chunk.region.shape) for chunk in chunks]) >= 48


def test_parts_far_away_are_no_strips():
    """They would be as narrow as the first part, and need as many tiles as parts three times as wide."""
    asked = LabelJob(
        from_array(np.zeros((3000, 3000), np.uint8), "YX"),
        "t",
        "s",
        settings=LabelSettings(tiles=TileSettings(device="cpu")),
    )
    models = survey(translates=True, tile=256)
    whole = cut(asked, models, (1.0, 1.0))
    chunks, first = growing(asked, models, (1.0, 1.0), None, whole, ViewCentre((), 1500, 1500))
    assert first is not None
    assert sum(one.read.area for one in chunks) < 1.7 * sum(one.read.area for one in whole)


def test_a_glance_is_a_tile_where_the_person_looks():
    models, asked = survey(translates=True), job(VIEW)
    chunk = glance(asked, models, (1.0, 1.0), None, ViewCentre((1,), 200, 250))
    assert len(chunk.segmenting[0].grid) == 1
    assert chunk.plane == (1,)
    region = chunk.region
    assert region.y0 <= 200 < region.y1
    assert region.x0 <= 250 < region.x1
    assert max(region.shape) <= 64
    # It asks for what the labels that stay need anyway.
    covering = [first.window for first in (chunk.translating,) if first is not None]
    assert covering[0].y0 <= region.y0
    assert region.y1 <= covering[0].y1


def test_a_glance_outside_of_what_is_labelled_stays_inside():
    region = glance(job(VIEW), survey(translates=True), (1.0, 1.0), None, ViewCentre((0,), -50, 1000)).region
    assert VIEW.y0 <= region.y0 < region.y1 <= VIEW.y1
    assert VIEW.x0 <= region.x0 < region.x1 <= VIEW.x1


@pytest.mark.parametrize(("seconds", "told"), [(0.01, False), (30, True)])
def test_the_rest_takes_about_as_long_as_what_is_left(seconds, told):
    models, asked = survey(translates=True), job()
    chunks = cut(asked, models, (1.0, 1.0), tiles=4)
    report = RunReport("adaptation", "image", None, (), asked.settings, 1.0, "cpu")
    plan = LabelPlan(asked, models, (1.0, 1.0), (), report, chunks)
    sentence = plan.time_left(seconds)
    assert bool(sentence) == told
    if told:
        share = chunks[0].window.area / (2 * SHAPE[1] * SHAPE[2])
        minutes = int(sentence.split("about ")[1].split(" min")[0])
        assert 0.8 < minutes / (seconds * (1 / share - 1) / 60) < 1.6
    assert replace(plan, chunks=chunks[:1]).time_left(1000) == ""
