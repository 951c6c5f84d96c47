"""A line that the person drags on the canvas for a tool, seen while it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, Signal
from typing_extensions import override

from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part
from napari_pseudolabel.widgets.correct.overlay import Mark

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

Path = list[tuple[float, float]]
"""Corners of a line: row and column in pixels of the labels."""

_ESCAPE = "Escape"
_LEFT = 1
_NO_MODE = "pan_zoom"


class Drawing(Part):
    """Waits for one drag on the labels; meanwhile the canvas neither paints nor moves.

    Attributes
    ----------
    changed
        With the name of the tool that waits for a line; empty if none does any more.
    """

    changed = Signal(str)

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        self._tool = ""
        self._labels: Labels | None = None
        self._mode = ""
        self._done: Callable[[Path], None] = lambda path: None
        self._escape_before: object = None

    @property
    def tool(self) -> str:
        """Which tool waits for a line; empty if none."""
        return self._tool

    def begin(self, tool: str, sentence: str, done: Callable[[Path], None]) -> None:
        """Wait for a line, and hand it to `done`; the same tool once more gives it up.

        Parameters
        ----------
        sentence
            Tells the person what to draw.

        Raises
        ------
        InputError
            When there are no labels on the canvas.
        """
        again = tool == self._tool
        self.cancel()
        if again:
            return
        self._context.layers.plane()
        labels = self._context.layers.require()
        self._labels, self._done, self._tool = labels, done, tool
        # Only the active layer hears of the mouse.
        self._context.viewer.layers.selection.active = labels
        self._mode = str(labels.mode)
        labels.mode = _NO_MODE
        labels.mouse_pan = False
        labels.cursor = "cross"
        labels.mouse_drag_callbacks.append(self._drag)
        # Keys of the active layer come before those of the viewer; napari's own polygon has this one there.
        self._escape_before = labels.bind_key(_ESCAPE, lambda _: self.cancel(), overwrite=True)
        labels.events.mode.connect(self._on_mode)
        self._context.viewer.layers.selection.events.active.connect(self._on_active)
        self.changed.emit(tool)
        self._context.say(sentence)

    def cancel(self) -> None:
        """Wait no more."""
        if self._tool:
            self._leave()
            self._context.say("Nothing was drawn.")

    @override
    def follow(self, labels: Labels | None) -> None:
        if self._tool:
            self._leave()

    def _leave(self, *, restore: bool = True) -> None:
        """Give mouse and keys back."""
        labels, self._labels, self._tool = self._labels, None, ""
        if labels is None:
            return
        self._context.viewer.layers.selection.events.active.disconnect(self._on_active)
        labels.events.mode.disconnect(self._on_mode)
        if self._drag in labels.mouse_drag_callbacks:
            labels.mouse_drag_callbacks.remove(self._drag)
        labels.bind_key(_ESCAPE, self._escape_before, overwrite=True)
        if restore and self._mode == _NO_MODE:
            labels.mouse_pan = True
            labels.cursor = "standard"
        elif restore:
            labels.mode = self._mode
        if self._context.overlay is not None:
            self._context.overlay.mark("line", None)
        self.changed.emit("")

    def _drag(self, layer: Layer, event: Any) -> Iterator[None]:
        if event.button != _LEFT:
            return
        done = self._done
        path, seen = [self._place(layer, event.position)], [self._seen(event.position)]
        yield
        while event.type == "mouse_move" and self._tool and done is self._done:
            path.append(self._place(layer, event.position))
            seen.append(self._seen(event.position))
            if self._context.overlay is not None:
                self._context.overlay.mark("line", Mark((tuple(seen),)))
            yield
        if not self._tool or done is not self._done:
            return  # given up with the button down
        # Moves are thinned out on their way here, so the last one may lie behind the place of the release.
        path.append(self._place(layer, event.position))
        self._leave()
        with self._context.refusing():
            done(path)

    def _place(self, layer: Layer, position: Sequence[float]) -> tuple[float, float]:
        row, column = layer.world_to_data(position)[-2:]
        return float(row), float(column)

    def _seen(self, position: Sequence[float]) -> tuple[float, float]:
        y, x = (position[axis] for axis in self._context.viewer.dims.displayed)
        return float(y), float(x)

    def _on_mode(self, event: object = None) -> None:
        self._leave(restore=False)  # the person has chosen another mode

    def _on_active(self, event: object = None) -> None:
        # A new layer of ours is the active one for a moment, until the selection is as it was.
        QTimer.singleShot(0, self._check_active)

    def _check_active(self) -> None:
        if self._tool and self._context.viewer.layers.selection.active != self._labels:
            self._leave()
