"""A line that the person drags on the labels for a tool."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from typing_extensions import override

from napari_pseudolabel.widgets.common.line_drawing import LineDrawing, Path
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part

if TYPE_CHECKING:
    from napari.layers import Labels


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
        self._line = LineDrawing(context.viewer, lambda: context.overlay)
        self._line.changed.connect(self.changed)
        self._line.given_up.connect(self._on_given_up)

    @property
    def tool(self) -> str:
        """Which tool waits for a line; empty if none."""
        return self._line.tool

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
        again = tool == self.tool
        self.cancel()
        if again:
            return
        self._context.layers.plane()
        labels = self._context.layers.require()

        def drawn(path: Path) -> None:
            with self._context.refusing():
                done(path)

        self._line.begin(tool, labels, drawn)
        self._context.say(sentence)

    def cancel(self) -> None:
        """Wait no more."""
        if self.tool:
            self._line.leave()
            self._on_given_up()

    @override
    def follow(self, labels: Labels | None) -> None:
        self._line.leave()

    def _on_given_up(self) -> None:
        self._context.say("Nothing was drawn.")
