"""A typical object of the model, drawn in the middle of the view at the size that it has in the image."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.viewer.image_layers import axes_of
from napari_pseudolabel.widgets.common.overlay import Mark, Overlay, World

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image

_NAME = "size"
_TEXT = "typical object of the model at this scale"
_PROPOSED = "typical object of the model at the proposed scale"
_CORNERS = 64


class SizeMark:
    """A circle that stays in the middle while the view moves. It is no layer, so that nothing saves or exports it.

    Parameters
    ----------
    overlay
        What is drawn upon; None where there is no window.
    """

    def __init__(self, viewer: ViewerModel, overlay: Callable[[], Overlay | None]) -> None:
        self._viewer = viewer
        self._overlay = overlay
        self._layer: Image | None = None
        self._diameter_px = 0.0
        self._text = _TEXT

    @property
    def diameter_px(self) -> float | None:
        """Of the circle, in pixels of the image; None while there is none."""
        return self._diameter_px if self._layer is not None else None

    def show(self, layer: Image, diameter_px: float, *, proposed: bool = False) -> None:
        """Draw the circle instead of the one before."""
        if self._layer is None:
            self._viewer.camera.events.connect(self._draw)
        self._layer, self._diameter_px, self._text = layer, diameter_px, _PROPOSED if proposed else _TEXT
        self._draw()

    def hide(self) -> None:
        """Take the circle away."""
        if self._layer is None:
            return
        self._layer = None
        self._viewer.camera.events.disconnect(self._draw)
        if (overlay := self._overlay()) is not None:
            overlay.mark(_NAME, None)

    def _draw(self, event: object = None) -> None:
        overlay = self._overlay()
        if overlay is not None and self._layer is not None:
            overlay.mark(
                _NAME, Mark((circle(self._viewer, self._layer, self._diameter_px),), text=self._text)
            )


def circle(viewer: ViewerModel, layer: Image, diameter_px: float) -> World:
    """Return a circle of a diameter in pixels of an image: world coordinates of the two displayed axes.

    It lies in the middle of the view, or as near to that as the image reaches.
    """
    axes = axes_of(layer)
    planar = [axes.index(letter) for letter in "YX"]
    world = np.array(viewer.dims.point, float)
    shown = list(viewer.dims.displayed)
    world[shown[-2:]] = viewer.camera.center[-2:]
    middle = np.array(layer.world_to_data(world), float)
    shape = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    for axis in planar:
        middle[axis] = np.clip(middle[axis], 0, shape[axis] - 1)
    offset = viewer.dims.ndim - layer.ndim
    corners = []
    for angle in np.linspace(0, 2 * np.pi, _CORNERS + 1):
        corner = middle.copy()
        corner[planar] += diameter_px / 2 * np.array([np.sin(angle), np.cos(angle)])
        seen = layer.data_to_world(corner)
        y, x = (float(seen[axis - offset]) for axis in shown[-2:])
        corners.append((y, x))
    return tuple(corners)
