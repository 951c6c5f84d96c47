"""How many pixels models compute for a part of an image, per pixel that is wanted. Needs no weights: tiles are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import mean

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelJob, LabelSettings, Region
from napari_pseudolabel.strategies.chunks import Chunk, Tiling, cut, whole_factors
from napari_pseudolabel.strategies.survey import Survey

# Of the middle of a view in a large image: where tiles begin and end matters.
PLACES = 5


@dataclass(frozen=True)
class ViewCost:
    """What a view costs.

    Attributes
    ----------
    side
        Of the view in pixels of the image; 0 for the whole image.
    translator, segmenter
        Pixels computed on their grids in one pass, per pixel of the view on these grids; what chunks share counts once.
        NaN without a translator.
    read
        Pixels of the image that are read, per pixel of the view.
    chunks
        Parts.
    """

    side: int
    translator: float
    segmenter: float
    read: float
    chunks: float


def costs(
    translator: str | None, segmenter: str, *, sides: Sequence[int], large: int, factor: float = 1.0
) -> list[ViewCost]:
    """Count for views of several sides in the middle of an image of `large` x `large` pixels, and for all of it."""
    image = from_array(np.random.default_rng(0).integers(0, 255, (large, large)).astype(np.uint8), "YX")
    job = LabelJob(image, translator, segmenter, settings=LabelSettings(scale=Scale(factor=factor), flips=0))
    survey = job.survey.run(Control(), LoadedModels())
    factors = whole_factors(image.shape, factor)
    found = []
    for side in (*sides, 0):
        spread = range(1) if side == 0 else range(PLACES)
        each = []
        for number in spread:
            start = (large - side) // 2 + number * 37
            region = None if side == 0 else Region(start, start, start + side, start + side)
            each.append(_cost(replace(job, region=region), survey, factors, side))
        found.append(ViewCost(side, *(mean(getattr(one, name) for one in each) for name in _AVERAGED)))
    return found


_AVERAGED = ("translator", "segmenter", "read", "chunks")


def _cost(job: LabelJob, survey: Survey, factors: tuple[float, float], side: int) -> ViewCost:
    chunks = cut(job, survey, factors)
    wanted = job.whole_region.area
    height, width = job.image.shape
    first = round(height * factors[0]), round(width * factors[1])
    own = survey.grid_of(survey.segmenters[0], first)
    translating = [chunk.translating for chunk in chunks if chunk.translating is not None]
    return ViewCost(
        side,
        _computed(translating) / (wanted * factors[0] * factors[1]) if translating else float("nan"),
        _computed([chunk.segmenting[0] for chunk in chunks]) / (wanted * own[0] / height * own[1] / width),
        _read(chunks) / wanted,
        len(chunks),
    )


def _computed(tilings: Sequence[Tiling]) -> int:
    """Pixels of all tiles that are needed."""
    seen: set[tuple[int, int]] = set()
    tile = tilings[0].grid.tile
    for tiling in tilings:
        (top, bottom), (left, right) = tiling.wanted
        for y in tiling.grid.rows.starts[top:bottom]:
            for x in tiling.grid.columns.starts[left:right]:
                seen.add((tiling.window.y0 + y, tiling.window.x0 + x))
    return len(seen) * tile[0] * tile[1]


def _read(chunks: Sequence[Chunk]) -> int:
    y0, x0 = min(chunk.read.y0 for chunk in chunks), min(chunk.read.x0 for chunk in chunks)
    return (max(chunk.read.y1 for chunk in chunks) - y0) * (max(chunk.read.x1 for chunk in chunks) - x0)
