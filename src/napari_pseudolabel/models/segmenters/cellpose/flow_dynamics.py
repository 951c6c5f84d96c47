"""Objects from flows: every pixel follows the flow, and pixels that come together are one object.

The method of Cellpose (Stringer et al., Nature Methods 2021) as its package 4.2 does it, in own code, so that parts of a plane get
what the whole gets: pixels are followed in coordinates of the whole plane, and nothing is taken from objects far away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage as ndi
from torch.nn.functional import grid_sample

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.segmenters.base import PartPlace
from napari_pseudolabel.models.segmenters.objects_apart import large_objects, without_objects

# Networks answer with flows that are five times as long.
_FLOW = 5.0
_STEPS = 200
# How long heat spreads in an object, to see what its flow should be.
_SPREAD = 200
# Where so many pixels come together, an object may be; within so many pixels of there they are of it.
_LEAST_GATHERED, _LEAST_JOINED, _GATHER_PX = 10, 2, 5
_MAX_SHARE = 0.4
# A point beside a plane, so that what gathers at its edge has room around.
_RIM = 20


@dataclass(frozen=True)
class FlowThresholds:
    """When pixels are of an object, and objects are kept; by the names and with the values of Cellpose.

    Attributes
    ----------
    cellprob_threshold
        Logit from which a pixel is in an object.
    flow_threshold
        Largest mean squared difference of the flow to the one that an object of that shape has; 0 to keep all.
    min_size
        Smallest area in pixels.
    """

    cellprob_threshold: float = 0.0
    flow_threshold: float = 0.4
    min_size: int = 15


def objects_of_flows(
    answer: NDArray[np.float32],
    thresholds: FlowThresholds,
    place: PartPlace | None = None,
    control: Control = Control(),
) -> NDArray[np.int32]:
    """Find the objects that flows lead to.

    Parameters
    ----------
    answer
        (3, H, W): flow along Y and X, times five, and the logit of being in an object.
    place
        Where that lies in its plane; all of it by default.

    Returns
    -------
    NDArray
        (H, W) int32: 1 to n, 0 where there is none.

    Notes
    -----
    So that an object does not depend on all of the image, heat spreads in its shape always for as many steps; in the package so many
    more as the largest object of the image is larger.
    """
    height, width = answer.shape[1:]
    if place is None:
        place = PartPlace(0, 0, (height, width))
    inside = answer[2] > thresholds.cellprob_threshold
    start = np.nonzero(inside)
    if not len(start[0]):
        return np.zeros((height, width), np.int32)
    ends = _followed(answer[:2] * inside / np.float32(_FLOW), start, place, control)
    objects = _gathered(ends, start, (height, width))
    areas = np.bincount(objects.ravel())
    # A place to which pixels come may lose all of them to one that gathers more.
    objects = without_objects(objects, (areas == 0) | (areas > _MAX_SHARE * place.plane[0] * place.plane[1]))
    if thresholds.flow_threshold > 0 and objects.any():
        objects = without_objects(
            objects, _flow_errors(objects, answer[:2], control) > thresholds.flow_threshold
        )
    return _solid(objects, thresholds.min_size)


def _followed(
    flow: NDArray[np.float32],
    start: tuple[NDArray[np.intp], ...],
    place: PartPlace,
    control: Control,
) -> NDArray[np.int64]:
    """Return where pixels come to: (2, N), relative to the part.

    As in the package, places are numbers between -1 and 1 over the plane from the middle of its first pixel to that of its last, and are
    read as if between its edges: half a pixel at either end.
    """
    plane = np.array(place.plane)
    least = np.maximum(plane - 1, 1).astype(np.float32)
    field = (
        torch.from_numpy(flow[::-1].copy())[None] * torch.tensor(2 / least[::-1].copy())[None, :, None, None]
    )
    corner = np.array([place.y0, place.x0])
    at = np.stack([one + first for one, first in zip(start, corner, strict=True)]).astype(np.float32)
    points = torch.from_numpy(2 * (at / least[:, None]) - 1).flip(0).T.contiguous()
    size = np.array(flow.shape[1:])
    whole = bool((size == plane).all())
    # From the plane's numbers to those of the part.
    gain = torch.tensor((plane / size)[::-1].astype(np.float32).copy())
    shift = torch.tensor(((plane - 2 * corner - size) / size)[::-1].astype(np.float32).copy())
    for step in range(_STEPS):
        if step % 20 == 0:
            control.check()
        seen = points if whole else points * gain + shift
        moved = grid_sample(field, seen[None, None], align_corners=False)[0, :, 0].T
        points = (points + moved).clamp(-1, 1)
    found = ((points + 1) * 0.5 * torch.tensor(least[::-1].copy())).flip(1).T
    return found.to(torch.int32).numpy().astype(np.int64) - corner[:, None]


def _gathered(
    ends: NDArray[np.int64], start: tuple[NDArray[np.intp], ...], shape: tuple[int, int]
) -> NDArray[np.int32]:
    """Give pixels that come together the same number, those that most come to the highest."""
    high, wide = shape[0] + 2 * _RIM, shape[1] + 2 * _RIM
    rows, columns = (np.clip(end + _RIM, 0, size - 1) for end, size in zip(ends, (high, wide), strict=True))
    count = np.bincount(rows * wide + columns, minlength=high * wide).reshape(high, wide)
    tops = np.argwhere((count == ndi.maximum_filter(count, 5, mode="constant")) & (count > _LEAST_GATHERED))
    tops = tops[np.argsort(count[tuple(tops.T)], kind="stable")]
    padded = np.pad(count, _GATHER_PX)
    number_at = np.zeros((high, wide), np.int32)
    square = np.ones((3, 3), bool)
    for number, (y, x) in enumerate(tops.tolist(), start=1):
        around = padded[y : y + 2 * _GATHER_PX + 1, x : x + 2 * _GATHER_PX + 1] > _LEAST_JOINED
        seed = np.zeros_like(around)
        seed[_GATHER_PX, _GATHER_PX] = True
        joined = ndi.binary_dilation(seed, square, _GATHER_PX, mask=around)
        dy, dx = np.nonzero(joined)
        dy, dx = dy + y - _GATHER_PX, dx + x - _GATHER_PX
        there = (dy >= 0) & (dy < high) & (dx >= 0) & (dx < wide)
        number_at[dy[there], dx[there]] = number
    objects = np.zeros(shape, np.int32)
    objects[start] = number_at[rows, columns]
    return objects


def _flow_errors(
    objects: NDArray[np.int32], flow: NDArray[np.float32], control: Control
) -> NDArray[np.float64]:
    """Mean squared difference of the flow to that of objects of these shapes, by their number; 0 for the background.

    That goes up the heat which spreads from the centres of objects for some steps. Where objects touch, both their heats count.
    """
    height, width = objects.shape
    heat = np.zeros((height + 2, width + 2))
    boxes = ndi.find_objects(objects)
    for number, box in enumerate(boxes, start=1):
        control.check()
        mask = objects[box] == number
        heat[1:-1, 1:-1][box][mask] = _heat_of(mask)[mask]
    shape = np.stack([heat[2:, 1:-1] - heat[:-2, 1:-1], heat[1:-1, 2:] - heat[1:-1, :-2]])
    shape /= 1e-60 + np.sqrt(np.square(shape).sum(0))
    wrong = np.square(shape - flow / _FLOW).sum(0)
    errors = ndi.mean(wrong, objects, np.arange(len(boxes) + 1))
    errors[0] = 0
    return np.asarray(errors)


def _heat_of(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the heat (h, w) that spreads from the centre of a shape and is lost at its edge."""
    height, width = mask.shape
    y, x = np.nonzero(mask)
    centre = round(float(y.mean())), round(float(x.mean()))
    if not mask[centre]:
        nearest = int(((y - centre[0]) ** 2 + (x - centre[1]) ** 2).argmin())
        centre = int(y[nearest]), int(x[nearest])
    heat = np.zeros((height + 2, width + 2))
    inner, part = heat[1:-1, 1:-1], mask / 9
    for _ in range(_SPREAD):
        inner[centre] += 1
        rows = heat[:-2] + heat[1:-1] + heat[2:]
        np.multiply(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:], part, out=inner)
    return inner


def _solid(objects: NDArray[np.int32], least: int) -> NDArray[np.int32]:
    """Objects of some area without holes."""
    objects = large_objects(objects, least)
    for number, box in enumerate(ndi.find_objects(objects), start=1):
        if box is not None:
            objects[box][ndi.binary_fill_holes(objects[box] == number)] = number
    return large_objects(objects, least)
