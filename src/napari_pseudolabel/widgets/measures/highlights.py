"""Selected objects on the canvas: coloured where they are selected, outlined where one is marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.labels.measures import Measures
from napari_pseudolabel.labels.measures.measure_sentences import object_text
from napari_pseudolabel.labels.objects.object_mask import object_mask
from napari_pseudolabel.labels.windows import Box, Index, key_of, window_of
from napari_pseudolabel.viewer.view_regions import shown_plane
from napari_pseudolabel.widgets.common import camera
from napari_pseudolabel.widgets.common.drawn_borders import outline
from napari_pseudolabel.widgets.common.overlay import Mark, Overlay, Tinted
from napari_pseudolabel.widgets.measures.object_selection import ObjectSelection

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

# Nobody sees more along a side.
_MOST_PX = 1400
# Premultiplied: the orange of what is chosen in the plots, a quarter of it inside.
_INSIDE, _BORDER = np.uint32(0x403A2800), np.uint32(0xFFE69F00)
_AROUND, _LEAST_PX = 2.0, 24


@dataclass(frozen=True)
class ObjectPlace:
    """A part of a plane; see `camera.InPlane`."""

    plane: Index
    box: Box


class Highlights:
    """Draws what is selected of the plane that is shown.

    Parameters
    ----------
    canvas_px
        Says height and width of the canvas, None if unknown.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        selection: ObjectSelection,
        canvas_px: Callable[[], tuple[int, int] | None],
    ) -> None:
        self._viewer = viewer
        self._selection = selection
        self._canvas_px = canvas_px
        self.overlay: Overlay | None = None

    def draw(self, labels: Labels | None) -> None:
        """Draw what is selected and marked in these labels; None for nothing."""
        if self.overlay is None:
            return
        measures, plane = self._selection.measures, None
        if labels is not None and measures is not None and measures.instances.shape == labels.data.shape:
            try:
                plane = shown_plane(self._viewer, labels)
            except PseudolabelError:
                plane = None  # it is out of view, or shown in 3-D
        if labels is None or measures is None or plane is None:
            self.overlay.tint(None)
            self.overlay.mark("measured", None)
            return
        self.overlay.tint(self._tinted(labels, measures, plane))
        self.overlay.mark("measured", self._mark(labels, measures, plane))

    def show(self, labels: Labels, row: int, *, always: bool = False) -> None:
        """Move the camera to an object, unless it is in view already."""
        measures = self._selection.measures
        assert measures is not None
        region = ObjectPlace(measures.planes[row], _roomy(_box(measures, row)))
        try:
            here = shown_plane(self._viewer, labels) == region.plane
        except PseudolabelError:
            here = False
        if always or not here or not camera.in_view(self._viewer, labels, region, self._canvas_px()):
            camera.go_to(self._viewer, labels, region, self._canvas_px())

    def _tinted(self, labels: Labels, measures: Measures, plane: Index) -> Tinted | None:
        chosen = self._selection.chosen
        if chosen is None or not chosen.any():
            return None
        step = -(-max(measures.instances.shape[-2:]) // _MOST_PX)
        numbers = measures.instances[plane][::step, ::step]
        wanted = np.zeros(measures.highest + 1, bool)
        wanted[measures.rows["number"][chosen].astype(np.intp)] = True
        seen = np.where(wanted[numbers], numbers, 0)
        colours = np.where(seen > 0, _INSIDE, np.uint32(0))
        colours[_borders(seen)] = _BORDER
        ends = np.array([[0, 0], [0, colours.shape[1]], [colours.shape[0], 0]]) * step - 0.5
        corners = [labels.data_to_world((*plane, *end))[-2:] for end in ends]
        return Tinted(colours, tuple((float(y), float(x)) for y, x in corners))

    def _mark(self, labels: Labels, measures: Measures, plane: Index) -> Mark | None:
        row = self._selection.marked
        if row is None or measures.planes[row] != plane:
            return None
        window = window_of(_box(measures, row))
        number = measures.rows["number"][row]
        target = object_mask(1, window, measures.instances[key_of(plane, window)] == number)
        return Mark(tuple(outline(labels, plane, target)), text=f"{number}: {object_text(measures, row)}")


def _borders(seen: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """(h, w): pixels of objects beside others, or beside none."""
    border = np.zeros(seen.shape, bool)
    for one, other in (
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
    ):
        apart = seen[one] != seen[other]
        border[one] |= apart
        border[other] |= apart
    return border & (seen > 0)


def _box(measures: Measures, row: int) -> Box:
    y0, x0, y1, x1 = (
        int(measures.rows[f"bbox_{name}"][row]) for name in ("min_y", "min_x", "max_y", "max_x")
    )
    return y0, x0, y1, x1


def _roomy(box: Box) -> Box:
    """Return a box with the surroundings of the object."""
    y0, x0, y1, x1 = box
    room = int(max(_AROUND * max(y1 - y0, x1 - x0), _LEAST_PX))
    return y0 - room, x0 - room, y1 + room, x1 + room
