"""Moving the camera to a part of labels, and telling whether it is in view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.windows import Box, Index

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

# Share of the canvas that a region fills, so that its surroundings can be seen as well.
_FILLED = 0.7
# A region that shares less than this with the view is one that the person does not look at.
_SEEN = 0.6
# Of a canvas whose size is not known.
_CANVAS_PX = (600, 800)


class InPlane(Protocol):
    """A part of one plane."""

    @property
    def plane(self) -> Index:
        """Index over the axes before Y and X."""
        ...

    @property
    def box(self) -> Box:
        """Its rectangle."""
        ...


def go_to(viewer: ViewerModel, labels: Labels, region: InPlane, canvas_px: tuple[int, int] | None) -> None:
    """Show a region in the middle of the canvas, at the zoom at which it can be judged."""
    corners = outline(labels, region)
    offset = viewer.dims.ndim - labels.ndim
    inside = labels.data_to_world((*region.plane, region.box[0], region.box[1]))
    for axis in range(len(region.plane)):
        viewer.dims.set_point(axis + offset, float(inside[axis]))
    low, high = corners.min(axis=0), corners.max(axis=0)
    size = np.array(canvas_px or _CANVAS_PX, float)
    viewer.camera.zoom = float(_FILLED * (size / np.maximum(high - low, 1e-9)).min())
    row, column = (float(one) for one in (low + high) / 2)
    viewer.camera.center = (*viewer.camera.center[:-2], row, column)


def in_view(viewer: ViewerModel, labels: Labels, region: InPlane, canvas_px: tuple[int, int] | None) -> bool:
    """Whether most of a region is on the canvas, or most of the canvas on it; the plane is not looked at."""
    if canvas_px is None:
        return True
    corners = outline(labels, region)
    low, high = corners.min(axis=0), corners.max(axis=0)
    half = np.array(canvas_px, float) / viewer.camera.zoom / 2
    centre = np.array(viewer.camera.center[-2:])
    common = np.prod(np.maximum(np.minimum(high, centre + half) - np.maximum(low, centre - half), 0))
    return bool(common >= _SEEN * min(np.prod(high - low), np.prod(2 * half)))


def outline(labels: Labels, region: InPlane) -> NDArray[np.float64]:
    """(4, 2) corners of a region in world coordinates of the two displayed axes, on the way around it."""
    top, left, bottom, right = (side - 0.5 for side in region.box)
    corners = ((top, left), (top, right), (bottom, right), (bottom, left))
    return np.array([labels.data_to_world((*region.plane, *corner))[-2:] for corner in corners], float)
