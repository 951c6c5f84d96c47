"""Writing what tools have made: at once, or when it was computed beside the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from typing_extensions import override

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.labels.tools import Change
from napari_pseudolabel.labels.tools.change import LOCKED
from napari_pseudolabel.labels.windows import holding, moved
from napari_pseudolabel.types import Array
from napari_pseudolabel.viewer.corrections import Window, key_of
from napari_pseudolabel.viewer.editing import apply
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part
from napari_pseudolabel.widgets.correct.labels_picker import Spot

if TYPE_CHECKING:
    from napari.layers import Labels

MOVED_ON = "The labels changed there meanwhile, so nothing was done; press the key again."
BUSY = "Another tool is still at work; wait for it."


@dataclass(frozen=True, eq=False)
class SlowChange:
    """A change that takes too long for the window.

    Attributes
    ----------
    tool
        Name of the tool.
    spot
        The labels and the plane.
    window
        Part of the plane that `make` looks at.
    make
        Called in a thread with a copy of the labels of the window, (h, w); gives the change, counted from the
        corner of the window, and raises InputError where there is none.
    """

    tool: str
    spot: Spot
    window: Window
    make: Callable[[Array], Change]

    def run(self) -> ComputedChange | str:
        """Return the change, cut to what changes; a sentence if there is none."""
        values = np.array(self.spot.values[self.window])
        try:
            change = self.make(values)
        except PseudolabelError as error:
            return str(error)
        changed = values[change.window] != change.labels
        if not changed.any():
            return LOCKED
        part = holding(changed)
        cut = moved(part, change.window)
        where = moved(cut, self.window)
        return ComputedChange(values[cut], Change(where, change.labels[part], change.sentence))


@dataclass(frozen=True, eq=False)
class ComputedChange:
    """A change that was computed, and the labels that it was computed from; both of the window of the change."""

    before: Array
    change: Change


class Applying(Part):
    """Writes changes, each as one undo step, and tells the person.

    Attributes
    ----------
    changed
        Something is being computed now, or nothing any more.
    """

    changed = Signal()

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        self._later: SlowChange | None = None

    @property
    def tool(self) -> str:
        """Name of the tool that is being computed; empty if none is."""
        return self._later.tool if self._later is not None else ""

    def apply(self, tool: str, spot: Spot, change: Change | dict[int, Change], sentence: str = "") -> None:
        """Write a change.

        Raises
        ------
        InputError
            When all that would change is confirmed, or a stroke is being painted.
        """
        if not apply(spot.labels, spot.plane, change, tool):
            raise InputError(LOCKED)
        self._context.say(sentence or getattr(change, "sentence", "") or "Done.")

    def later(self, later: SlowChange, sentence: str) -> None:
        """Compute a change beside the window; it is dropped if the labels change there meanwhile.

        Parameters
        ----------
        sentence
            What is being done, for the person.

        Raises
        ------
        InputError
            If something is being computed already.
        """
        if self._later is not None:
            raise InputError(BUSY)
        self._later = later
        self._context.view.set_hint("")
        self._context.view.set_busy(sentence)
        self.changed.emit()
        self._context.executor.run(
            later.run, lambda made: self._on_made(later, made), lambda f: self._on_failed(later, f)
        )

    @override
    def follow(self, labels: Labels | None) -> None:
        self._leave()

    def _on_made(self, later: SlowChange, made: ComputedChange | str) -> None:
        if later is not self._later:
            return
        self._leave()
        if isinstance(made, str):
            self._context.refuse(made)
            return
        spot = later.spot
        now = np.asarray(spot.labels.data[key_of(spot.plane, made.change.window)])
        if not np.array_equal(now, made.before):
            self._context.refuse(MOVED_ON)
            return
        with self._context.refusing():
            self.apply(later.tool, spot, made.change)

    def _on_failed(self, later: SlowChange, failure: Failure) -> None:
        if later is self._later:
            self._leave()
            self._context.failed(failure)

    def _leave(self) -> None:
        if self._later is not None:
            self._later = None
            self._context.view.set_busy("")
            self.changed.emit()
