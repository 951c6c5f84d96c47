"""What has to be computed so that a part of a plane is labelled as the whole plane would be; one axis at a time.

Every model lays its tiles over the whole plane. A pixel of the labels depends on all tiles that cover it, a tile of the
segmenter on all of its pixels, and each of these on the tiles of the translator that cover it. So the way goes from
what is wanted back to what is read.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

from napari_pseudolabel.tiling import Axis

Span = tuple[int, int]

# For the interpolation of what lies around.
_ROOM = 3
_REMEMBERED_PX = 320
# On the grid of the segmenter; so much that something is to be seen.
_LEAST_CORE_PX = 48


@dataclass(frozen=True)
class View:
    """What one model sees, along one axis of its own grid.

    Attributes
    ----------
    window
        Pixels of its grid.
    axis
        The tiles in the window, relative to it. They lie where they lie in the whole plane.
    wanted
        Which of them are needed; the others are context of the first steps of a diffusion.
    """

    window: Span
    axis: Axis
    wanted: Span


@dataclass(frozen=True)
class Block:
    """Neighbouring tiles of the first model, along one axis.

    Attributes
    ----------
    inner
        What is labelled, in pixels of the image.
    outer
        With a margin in which islands of labels are told from objects.
    read
        What is read of the image.
    window
        What the first model is given, in pixels of its grid.
    view
        Of the translator; None without one.
    segmenter_views
        Of each segmenter.
    """

    inner: Span
    outer: Span
    read: Span
    window: Span
    view: View | None
    segmenter_views: tuple[View, ...]


@dataclass(frozen=True)
class Line:
    """One axis of a plane, as the models of a run see it.

    Attributes
    ----------
    length
        Pixels of the image.
    first
        Pixels on the grid of the first model.
    translator
        Tiles of the translator over the whole axis; None without one.
    segmenters
        Tiles of each segmenter.
    ring
        Tiles of the translator around those that are needed.
    margin
        Pixels of the image around what is wanted that are labelled too.
    around
        Pixels of the image that are read around what is wanted.
    """

    length: int
    first: int
    translator: Axis | None
    segmenters: tuple[Axis, ...]
    ring: int = 0
    margin: int = 0
    around: int = 0

    @property
    def leading(self) -> Axis:
        """Tiles by which the axis is cut."""
        return self.translator or self.segmenters[0]

    def blocks(self, wanted: Span, tiles: int) -> list[Block]:
        """Cut what is wanted of the image into blocks of at most so many tiles of the first model."""
        axis = self.leading
        factor = axis.length / self.length
        # Neighbours meet in the middle of what they share.
        meet = [(left + axis.tile + right) / 2 for left, right in itertools.pairwise(axis.starts)]
        edges = [0, *(min(max(round(one / factor), 0), self.length) for one in meet), self.length]
        needed = [i for i in range(len(axis.starts)) if edges[i] < wanted[1] and edges[i + 1] > wanted[0]]
        count = -(-len(needed) // tiles)
        blocks = []
        for number in range(count):
            own = needed[number * len(needed) // count : (number + 1) * len(needed) // count]
            blocks.append(self.block((max(edges[own[0]], wanted[0]), min(edges[own[-1] + 1], wanted[1]))))
        return blocks

    def glance(self, at: float, wanted: Span) -> Block:
        """Return what the tile of the segmenter nearest to a place sees by itself, as far as that is wanted.

        Its neighbours, which have a say in what it labels, are left out, so the labels are not those of the whole.
        """
        axis = self.segmenters[0]
        nearest = axis.starts[self._nearest(at)]
        low, high = max(nearest, 0), min(nearest + axis.tile, axis.length)
        step = self.length / axis.length
        inner = max(math.ceil(low * step), wanted[0]), min(math.floor(high * step), wanted[1])
        if inner[0] >= inner[1]:  # the view lies beside it
            return self.block(wanted)
        alone = View((low, high), Axis(high - low, axis.tile, (nearest - low,)), (0, 1))
        return self.block(inner, inner, (alone,))

    def core(self, at: float, wanted: Span) -> Span | None:
        """Return the part of what is wanted whose labels depend on as few tiles of the first segmenter as can be.

        On that which is nearest to a place alone; on one or two more where tiles share so much that nearly nothing does.
        None where there is no such part.
        """
        axis, nearest = self.segmenters[0], self._nearest(at)
        step = self.length / axis.length
        starts = axis.starts
        for first, last in (
            (nearest, nearest),
            (nearest, nearest + 1),
            (nearest - 1, nearest),
            (nearest - 1, nearest + 1),
        ):
            if first < 0 or last >= len(starts):
                continue
            low, high = 0, self.length
            if first > 0:
                low = math.ceil((starts[first - 1] + axis.tile - axis.margin) * step) + self.margin + _ROOM
            if last + 1 < len(starts):
                high = math.floor((starts[last + 1] + axis.margin) * step) - self.margin - _ROOM
            inner = max(low, wanted[0]), min(high, wanted[1])
            if inner[1] - inner[0] >= _LEAST_CORE_PX * step:
                return inner
        return None

    @property
    def further(self) -> float:
        """Pixels of the image by which a part has to grow before it needs about one more tile of each segmenter.

        Of large tiles so few are remembered that neighbouring parts compute them again: then it is a whole tile.
        """
        steps = [
            self.length
            / one.length
            * (
                one.tile
                if one.tile > _REMEMBERED_PX
                else min((b - a for a, b in itertools.pairwise(one.starts)), default=one.tile)
            )
            for one in self.segmenters
        ]
        return max(steps, default=0.0)

    def _nearest(self, at: float) -> int:
        """Return which tile of the first segmenter has its middle nearest to a pixel of the image."""
        axis = self.segmenters[0]
        there = at * axis.length / self.length
        return min(range(len(axis.starts)), key=lambda i: abs(axis.starts[i] + axis.tile / 2 - there))

    def block(self, inner: Span, outer: Span | None = None, looks: tuple[View, ...] | None = None) -> Block:
        """Return all that has to be computed so that the pixels `inner` are labelled as in the whole plane.

        Parameters
        ----------
        outer, looks
            In place of those of `Block` that the whole plane asks for.
        """
        if outer is None:
            outer = max(inner[0] - self.margin, 0), min(inner[1] + self.margin, self.length)
        if looks is None:
            looks = tuple(_view(axis, back(outer, self.length, axis.length), 0) for axis in self.segmenters)
        spans = [
            back(look.window, axis.length, self.first)
            for look, axis in zip(looks, self.segmenters, strict=False)
        ]
        if self.translator is not None:
            spans.append(back(outer, self.length, self.first))
        window = min(low for low, _ in spans), max(high for _, high in spans)
        view = None
        if self.translator is not None:
            view = _view(self.translator, window, self.ring)
            window = view.window
        low, high = back(window, self.first, self.length)
        read = max(min(low, inner[0] - self.around), 0), min(max(high, inner[1] + self.around), self.length)
        return Block(inner, outer, read, window, view, looks)


def back(span: Span, length: int, source: int) -> Span:
    """Which pixels of a grid of `source` pixels decide about a span of one of `length` over the same width.

    With room for the interpolation, and for the filter against aliasing where the source is finer (four of its
    deviations, where it ends).
    """
    if length == source:
        return span
    step = source / length
    margin = 2 + math.ceil(2 * max(0.0, step - 1))
    low, high = math.floor(span[0] * step) - margin, math.ceil(span[1] * step) + margin
    return max(low, 0), min(high, source)


def _view(axis: Axis, span: Span, ring: int) -> View:
    """All tiles that count in a span, and a ring around them; of a network that does not care where they lie, its own ones."""
    if axis.phase:
        low = min(max(span[0], 0), axis.length - 1)
        window, own = axis.part((low, max(min(span[1], axis.length), low + 1)))
        return View(window, own, (0, len(own.starts)))
    starts, margin = axis.starts, axis.margin
    span = max(span[0] - axis.context, 0), min(span[1] + axis.context, axis.length)
    cover = [
        i
        for i, start in enumerate(starts)
        if start + margin < span[1] and start + axis.tile - margin > span[0]
    ]
    if not cover:  # outside of the box of the layer: the nearest tile, which nobody will look at
        cover = [min(range(len(starts)), key=lambda i: abs(starts[i] + axis.tile / 2 - span[0]))]
    low, high = max(cover[0] - ring, 0), min(cover[-1] + ring, len(starts) - 1)
    window = (max(min(starts[low], span[0]), 0), min(max(starts[high] + axis.tile, span[1]), axis.length))
    own = replace(
        axis,
        length=window[1] - window[0],
        starts=tuple(one - window[0] for one in starts[low : high + 1]),
        blend=axis.shared,
    )
    return View(window, own, (cover[0] - low, cover[-1] - low + 1))
