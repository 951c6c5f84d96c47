"""What comes first where somebody waits: the smallest part that is labelled as in the whole, and a draft before it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from napari_pseudolabel.imaging import LayerStatistics
from napari_pseudolabel.strategies.chunks import Chunk, ImageTask, ViewCentre, chunk_of, lines_of
from napari_pseudolabel.strategies.geometry import Span
from napari_pseudolabel.strategies.survey import Survey


def glance(
    job: ImageTask,
    survey: Survey,
    factors: tuple[float, float],
    statistics: Sequence[LayerStatistics] | None,
    at: ViewCentre,
) -> Chunk:
    """Return what one tile of the first segmenter sees where the person looks; its labels are not those of the whole.

    Parameters are those of `cut`.
    """
    lines, side = lines_of(job, survey, factors, statistics, 0)
    places = zip(lines, _inside(job, at), strict=True)
    row, column = (line.glance(place, wanted) for line, (place, wanted) in places)
    return chunk_of(at.plane, row, column, side)


def begun_with_core(
    job: ImageTask,
    survey: Survey,
    factors: tuple[float, float],
    statistics: Sequence[LayerStatistics] | None,
    chunks: Sequence[Chunk],
    at: ViewCentre,
) -> tuple[Chunk, ...]:
    """Return the same part of an image in chunks of which the first needs a single tile of the segmenter.

    It lies where the person looks; chunks that it cuts are cut along its edges. Where there is no such part the chunks
    stay as they are.

    Parameters
    ----------
    chunks
        See `cut`.
    at
        In a plane of the job.
    """
    lines, side = lines_of(job, survey, factors, statistics, None)
    rows, columns = (
        line.core(place, wanted) for line, (place, wanted) in zip(lines, _inside(job, at), strict=True)
    )
    if rows is None or columns is None:
        return tuple(chunks)

    def made(y: Span, x: Span) -> Chunk:
        return chunk_of(at.plane, lines[0].block(y), lines[1].block(x), side)

    first, others = made(rows, columns), list[Chunk]()
    for chunk in chunks:
        region = chunk.region
        ys, xs = _along((region.y0, region.y1), rows), _along((region.x0, region.x1), columns)
        if chunk.plane != at.plane or not (
            any(_in(y, rows) for y in ys) and any(_in(x, columns) for x in xs)
        ):
            others.append(chunk)
        else:
            others += [made(y, x) for y in ys for x in xs if not (_in(y, rows) and _in(x, columns))]
    return first, *others


def _inside(job: ImageTask, at: ViewCentre) -> tuple[tuple[float, Span], tuple[float, Span]]:
    """Return the place nearest to where the person looks, and what is wanted, along Y and X."""
    region = job.whole_region
    y, x = (region.y0, region.y1), (region.x0, region.x1)
    return (min(max(at.y, y[0]), y[1]), y), (min(max(at.x, x[0]), x[1]), x)


def _along(span: Span, core: Span) -> list[Span]:
    """Cut a span where another one begins and ends."""
    edges = [span[0], *(one for one in core if span[0] < one < span[1]), span[1]]
    return list(itertools.pairwise(edges))


def _in(span: Span, core: Span) -> bool:
    return core[0] <= span[0] and span[1] <= core[1]
