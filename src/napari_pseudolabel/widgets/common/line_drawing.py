"""A line that the person drags on the canvas, seen while it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.widgets.common.canvas_capture import CanvasCapture
from napari_pseudolabel.widgets.common.overlay import Mark, Overlay

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Path = list[tuple[float, float]]
"""Corners of a line: row and column in pixels of the layer."""

_ESCAPE = "Escape"
_LEFT = 1


class LineDrawing(QObject):
    """Waits for one drag on a layer; meanwhile the canvas neither paints nor moves.

    Parameters
    ----------
    viewer
        Its layers are drawn upon.
    overlay
        Says what shows the line under way; None where there is no window.

    Attributes
    ----------
    changed
        With the name of the tool that waits for a line; empty if none does any more.
    given_up
        The person has pressed Escape.
    """

    changed = Signal(str)
    given_up = Signal()

    def __init__(self, viewer: ViewerModel, overlay: Callable[[], Overlay | None]) -> None:
        super().__init__()
        self._viewer = viewer
        self._overlay = overlay
        self._tool = ""
        self._straight = False
        self._done: Callable[[Path], None] = lambda path: None
        self._capture = CanvasCapture(viewer)
        self._capture.left.connect(self._on_left)

    @property
    def tool(self) -> str:
        """Which tool waits for a line; empty if none."""
        return self._tool

    def begin(self, tool: str, layer: Layer, done: Callable[[Path], None], *, straight: bool = False) -> None:
        """Wait for a line, and hand it to `done`; a tool that waits already is left.

        Parameters
        ----------
        layer
            What is drawn upon; becomes the active one.
        straight
            The line goes from the place where the button goes down to the cursor, and has two corners.
        """
        self.leave()
        self._done, self._tool, self._straight = done, tool, straight
        self._capture.begin(layer, self._drag, {_ESCAPE: self._give_up})
        self.changed.emit(tool)

    def leave(self) -> None:
        """Give mouse and keys back."""
        self._capture.leave()

    def _on_left(self) -> None:
        self._tool = ""
        if (overlay := self._overlay()) is not None:
            overlay.mark("line", None)
        self.changed.emit("")

    def _give_up(self) -> None:
        self.leave()
        self.given_up.emit()

    def _drag(self, layer: Layer, event: Any) -> Iterator[None]:
        if event.button != _LEFT:
            return
        done = self._done
        path, seen = [self._place(layer, event.position)], [self._seen(event.position)]
        yield
        while event.type == "mouse_move" and self._tool and done is self._done:
            kept = 1 if self._straight else len(path)
            path[kept:], seen[kept:] = [self._place(layer, event.position)], [self._seen(event.position)]
            if (overlay := self._overlay()) is not None:
                overlay.mark("line", Mark((tuple(seen),)))
            yield
        if not self._tool or done is not self._done:
            return  # given up with the button down
        # Moves are thinned out on their way here, so the last one may lie behind the place of the release.
        end = self._place(layer, event.position)
        path = [path[0], end] if self._straight else [*path, end]
        self.leave()
        done(path)

    def _place(self, layer: Layer, position: Sequence[float]) -> tuple[float, float]:
        row, column = layer.world_to_data(position)[-2:]
        return float(row), float(column)

    def _seen(self, position: Sequence[float]) -> tuple[float, float]:
        y, x = (position[axis] for axis in self._viewer.dims.displayed)
        return float(y), float(x)
