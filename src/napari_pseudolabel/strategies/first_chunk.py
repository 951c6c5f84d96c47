"""What comes first where somebody waits: the smallest part that is labelled as in the whole, and a draft before it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from napari_pseudolabel.imaging import LayerStatistics
from napari_pseudolabel.strategies.chunks import Chunk, ImageTask, ViewCentre, chunk_of, lines_of
from napari_pseudolabel.strategies.geometry import Line, Span
from napari_pseudolabel.strategies.label_settings import Region
from napari_pseudolabel.strategies.survey import Survey

# Parts are half as large as the next one, so many times.
_DOUBLED = 3


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


def growing(
    job: ImageTask,
    survey: Survey,
    factors: tuple[float, float],
    statistics: Sequence[LayerStatistics] | None,
    chunks: Sequence[Chunk],
    at: ViewCentre,
) -> tuple[tuple[Chunk, ...], Chunk | None]:
    """Return the same part of an image in chunks that are small where the person looks, and grow with the distance.

    Nobody waits for a large one then. Chunks are cut along lines around the place: first the smallest part that can be
    labelled alone (`Line.core`), then further and further away, by twice as much each time. What is far away is not cut along
    lines that lie near along the other axis, which would leave thin strips that need whole tiles.

    Parameters
    ----------
    chunks
        See `cut`; those that are still to be done.
    at
        In a plane of the job.

    Returns
    -------
    chunks, first
        First is the one that needs a single tile of the segmenter; None where there is no such part.
    """
    lines, side = lines_of(job, survey, factors, statistics, None)
    inside = _inside(job, at)
    cores = [line.core(place, wanted) for line, (place, wanted) in zip(lines, inside, strict=True)]
    middles = [
        (place, place) if core is None else core for core, (place, _) in zip(cores, inside, strict=True)
    ]
    edges = [_edges(line, middle) for line, middle in zip(lines, middles, strict=True)]

    def made(y: Span, x: Span) -> Chunk:
        return chunk_of(at.plane, lines[0].block(y), lines[1].block(x), side)

    rows, columns = cores
    first = None if rows is None or columns is None else made(rows, columns)
    if first is not None and not _covered(first.region, at.plane, chunks):
        first, cores = None, [None, None]  # a part of it was labelled before
    found = [] if first is None else [first]
    for chunk in chunks:
        region = chunk.region
        spans = (region.y0, region.y1), (region.x0, region.x1)
        far = max(_apart(span, middle) for span, middle in zip(spans, middles, strict=True))
        ys, xs = (
            _along(
                span,
                core if far == 0 else None,
                [one for one in own if 2 * _apart((one, one), middle) >= far],
                line.further / 2,
            )
            for span, core, own, middle, line in zip(spans, cores, edges, middles, lines, strict=True)
        )
        alone = len(ys) * len(xs) == 1 and not (first is not None and _in(region, first.region))
        if chunk.plane != at.plane or alone or _away(region, edges):
            found.append(chunk)
            continue
        for y, x in itertools.product(ys, xs):
            part = Region(y[0], x[0], y[1], x[1])
            if first is None or not _in(part, first.region):
                found.append(made(y, x))
    return tuple(found), first


def _in(part: Region, whole: Region) -> bool:
    inside = whole.y0 <= part.y0 and part.y1 <= whole.y1
    return inside and whole.x0 <= part.x0 and part.x1 <= whole.x1


def _inside(job: ImageTask, at: ViewCentre) -> tuple[tuple[float, Span], tuple[float, Span]]:
    """Return the place nearest to where the person looks, and what is wanted, along Y and X."""
    region = job.whole_region
    y, x = (region.y0, region.y1), (region.x0, region.x1)
    return (min(max(at.y, y[0]), y[1]), y), (min(max(at.x, x[0]), x[1]), x)


def _covered(part: Region, plane: tuple[int, ...], chunks: Sequence[Chunk]) -> bool:
    """Whether every pixel of a part lies in one of the chunks, which do not overlap."""
    regions = [chunk.region for chunk in chunks if chunk.plane == plane]
    common = sum(
        max(min(part.y1, one.y1) - max(part.y0, one.y0), 0)
        * max(min(part.x1, one.x1) - max(part.x0, one.x0), 0)
        for one in regions
    )
    return common == part.area


def _edges(line: Line, core: tuple[float, float]) -> list[int]:
    """Where an axis is cut: along the edges of a core, and further away by twice as much each time."""
    low, high = core
    found = {round(low), round(high)}
    for power in range(_DOUBLED):
        away = (2 ** (power + 1) - 1) * line.further
        found |= {round(low - away), round(high + away)}
    return sorted(found)


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return how far apart two spans are; 0 where they meet."""
    return max(other[0] - one[1], one[0] - other[1], 0)


def _away(region: Region, edges: Sequence[Sequence[int]]) -> bool:
    """Whether a chunk lies beyond all of the lines along one of the axes, so that nobody waits for it soon."""
    spans = ((region.y0, region.y1), (region.x0, region.x1))
    return any(high <= lines[0] or low >= lines[-1] for (low, high), lines in zip(spans, edges, strict=True))


def _along(span: Span, core: Span | None, edges: Sequence[int], least: float) -> list[Span]:
    """Cut a span at the edges that lie in it; where that would only cut off less than `least`, along the core alone."""
    low, high = span
    kept = [one for one in edges if low + least <= one <= high - least]
    cuts = sorted({low, high, *kept, *(one for one in core or () if low < one < high)})
    return list(itertools.pairwise(cuts))
