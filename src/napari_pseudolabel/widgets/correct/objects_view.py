"""The view of objects: made beside the window from the middle of the view outward, and kept up to date."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.labels.objects import Scheme
from napari_pseudolabel.labels.windows import around
from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.viewer.corrections import Index, Window
from napari_pseudolabel.viewer.objects_layer import Objects, objects_layer, redraw
from napari_pseudolabel.viewer.undo_history import Changes, UndoHistory, changes_of
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part

if TYPE_CHECKING:
    from napari.layers import Labels

_PAUSE_MS = 60
# Looked at in one go. Telling larger parts apart would hold up the window: Python runs one thread at a time.
_BLOCK_PX = 256


@dataclass(eq=False)
class _Shown:
    """What is known about the objects of the plane that is shown.

    Attributes
    ----------
    todo
        Parts that nobody has looked at.
    dirty
        Parts whose labels have changed since; they come first.
    """

    labels: Labels
    plane: Index
    scheme: Scheme
    objects: Objects
    todo: list[Window]
    dirty: list[Window] = field(default_factory=list)


class ObjectsView(Part):
    """A layer that shows each object of the plane on the screen in a colour of its own."""

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        # Of its own, so that nobody waits for it.
        self._executor = SerialExecutor()
        self._on = False
        self._labels: Labels | None = None
        self._history: UndoHistory | None = None
        self._shown: _Shown | None = None
        self._look_later = Debouncer(self._number_next, _PAUSE_MS, self)
        context.events.painted.connect(self._on_paint)
        context.events.drawn.connect(self._on_drawn)
        context.events.recoloured.connect(self.refresh)  # another name may make another object of a class
        context.events.corrected.connect(self._on_corrected)

    @property
    def settled(self) -> bool:
        """Whether what is shown is up to date."""
        return not (self._executor.busy or self._look_later.pending)

    def set_on(self, on: bool) -> None:
        """Show the objects, or the classes only."""
        self._on = on
        if on:
            self.refresh()
        else:
            self._look_later.cancel()
            self._set_visible(False)
            self._context.view.set_busy("")

    @override
    def follow(self, labels: Labels | None) -> None:
        self._set_visible(False)
        self._labels, self._shown = labels, None
        self._history = None if labels is None else UndoHistory(labels)
        self.refresh()

    def refresh(self) -> None:
        """Another plane may be shown, or the classes mean something else."""
        if self._on and self._labels is not None:
            self._look_later()

    @override
    def stop(self) -> None:
        self._on = False
        super().stop()
        self._look_later.cancel()
        self._executor.shutdown()

    # Looking.

    def _number_next(self) -> None:
        """Let the thread look at the next part."""
        if not self._on or self._labels is None or self._executor.busy:
            return
        try:
            plane = self._context.layers.plane()
            shown = self._shown_at(self._labels, plane)
        except PseudolabelError as error:
            self._context.refuse(str(error))
            return
        self._set_visible(True)
        window = self._next(shown)
        if window is None:
            self._context.view.set_busy("")
            return
        if len(shown.todo) > 1:
            self._context.view.set_busy(f"Telling objects apart, {len(shown.todo)} parts to go")
        values = np.asarray(shown.labels.data[plane])
        self._executor.run(
            lambda: shown.objects.update(values, window, shown.scheme),
            lambda changed: self._on_numbered(shown, changed),
            self._on_failed,
        )

    def _shown_at(self, labels: Labels, plane: Index) -> _Shown:
        """Return what is known about a plane; begun anew if another one was shown."""
        shown, scheme = self._shown, self._context.scheme
        if shown is None or shown.plane != plane or shown.scheme != scheme or self._layer() is None:
            layer = objects_layer(self._context.viewer, labels)
            numbers = layer.data[plane]
            numbers[...] = 0
            layer.refresh(extent=False)
            todo = list(_blocks(numbers.shape))
            shown = self._shown = _Shown(labels, plane, scheme, Objects(numbers), todo)
        return shown

    def _next(self, shown: _Shown) -> Window | None:
        """Return what has changed, else the part that is nearest to the middle of the view."""
        if shown.dirty:
            dirty, shown.dirty = shown.dirty, []
            joined = dirty[0]
            for other in dirty[1:]:
                joined = around(joined, other)
            return joined
        if not shown.todo:
            return None
        try:
            view = self._context.layers.window()
        except PseudolabelError:
            view = shown.todo[0]  # out of view: any part is as good as another
        middle = [(part.start + part.stop) / 2 for part in view]
        shown.todo.sort(key=lambda window: -_distance(window, middle))
        return shown.todo.pop()

    def _on_numbered(self, shown: _Shown, changed: Window) -> None:
        if shown is self._shown:
            layer = self._layer()
            if layer is not None and self._on:
                redraw(layer, shown.plane, changed)
        self._number_next()

    def _on_failed(self, failure: Failure) -> None:
        self._shown = None
        self._context.view.set_busy("")
        self._context.failed(failure)

    # What has changed.

    def _on_paint(self, atoms: Sequence[object]) -> None:
        if self._history is not None:
            self._history.painted(atoms)
        self._changed(changes_of(atoms))

    def _on_drawn(self) -> None:
        """Undo and redo are only told from the history."""
        if self._history is not None:
            for replay in self._history.news():
                self._changed(replay.changes)

    def _on_corrected(self, plane: Index, window: Window) -> None:
        if self._shown is not None and plane == self._shown.plane:
            self._shown.dirty.append(window)
            self.refresh()

    def _changed(self, changes: Changes) -> None:
        shown = self._shown
        if shown is None:
            return
        for change in changes:
            if change is None:
                self._shown = None
                break
            *leading, rows, columns = change.box(shown.labels.data.shape)
            inside = all(part.start <= at < part.stop for part, at in zip(leading, shown.plane, strict=True))
            if inside and rows.start < rows.stop and columns.start < columns.stop:
                shown.dirty.append((rows, columns))
        self.refresh()

    # The layer.

    def _set_visible(self, on: bool) -> None:
        layer = self._layer()
        if layer is not None and layer.visible != on:
            layer.visible = on

    def _layer(self) -> Labels | None:
        if self._labels is None:
            return None
        return find_layer(self._context.viewer, self._labels, "objects", self._labels.data.shape)


def _blocks(shape: tuple[int, ...]) -> Iterable[Window]:
    """Return the parts of a plane."""
    for y in range(0, shape[0], _BLOCK_PX):
        for x in range(0, shape[1], _BLOCK_PX):
            yield slice(y, min(y + _BLOCK_PX, shape[0])), slice(x, min(x + _BLOCK_PX, shape[1]))


def _distance(window: Window, middle: list[float]) -> float:
    return max(abs((part.start + part.stop) / 2 - at) for part, at in zip(window, middle, strict=True))
