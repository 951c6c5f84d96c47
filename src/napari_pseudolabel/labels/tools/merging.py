"""Joining two objects by the shortest bridge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.graph import MCP_Geometric
from skimage.morphology import convex_hull_image

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.tools.change import (
    Change,
    Locked,
    ObjectMask,
    Plane,
    require_object,
    tool_window,
)
from napari_pseudolabel.labels.tools.shapes import near
from napari_pseudolabel.labels.windows import around

_LONGEST_PX = 200
# A bridge may be this much longer than the shortest one, which closes a narrow gap along all of its length.
_SLACK_PX = 1.0
# Sums of the same steps in another order: a way must not lose a pixel to rounding, or what is left of it lies alone.
_ROUNDING = 1e-6
_MARGIN_PX = 8

BETWEEN = "Something that must stay is between the two objects, so they cannot be joined."


def merge(
    plane: Plane,
    target: ObjectMask | None,
    other: ObjectMask | None,
    *,
    locked: Locked | None = None,
    over: tuple[int, ...] = (),
) -> Change:
    """Join two objects of the same class by the shortest bridge, or by closing the gap between them.

    Of two fibres both parts are joined. Where the objects touch already, the notch between them is filled.

    Parameters
    ----------
    plane
        (H, W) integers.
    target, other
        The objects.
    locked
        (H, W) bool: pixels that stay as they are.
    over
        Classes that the bridge may take besides background.

    Raises
    ------
    InputError
        When an object is missing, both are the same or have no class in common, they are far apart, or
        something is between them.
    """
    target, other = require_object(target), require_object(other)
    if target.holds(other.place) or other.holds(target.place):
        raise InputError("Both are the same object; move the cursor over the other one.")
    gap = max(
        max(a.start, b.start) - min(a.stop, b.stop) for a, b in zip(target.window, other.window, strict=True)
    )
    if gap > _LONGEST_PX:
        raise InputError(f"The two objects are more than {_LONGEST_PX} px apart; merge nearer ones.")
    part = tool_window(plane, around(target.window, other.window), locked, _MARGIN_PX)
    one, two = target.within(part.window), other.within(part.window)
    common = np.intersect1d(part.before[one], part.before[two])
    if not common.size:
        raise InputError("The two objects are of different classes; give them the same class first.")
    # What is around a fibre first, because what is inside of it then goes through.
    order = sorted(common.tolist(), key=lambda value: value == target.value)
    after, room = part.before.copy(), part.free(over)
    sheath = np.zeros(room.shape, bool)
    for value in order:
        inner = len(order) > 1 and value == target.value
        own = part.before == value
        ends = [one & own, two & own] if inner else [one, two]
        others = own & ~one & ~two
        through = (room | sheath | ((one | two) & ~part.locked)) if inner else room
        bridge = _bridge(ends[0], ends[1], through & ~near(others))
        after[bridge & (after != target.value)] = value
        sheath = bridge
    return part.change(after, BETWEEN, "Merged two objects.")


def _bridge(one: NDArray[np.bool_], two: NDArray[np.bool_], room: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what joins two masks: pixels of `room` on the shortest ways between them.

    Raises
    ------
    InputError
        When there is no way.
    """
    room = room & ~one & ~two
    if (near(one) & two).any():
        notch: NDArray[np.bool_] = convex_hull_image(one | two) & room
        return notch
    costs = [_costs(mask, room) for mask in (one, two)]
    ways = np.where(room, costs[0] + costs[1], np.inf)
    shortest = ways.min()
    if not np.isfinite(shortest):
        raise InputError(BETWEEN)
    found: NDArray[np.bool_] = ways <= shortest + _SLACK_PX + _ROUNDING
    return found


def _costs(mask: NDArray[np.bool_], room: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Length of the shortest way from a mask to every pixel, through `room` only."""
    border = mask & ~ndi.binary_erosion(mask)
    costs, _ = MCP_Geometric(np.where(room | border, 1.0, np.inf)).find_costs(np.argwhere(border))
    return np.asarray(costs)
