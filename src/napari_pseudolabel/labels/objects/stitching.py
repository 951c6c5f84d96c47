"""The objects of planes that do not fit into memory: numbered block by block, the same as in one piece."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.objects.block_pieces import Components, pieces_of
from napari_pseudolabel.labels.objects.plane_blocks import BLOCK_PX, LargePlane, WritablePlane, blocks
from napari_pseudolabel.labels.objects.scheme import Scheme
from napari_pseudolabel.labels.objects.stitched_fibres import StitchedFibres, share_out
from napari_pseudolabel.labels.objects.stitched_touching import told_apart
from napari_pseudolabel.labels.windows import Window, common_part, inside
from napari_pseudolabel.types import Array

# What a block costs in each of three steps, beside each other (docs/benchmarks.md): sharing out is floods.
_LOOKING, _WRITING, _SHARING = 2, 1, 4

Step = Literal["numbered", "shared"]


class NumberingLog(Protocol):
    """What hears how far a numbering is, and may know that it goes on with an earlier one of the same plane."""

    def expect(self, units: int) -> None:
        """Hear of so many units of work more, or less."""

    def advance(self, units: int) -> None:
        """Hear that so many units are done; may raise to stop."""

    def skip(self, units: int) -> None:
        """Hear that so many units were done earlier."""

    def reached(self, step: Step, window: Window) -> int | None:
        """Return the next free number after a block that was written earlier; None for one that was not."""

    def note(self, step: Step, window: Window, number: int, values: Array) -> None:
        """Hear that a block is about to be written with these numbers (h, w), and which number is free then."""


class _Unheard:
    def expect(self, units: int) -> None:
        pass

    def advance(self, units: int) -> None:
        pass

    def skip(self, units: int) -> None:
        pass

    def reached(self, step: Step, window: Window) -> int | None:
        return None

    def note(self, step: Step, window: Window, number: int, values: Array) -> None:
        pass


_UNHEARD = _Unheard()


def number_objects(
    plane: LargePlane,
    scheme: Scheme,
    out: WritablePlane,
    *,
    first: int = 1,
    side: int = BLOCK_PX,
    values: Collection[int] | None = None,
    log: NumberingLog = _UNHEARD,
) -> int:
    """Write the number of its object to every pixel of a plane: the objects of `to_instances`, in another order.

    All blocks are looked at once, which says which pieces are one object. Then every block is written, and those with
    sheaths that several axons share once more. Memory is that of a few blocks, and of the largest component of objects that
    may touch.

    Parameters
    ----------
    plane
        (H, W) class values, 0 is background.
    out
        (H, W) integers, 0 everywhere but for what `log` knows; not `plane`.
    first
        Number of the first object.
    side
        Of the blocks, in pixels.
    values
        Classes of which objects are numbered; None for all.

    Returns
    -------
    int
        The number after that of the last object.
    """
    number_of_blocks = sum(1 for _ in blocks(plane.shape, side))
    log.expect(number_of_blocks * (_LOOKING + _WRITING + _SHARING * len(scheme.fibres)))
    beside = [(fibre.outer, fibre.inner) for fibre in scheme.fibres]
    found = pieces_of(plane, side, values=values, beside=beside, done=lambda: log.advance(_LOOKING))
    bundles = [StitchedFibres.of(found, fibre) for fibre in scheme.fibres]
    grouped = {value for pair in beside for value in pair}
    rest = [found.components(value) for value in sorted(found.totals) if value not in grouped]
    touching = [one for one in rest if one.value in scheme.touching]
    plain = [one for one in rest if one.value not in scheme.touching]
    shared = {bundle.fibre: bundle.shared_blocks() for bundle in bundles}
    log.expect(-_SHARING * sum(number_of_blocks - len(corners) for corners in shared.values()))
    number = first + sum(one.count for one in bundles) + sum(one.count for one in plain)
    for window in blocks(plane.shape, side):
        if (known := log.reached("numbered", window)) is not None:
            number = known
            log.skip(_WRITING)
            continue
        written = _numbered(plane, out, window, bundles, plain, touching, first, number, scheme.aspect)
        number = written.number
        log.note("numbered", window, number, written.values)
        out[window] = written.values
        for place, objects in written.beyond:
            out[place] = np.where(objects > 0, objects, np.asarray(out[place]))
        log.advance(_WRITING)
    for fibre, corners in shared.items():
        for window in blocks(plane.shape, side):
            if (window[0].start, window[1].start) not in corners:
                continue
            if log.reached("shared", window) is not None:
                log.skip(_SHARING)
                continue
            values = share_out(plane, out, window, fibre)
            log.note("shared", window, number, values)
            out[window] = values
            log.advance(_SHARING)
    return number


class _Numbered(NamedTuple):
    """What is to be written of a block.

    Attributes
    ----------
    values
        (h, w) of the block.
    beyond
        Windows and numbers (h, w) of touching objects that begin in the block and go on in later ones; 0 elsewhere.
    number
        Free after it.
    """

    values: Array
    beyond: list[tuple[Window, NDArray[np.int64]]]
    number: int


def _numbered(
    plane: LargePlane,
    out: LargePlane,
    window: Window,
    bundles: list[StitchedFibres],
    plain: list[Components],
    touching: list[Components],
    first: int,
    number: int,
    aspect: float,
) -> _Numbered:
    values, there = np.asarray(plane[window]), np.array(out[window])
    found = np.zeros(values.shape, np.int64)
    for bundle in bundles:
        found += bundle.numbers(values, window, first)
        first += bundle.count
    for components in plain:
        pieces, names = components.in_block(values, window)
        found += np.where(names > 0, names + (first - 1), 0)[pieces]
        first += components.count
    # What is there came from objects that began in blocks before.
    np.copyto(there, found, casting="unsafe", where=found > 0)
    beyond: list[tuple[Window, NDArray[np.int64]]] = []
    for components in touching:
        for place, objects in told_apart(plane, values, window, components, aspect):
            numbers = np.where(objects > 0, objects.astype(np.int64) + (number - 1), 0)
            number += int(objects.max())
            common = common_part(place, window)
            assert common is not None, "it begins here"
            here = numbers[inside(common, place)]
            np.copyto(there[inside(common, window)], here, casting="unsafe", where=here > 0)
            if common != place:
                beyond.append((place, numbers))
    return _Numbered(there, beyond, number)
