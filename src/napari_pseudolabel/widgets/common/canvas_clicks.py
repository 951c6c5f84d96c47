"""Clicks on the canvas, told apart from moving it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel

_LEFT = 1
# On the screen; a hand is never quite still.
STILL_PX = 5


class CanvasClicks:
    """Hears clicks with the left button on the canvas of a viewer until `stop`.

    Parameters
    ----------
    clicked
        Called with the place in world coordinates, and whether Shift was held.
    """

    def __init__(self, viewer: ViewerModel, clicked: Callable[[Sequence[float], bool], None]) -> None:
        self._viewer = viewer
        self._clicked = clicked
        viewer.mouse_drag_callbacks.append(self._on_press)

    def stop(self) -> None:
        """Hear no more."""
        if self._on_press in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._on_press)

    def _on_press(self, viewer: ViewerModel, event: Any) -> Iterator[None]:
        if event.button != _LEFT:
            return
        place, shift, moved = tuple(event.position), "Shift" in event.modifiers, 0.0
        centre = tuple(viewer.camera.center)
        yield
        while event.type == "mouse_move":
            # Where the canvas moves with the mouse, the place under it stays the same.
            for now, then in ((event.position, place), (viewer.camera.center, centre)):
                moved = max(moved, float(np.abs(np.subtract(now, then)).max()))
            yield
        if moved * viewer.camera.zoom <= STILL_PX:
            self._clicked(place, shift)
