"""What a person did to labels, how long it took, and where: the effort behind them."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import TYPE_CHECKING

from napari_pseudolabel.labels.windows import Index, Window, around, box_of
from napari_pseudolabel.viewer.corrections import CORRECTIONS_KEY, Corrections
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.undo_history import changes_of
from napari_pseudolabel.workspace.sessions import Edit

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import Event

EFFORT_KEY = "napari_pseudolabel_effort"
# Whoever does nothing for longer than this is thinking of something else.
_LONGEST_S = 15.0


class EffortLog:
    """The log of a Labels layer; it lives in the metadata of the layer, like `Corrections`.

    Painting is noted as it happens: strokes, fills, polygons, tools. What a prediction writes, and undo, is no
    edit. An edit takes the time since the one before, at most 15 seconds.

    Parameters
    ----------
    layer
        None for one that is still to be made, with the log in its metadata.
    """

    def __init__(self, layer: Labels | None, edits: Sequence[Edit] = ()) -> None:
        self._layer: Callable[[], Labels | None] = lambda: None
        self._edits = list(edits)
        self._taken = len(self._edits)
        self._tools: list[str] = []
        self._last = time.monotonic()
        if layer is not None:
            plain = unwrapped(layer)
            self._layer = weakref.ref(plain)
            plain.events.paint.connect(self._on_paint)
            plain.metadata[EFFORT_KEY] = self

    @classmethod
    def of(cls, layer: Labels) -> EffortLog:
        """Return the log of a layer; begun now if it has none. A duplicate of a layer has a copy of its log."""
        plain = unwrapped(layer)
        found = plain.metadata.get(EFFORT_KEY)
        if isinstance(found, cls):
            return found if found._layer() is plain else cls(plain, found.edits())
        return cls(plain)

    def __deepcopy__(self, memo: dict[int, object]) -> EffortLog:
        return EffortLog(None, self._edits)

    @contextmanager
    def doing(self, tool: str) -> Iterator[None]:
        """Edits inside of the block are made with `tool`, whatever the mode of the layer."""
        self._tools.append(tool)
        try:
            yield
        finally:
            self._tools.pop()

    def note(self, tool: str, plane: Index, window: Window, pixels: int = 0) -> None:
        """Note something that the layer does not announce, such as a confirmation.

        Parameters
        ----------
        tool
            Its name.
        plane
            Index over the axes before Y and X.
        window
            Part of Y and X, with bounds.
        pixels
            How many pixels it changed.
        """
        now = time.monotonic()
        seconds, self._last = min(now - self._last, _LONGEST_S), now
        layer = self._layer()
        uid = "" if layer is None else str(layer.unique_id)
        self._edits.append(Edit(time.time(), uid, tool, plane, box_of(window), pixels, seconds))

    def edits(self) -> tuple[Edit, ...]:
        """All edits, oldest first; `Edit.layer` is the unique id that the layer had then."""
        return tuple(self._edits)

    def take(self) -> tuple[Edit, ...]:
        """Those edits that were not taken before."""
        fresh = tuple(self._edits[self._taken :])
        self._taken = len(self._edits)
        return fresh

    def _on_paint(self, event: Event) -> None:
        layer = self._layer()
        if layer is None:
            return
        corrections = layer.metadata.get(CORRECTIONS_KEY)
        if isinstance(corrections, Corrections) and corrections.writing:
            return
        shape = layer.data.shape
        changes = [change for change in changes_of(event.value) if change is not None]
        if not changes:
            return
        boxes = [change.box(shape) for change in changes]
        windows = [(box[-2], box[-1]) for box in boxes]
        plane = tuple(part.start for part in boxes[0][:-2])
        tool = self._tools[-1] if self._tools else str(layer.mode)
        self.note(tool, plane, reduce(around, windows), sum(change.pixels for change in changes))
