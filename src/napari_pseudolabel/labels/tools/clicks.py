"""An object from clicks: what belongs to it, what does not, and the border that the image shows.

From every click goes a front that is slow where the image changes (a geodesic distance). The pixels that it reaches first are
nested regions, from a few pixels to a large part of the window. Proposed is the one along whose border the image changes most
that holds all clicks inside and none outside: as maximally stable regions (Matas et al. 2002) come from nested thresholds, with
geodesic fronts (Criminisi et al. 2008) instead of thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.object_mask import ObjectMask, object_mask
from napari_pseudolabel.labels.tools.change import LOCKED, Change, Locked, Plane, ToolWindow, tool_window
from napari_pseudolabel.labels.tools.image_channels import channels_of
from napari_pseudolabel.labels.tools.shapes import near
from napari_pseudolabel.labels.tools.splitting import drawn
from napari_pseudolabel.labels.windows import Window, holding, moved
from napari_pseudolabel.types import Array

SIDE_PX = 512
"""Height and width of what is looked at around clicks."""
# As much must be seen around the clicks of the next object to look no further.
_AROUND_PX = 64
NO_BORDER = "The image shows no border around the click; paint the object with the brush."
FAR_APART = f"The clicks are more than {SIDE_PX} px apart; press Enter, then go on with the next part."

Distance = NDArray[np.float32]
# What a step costs where nothing changes, beside the change itself: the front does not run around corners for free.
_STEP = 0.02
# Exponent of the difference from the colour of the click: noise costs little, another colour much.
_POWER = 1.5
# Share of the window that a front reaches; an object is smaller.
_REACH = 0.4
_LEVELS, _LEAST_PX = 120, 12
# Border contrast is half that of the mean colours, in which noise cancels, half that of neighbours.
_MIXED = 0.5
# How far the logarithm of an area may be from that of the labelled objects before it counts against it.
_SPREAD = 1.0
_USUAL_OF = 3
_TRIED = 24
_OPENED_PX = 60


@dataclass(frozen=True, eq=False)
class ClickMark:
    """A click, or a line that was dragged.

    Attributes
    ----------
    places
        (N, 2) rows and columns of the plane.
    inside
        Whether this belongs to the object.
    """

    places: NDArray[np.intp]
    inside: bool

    @classmethod
    def at(cls, places: ArrayLike, inside: bool) -> ClickMark:
        """Return the mark of one place, or of some."""
        return cls(np.asarray(places, np.intp).reshape(-1, 2), inside)


def window_around(marks: Sequence[ClickMark], shape: tuple[int, ...]) -> Window:
    """Return what is looked at around marks: 512 pixels, less at the borders of the plane.

    Raises
    ------
    InputError
        Where they do not fit into it.
    """
    places = np.concatenate([mark.places for mark in marks])
    low, high = places.min(axis=0), places.max(axis=0) + 1
    if (high - low).max() > SIDE_PX:
        raise InputError(FAR_APART)
    sides = []
    for first, last, size in zip(low.tolist(), high.tolist(), shape[-2:], strict=True):
        start = int(np.clip((first + last - SIDE_PX) // 2, 0, max(size - SIDE_PX, 0)))
        sides.append(slice(start, min(start + SIDE_PX, size)))
    return sides[0], sides[1]


def well_inside(places: NDArray[np.intp], window: Window, shape: tuple[int, ...]) -> bool:
    """Whether a window shows what is around places, (N, 2): 64 pixels, less at the borders of the plane."""
    return all(
        side.start + _AROUND_PX * (side.start > 0) <= at.min()
        and at.max() < side.stop - _AROUND_PX * (side.stop < size)
        for at, side, size in zip(places.T, window, shape[-2:], strict=True)
    )


@dataclass(frozen=True, eq=False)
class ClickField:
    """What clicks in one window of a plane are answered from; made once, so that each further click costs one front.

    Attributes
    ----------
    part
        The labels of the window.
    channels
        (h, w, C) the image, of spread 1.
    value
        The class of the object.
    """

    part: ToolWindow
    channels: NDArray[np.float32]
    value: int
    over: tuple[int, ...] = ()
    _edges: NDArray[np.float32] = field(init=False, repr=False)
    _fronts: dict[bytes, Distance] = field(default_factory=dict, init=False, repr=False)
    _regions: dict[bytes, NDArray[np.bool_]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        steps = (ndi.sobel(self.channels, axis=axis) for axis in (0, 1))
        object.__setattr__(self, "_edges", np.sqrt(sum(one**2 for one in steps).sum(axis=-1)) / 8)

    @classmethod
    def of(
        cls,
        plane: Plane,
        image: Array,
        window: Window,
        value: int,
        *,
        probability: NDArray[np.floating] | None = None,
        locked: Locked | None = None,
        over: tuple[int, ...] = (),
    ) -> ClickField:
        """Look at a window.

        Parameters
        ----------
        plane
            (H, W) integers.
        image
            (h, w) or (h, w, C) of the window, of any intensities.
        window
            Part of the plane, see `window_around`.
        value
            The class of the object.
        probability
            (h, w) in [0, 1] of this class, if a model has said something.
        locked
            (H, W) bool: pixels that stay as they are.
        over
            Classes that are taken besides background.

        Raises
        ------
        InputError
            Where the image is the same everywhere.
        """
        channels = channels_of(image, probability)
        if not np.ptp(channels, axis=(0, 1)).any():
            raise InputError(NO_BORDER)
        return cls(tool_window(plane, window, locked), channels, value, over)

    def propose(self, marks: Sequence[ClickMark], found: NDArray[np.bool_] | None = None) -> Change:
        """Return the labels with the object.

        Only background and `over` are taken. Other objects and locked pixels are walls. A label of the same class on which a
        mark inside lies is part of the object.

        Parameters
        ----------
        marks
            At least one inside; all in the window. Counted in the plane.
        found
            (h, w) what a network takes for the object; by default the borders of the image decide.

        Raises
        ------
        InputError
            When there is no mark inside, or one lies on another object, or there is nothing to add.
        """
        if not any(mark.inside for mark in marks):
            raise InputError("Click on the object first; Shift+click is for what does not belong to it.")
        mask = self._region(tuple(marks)) if found is None else self._allowed(marks, found)
        after = np.where(mask, self.part.before.dtype.type(self.value), self.part.before)
        return self.part.change(
            after, "There is nothing to add there; click inside of an object.", "Added the object."
        )

    def _allowed(self, marks: Sequence[ClickMark], found: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return what may be taken of an object, without holes, in pieces that hold marks."""
        inside, outside = (
            [drawn(mark.places, self.part.window) for mark in marks if mark.inside == which]
            for which in (True, False)
        )
        own, open_ = self._open(inside)
        held = np.logical_or.reduce(inside) & open_
        free = open_ & ~(np.logical_or.reduce([*outside, np.zeros_like(held)]) & ~own)
        pieces, _ = ndi.label(ndi.binary_fill_holes((found & free) | held | own) & free, SQUARE)
        return np.isin(pieces, np.setdiff1d(pieces[held], [0]))

    def _region(self, marks: tuple[ClickMark, ...]) -> NDArray[np.bool_]:
        """Return the object of marks, near that of the marks before the last one."""
        key = b"".join(mark.places.tobytes() + bytes([mark.inside]) for mark in marks)
        if key not in self._regions:
            former, last = marks[:-1], marks[-1]
            known = any(mark.inside for mark in former)
            self._regions[key] = self._best(marks, self._region(former) if known else None, last.inside)
        return self._regions[key]

    def _best(
        self, marks: Sequence[ClickMark], former: NDArray[np.bool_] | None, grows: bool
    ) -> NDArray[np.bool_]:
        """Return the region with the strongest border of those that fit the marks.

        Parameters
        ----------
        former
            The region before the last mark.
        grows
            That mark says that it was too small, not too large.
        """
        inside, outside = (
            [drawn(mark.places, self.part.window) for mark in marks if mark.inside == which]
            for which in (True, False)
        )
        own, open_ = self._open(inside)
        seeds = [mark & open_ for mark in inside]
        fronts = [self._front(mark, open_) for mark in seeds]
        against = [self._front(mark & open_ & ~own, open_) for mark in outside if (mark & open_).any()]
        held = np.logical_or.reduce(seeds)
        refused = np.logical_or.reduce([*outside, np.zeros_like(held)]) & ~own
        usual = self._usual_px(own)
        found: list[tuple[float, NDArray[np.bool_]]] = []
        for front in _fronts(fronts):
            for limited in _limited(front, against, refused):
                found += self._nested(limited, usual, former, grows)
        for _, mask in sorted(found, key=lambda one: -one[0]):
            whole = _whole(mask, held, open_ & ~refused, own)
            if whole is not None:
                return whole
        return held | own

    def _open(self, inside: Sequence[NDArray[np.bool_]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return what belongs to the object already, and where it may be."""
        same = self.part.before == self.value
        pieces, _ = ndi.label(same, SQUARE)
        marked = np.logical_or.reduce(inside)
        own = np.isin(pieces, np.setdiff1d(pieces[marked], [0]))
        free = self.part.free(self.over) & ~near(same & ~own)
        for mark in inside:
            if not (mark & (free | own)).any():
                raise InputError(
                    LOCKED
                    if (mark & self.part.locked).any()
                    else "There is another object under the click; click on free pixels of this one."
                )
        return own, free | own

    def _front(self, mark: NDArray[np.bool_], open_: NDArray[np.bool_]) -> Distance:
        """(h, w) how far every pixel is from a mark; infinite where the front does not come."""
        from skimage.graph import MCP_Geometric

        key = np.packbits(mark).tobytes() + np.packbits(open_).tobytes()
        if key not in self._fronts:
            colour = self.channels[mark].mean(axis=0)
            unlike = np.sqrt(((self.channels - colour) ** 2).sum(axis=-1))
            cost = (_STEP + self._edges + unlike**_POWER).astype(float)
            cost[~open_] = -1  # no way leads through
            front = MCP_Geometric(cost).find_costs(np.argwhere(mark).tolist(), max_coverage=_REACH)[0]
            self._fronts[key] = np.asarray(front, np.float32)
        return self._fronts[key]

    def _nested(
        self, front: Distance, usual: float | None, former: NDArray[np.bool_] | None, grows: bool
    ) -> list[tuple[float, NDArray[np.bool_]]]:
        """Return the best regions that a front has reached at some time, with how good they are."""
        reached = np.isfinite(front)
        ordered = np.sort(front[reached])
        if len(ordered) < _LEAST_PX:
            return []
        areas = np.unique(np.geomspace(_LEAST_PX, len(ordered), _LEVELS).astype(int))
        limits = ordered[areas - 1]
        levels = np.where(reached, np.searchsorted(limits, front), len(limits))
        score = self._contrast(levels, len(limits))
        if usual is not None:
            score = score * np.exp(-((np.log(areas / usual) / _SPREAD) ** 2) / 2)
        if former is not None:
            # What the last click did not speak of was right as it was.
            common = np.cumsum(np.bincount(levels[former], minlength=len(limits) + 1))[: len(limits)]
            score = score * common / (former.sum() if grows else areas)
        return [(float(score[one]), levels <= one) for one in np.argsort(-score)[:_TRIED]]

    def _contrast(self, levels: NDArray[np.integer], count: int) -> NDArray[np.float64]:
        """(count,) how much the image changes along the border of what lies at or below each level."""
        signed = np.zeros((count + 1, self.channels.shape[-1]))
        plain, length = np.zeros(count + 1), np.zeros(count + 1)
        for axis in (0, 1):
            one, other = np.moveaxis(levels, axis, 0)[:-1], np.moveaxis(levels, axis, 0)[1:]
            border = one != other
            low, high = np.minimum(one, other)[border], np.maximum(one, other)[border]
            steps = _steps(self.channels, axis)[border]
            outward = np.where((one < other)[border], 1, -1)

            def added(
                weights: NDArray[np.floating] | None, low: Array = low, high: Array = high
            ) -> NDArray[np.float64]:
                counts = np.bincount(low, weights, count + 1) - np.bincount(high, weights, count + 1)
                return np.asarray(counts, np.float64)

            for channel in range(steps.shape[-1]):
                signed[:, channel] += added(outward * steps[:, channel])
            plain += added(np.sqrt((steps**2).sum(axis=-1)))
            length += added(None)
        pixels = np.maximum(np.cumsum(length)[:count], 1)
        mean = np.sqrt(((np.cumsum(signed, axis=0)[:count] / pixels[:, None]) ** 2).sum(axis=-1))
        found: NDArray[np.float64] = (1 - _MIXED) * mean + _MIXED * np.cumsum(plain)[:count] / pixels
        return found

    def _usual_px(self, own: NDArray[np.bool_]) -> float | None:
        """Return the area of the other objects of the class; None where too few are labelled."""
        pieces, count = ndi.label((self.part.before == self.value) & ~own, SQUARE)
        areas = np.bincount(pieces.ravel(), minlength=1)[1:]
        return float(np.median(areas)) if count >= _USUAL_OF else None


def outlined(change: Change, value: int, at: Sequence[int]) -> ObjectMask:
    """Return the object of a change at a place, as it would be in the labels."""
    window = change.window
    pieces, _ = ndi.label(change.labels == value, SQUARE)
    mask = pieces == pieces[at[0] - window[0].start, at[1] - window[1].start]
    part = holding(mask)
    return object_mask(value, moved(part, window), mask[part])


def _fronts(fronts: Sequence[Distance]) -> Iterator[Distance]:
    """Yield the front from all marks at once, and that from the first one, which has to come to the others by itself."""
    yield np.minimum.reduce(fronts)
    if len(fronts) > 1:
        yield fronts[0]


def _limited(front: Distance, against: Sequence[Distance], refused: NDArray[np.bool_]) -> Iterator[Distance]:
    """Yield the front until it comes to what does not belong to the object, and the front that meets those from there."""
    if not against:
        yield front
        return
    yield np.where(front < front[refused].min(), front, np.inf)
    yield np.where(front < np.minimum.reduce(against), front, np.inf)


def _whole(
    mask: NDArray[np.bool_], held: NDArray[np.bool_], free: NDArray[np.bool_], own: NDArray[np.bool_]
) -> NDArray[np.bool_] | None:
    """Return a region without holes and hairs, all of it free; None if it is not one piece that holds all marks."""
    if (mask & ~free).any():
        return None
    filled = mask | held | own
    if filled.sum() > _OPENED_PX:
        filled = ndi.binary_opening(filled, SQUARE) | (filled & near(held)) | own
    filled = ndi.binary_fill_holes(filled) & free
    pieces, _ = ndi.label(filled, SQUARE)
    numbers = np.unique(pieces[held])
    return pieces == numbers[0] if len(numbers) == 1 else None


def _steps(channels: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    """Change of the channels over three pixels, between each pixel and the next one; the axis comes first."""
    along = np.moveaxis(channels, axis, 0)
    padded_ = np.concatenate((along[:1], along, along[-1:]))
    steps: NDArray[np.float32] = padded_[:-3] - padded_[3:]
    return steps
