"""Filling an object from a scribble inside of it, up to the borders that the image shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage as ndi
from skimage.measure import block_reduce
from skimage.segmentation import random_walker, watershed
from skimage.transform import downscale_local_mean

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.tools.change import LOCKED, Change, Locked, Plane, ToolWindow, tool_window
from napari_pseudolabel.labels.tools.image_channels import channels_of
from napari_pseudolabel.labels.tools.shapes import near
from napari_pseudolabel.labels.tools.splitting import drawn
from napari_pseudolabel.labels.windows import Window, open_sides, padded, rims, shape_of, window_of
from napari_pseudolabel.types import Array

Method = Literal["random_walker", "watershed"]
INSIDE, OUTSIDE = 1, 2
# The random walker solves one equation per pixel; a longer side would not answer within a second.
_MOST_PX = 320
# How much a step of intensity hinders the walker; measured on electron micrographs between 100 and 10000.
_BETA = 1000.0


def smart_fill(
    plane: Plane,
    image: Array,
    scribble: ArrayLike,
    value: int,
    *,
    probability: NDArray[np.floating] | None = None,
    method: Method = "random_walker",
    reach_px: int | None = None,
    locked: Locked | None = None,
    over: tuple[int, ...] = (),
) -> Change:
    """Fill the object that a scribble marks.

    Only background is taken. Other objects, locked pixels and the rim of the window around the scribble count as
    outside. A label of the same class that the scribble touches is part of the object.

    Parameters
    ----------
    plane
        (H, W) integers.
    image
        (H, W) or (H, W, C) of any intensities.
    scribble
        (N, 2) rows and columns of its pixels, see `line_through`.
    value
        The class of the object.
    probability
        (H, W) in [0, 1] of this class, if a model has said something.
    method
        "random_walker" follows weak borders, "watershed" is faster and follows the strongest edge.
    reach_px
        How far from the scribble the object can go; None: about as far as the scribble is long.
    locked
        (H, W) bool: pixels that stay as they are.
    over
        Classes that are taken besides background.

    Raises
    ------
    InputError
        When the scribble is empty, lies outside of the image or on other objects, or there is nothing to fill.
    """
    window = _window(scribble, plane.shape, reach_px)
    part = tool_window(plane, window, locked)
    marked = drawn(scribble, window)
    own, start = _own(part, marked, value, over)
    outside = ~(part.free(over) | own)
    outside |= near((part.before == value) & ~own)
    outside |= _rim(window, plane.shape) | part.locked
    outside &= ~own & ~start
    channels = channels_of(image[window], None if probability is None else probability[window])
    markers = np.where(outside, np.uint8(OUTSIDE), np.uint8(0))
    markers[start | own] = INSIDE
    # Where nothing is to be seen, there is nothing that could hinder a walker.
    solve = _walk if method == "random_walker" and channels.std() > 0 else _flood
    filled = _solved(solve, channels, markers)
    filled &= ~outside
    filled |= start | own
    pieces, _ = ndi.label(ndi.binary_fill_holes(filled) & (filled | ~outside), SQUARE)
    filled = pieces == pieces[tuple(np.argwhere(start)[0])]
    after = np.where(filled, part.before.dtype.type(value), part.before)
    return part.change(
        after,
        "There is nothing to fill around the scribble; draw it inside of an object.",
        "Filled the object.",
    )


def _window(scribble: ArrayLike, shape: tuple[int, ...], reach_px: int | None) -> Window:
    places = np.asarray(scribble, dtype=np.intp).reshape(-1, 2)
    places = places[((places >= 0) & (places < shape[-2:])).all(axis=1)]
    if not len(places):
        raise InputError("Draw a scribble inside of an object first.")
    low, high = places.min(axis=0), places.max(axis=0) + 1
    reach = reach_px if reach_px is not None else int(np.clip((high - low).max(), 32, 128))
    return padded(window_of((*low.tolist(), *high.tolist())), reach, shape)


def _own(
    part: ToolWindow, marked: NDArray[np.bool_], value: int, over: tuple[int, ...]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return what belongs to the object already, and the pixels that the scribble marks.

    Where other objects or locked pixels cut the scribble, its longest piece counts.
    """
    same = part.before == value
    usable = marked & (part.free(over) | same)
    if not usable.any():
        raise InputError(
            LOCKED
            if (marked & part.locked).any()
            else "The scribble lies on other objects; draw it inside of a free one."
        )
    pieces, _ = ndi.label(usable | same, SQUARE)
    counts = np.bincount(pieces[usable])
    chosen = pieces == counts.argmax()
    return chosen & same, chosen & usable


def _rim(window: Window, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the border of the window, where it is not that of the image: an object may go on beyond that."""
    rim = np.zeros(shape_of(window), bool)
    for goes_on, side in zip(open_sides(window, shape), rims(rim), strict=True):
        side |= goes_on
    if not rim.any():
        # The window is the whole image; something has to be outside.
        rim[[0, -1]] = rim[:, [0, -1]] = True
    return rim


def _solved(
    solve: Callable[[NDArray[np.float32], NDArray[np.uint8]], NDArray[np.bool_]],
    channels: NDArray[np.float32],
    markers: NDArray[np.uint8],
) -> NDArray[np.bool_]:
    """Return what is inside, on a coarser grid where the window is large."""
    step = -(-max(markers.shape) // _MOST_PX)
    if step <= 1:
        return solve(channels, markers)
    coarse = downscale_local_mean(channels, (step, step, 1)).astype(np.float32)
    # A pixel of the scribble decides for the whole block, so that a thin line is not lost.
    blocks = [block_reduce(markers == mark, (step, step), np.any) for mark in (INSIDE, OUTSIDE)]
    solved = solve(coarse, np.where(blocks[0], INSIDE, np.where(blocks[1], OUTSIDE, 0)).astype(np.uint8))
    fine = solved.repeat(step, axis=0).repeat(step, axis=1)
    return fine[: markers.shape[0], : markers.shape[1]]


def _walk(channels: NDArray[np.float32], markers: NDArray[np.uint8]) -> NDArray[np.bool_]:
    # Chances that miss 0 and 1 by a little make no difference to which of the two is larger.
    inside: NDArray[np.bool_] = (
        random_walker(
            channels,
            markers.astype(np.int32),
            beta=_BETA,
            mode="cg_j",
            tol=1e-3,
            prob_tol=1.0,
            channel_axis=-1,
        )
        == INSIDE
    )
    return inside


def _flood(channels: NDArray[np.float32], markers: NDArray[np.uint8]) -> NDArray[np.bool_]:
    edges = np.sqrt(sum(ndi.sobel(channels, axis=axis, mode="nearest") ** 2 for axis in (0, 1)).sum(axis=-1))
    inside: NDArray[np.bool_] = watershed(edges, markers.astype(np.int32)) == INSIDE
    return inside
