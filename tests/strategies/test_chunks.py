"""How an image is cut into chunks, and that nobody can tell from the result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelJob, LabelSettings, Region, ViewCentre
from napari_pseudolabel.strategies.chunks import cut, join, whole_factors
from napari_pseudolabel.strategies.survey import ModelFacts, Survey
from napari_pseudolabel.tiling import Covering, TileSettings

CPU = TileSettings(device="cpu")


def facts(tile=32, overlap=12, stride=4):
    card = Card(kind="translator", family="syndiff")
    return Survey(ModelFacts("translator", "t", card, "", Covering(tile, overlap, stride)), None, ())


def job_on(shape, region=None, planes=None, **kwargs):
    return LabelJob(
        from_array(np.zeros(shape, np.uint8), "ZYX"[-len(shape) :]),
        translator="t",
        segmenter="s",
        settings=LabelSettings(tiles=CPU, flips=0, **kwargs),
        region=region,
        planes=planes,
    )


@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    factor=st.floats(0.2, 4),
    tiles=st.integers(1, 4),
    ring=st.integers(0, 2),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_every_pixel_of_the_region_is_in_exactly_one_chunk(height, width, factor, tiles, ring, corners):
    y0, y1 = sorted(int(c * height) for c in corners[:2])
    x0, x1 = sorted(int(c * width) for c in corners[2:])
    region = (
        Region(y0, x0, max(y1, y0 + 1), max(x1, x0 + 1)).clipped(height, width)
        if y0 < height and x0 < width
        else None
    )
    job = job_on((height, width), region)
    factors = whole_factors((height, width), factor)
    seen = np.zeros((height, width), int)
    for chunk in cut(job, facts(), factors, tiles=tiles, ring=ring):
        one = chunk.region
        assert min(one.shape) > 0
        seen[one.y0 : one.y1, one.x0 : one.x1] += 1
        assert chunk.read.clipped(height, width) == chunk.read
        # The tiles cover the window, and the window what is wanted.
        for axis, low, high in (
            (chunk.translating.grid.rows, chunk.window.y0, chunk.window.y1),
            (chunk.translating.grid.columns, chunk.window.x0, chunk.window.x1),
        ):
            assert axis.length == high - low
            assert axis.starts[0] <= 0
            assert axis.starts[-1] + axis.tile >= axis.length
        assert chunk.window.y0 <= one.y0 * factors[0] + 1
        assert chunk.window.y1 >= one.y1 * factors[0] - 1
    whole = job.whole_region
    expected = np.zeros_like(seen)
    expected[whole.y0 : whole.y1, whole.x0 : whole.x1] = 1
    assert np.array_equal(seen, expected)


@pytest.mark.parametrize("factor", [1.0, 1.3, 0.8])
@pytest.mark.parametrize("mode", ["tiled", "joint"])
def test_chunks_give_what_the_plane_gives_in_one_piece(
    disc_image, tiny_translator, tiny_segmenter, factor, mode
):
    """Tiles on their own need those that cover the chunk; blended after both steps, one ring more."""
    image = from_array(disc_image((90, 76), 5)[0], "YX")
    job = LabelJob(
        image,
        translator=str(tiny_translator),
        segmenter=str(tiny_segmenter),
        settings=LabelSettings(scale=Scale(factor=factor), tiles=CPU, mode=mode),
    )
    models = LoadedModels()
    plan = job.plan(job.survey.run(Control(), models), Control())

    def made(tiles):
        own = replace(plan, chunks=cut(job, plan.survey, plan.factors, tiles=tiles))
        parts = [own.load(chunk).run(Control(), models) for chunk in own.chunks]
        found = join(job, parts, own.report)
        return len(parts), found.translation[0], found.labels[0]

    one, whole, expected = made(100)
    many, found, labels = made(1)
    assert one == 1
    assert many >= 4
    assert found.std() > 0.01
    np.testing.assert_allclose(found, whole, atol=2e-5)
    assert (labels != expected).mean() <= 1e-3


@pytest.mark.parametrize(
    ("evaluations", "around"), [("auto", 3), ("quality", 3), ("fast", 1), ("preview", 0)]
)
def test_with_fewer_evaluations_less_around_a_part_is_computed(evaluations, around):
    """In joint mode every evaluation but the last sees one tile further; tiles on their own need nothing around."""
    survey = replace(facts(), translator=replace(facts().translator, steps=4))
    where = Region(190, 190, 200, 200)
    for mode, ring in (("joint", around), ("tiled", 0)):
        job = job_on((400, 400), where, mode=mode, evaluations=evaluations)
        (chunk,) = cut(job, survey, (1.0, 1.0), tiles=100)
        for axis, (low, high) in zip(
            (chunk.translating.grid.rows, chunk.translating.grid.columns),
            chunk.translating.wanted,
            strict=True,
        ):
            assert (low, len(axis.starts) - high) == (ring, ring)


def test_the_nearest_chunk_comes_first():
    job = job_on((3, 200, 200))
    survey = facts()
    chunks = cut(job, survey, (1.0, 1.0), tiles=2, ring=0)
    from napari_pseudolabel.strategies import LabelPlan

    plan = LabelPlan(job, survey, (1.0, 1.0), (), None, chunks)
    first = min(chunks, key=lambda chunk: plan.distance(chunk, ViewCentre((2,), 190, 5)))
    assert first.plane == (2,)
    assert first.region.y1 == 200
    assert first.region.x0 == 0
    middle = min(chunks, key=lambda chunk: plan.distance(chunk, None))
    assert middle.plane == (0,)
    assert middle.region.y0 <= 100 <= middle.region.y1
