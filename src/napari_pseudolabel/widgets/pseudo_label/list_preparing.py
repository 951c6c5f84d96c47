"""What a strategy prepares before the images of a list are labelled by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.widgets.pseudo_label.label_sentences import BUSY

if TYPE_CHECKING:
    from napari_pseudolabel.strategies import LabelJob
    from napari_pseudolabel.widgets.pseudo_label.preparing import PreparingController
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

GoOn = Callable[["LabelJob"], None]


class ListPreparing:
    """Hands over the job of the open image, as which those of a list are labelled, once all that it needs is prepared.

    Parameters
    ----------
    describe
        Returns that job, as the controls say now.
    part
        What prepares the chosen strategy; None where nothing is prepared.
    busy
        Whether the dock prepares or labels something.
    """

    def __init__(
        self,
        view: PseudoLabelView,
        describe: Callable[[], LabelJob],
        part: Callable[[], PreparingController | None],
        busy: Callable[[], bool],
    ) -> None:
        self._view, self._describe, self._part, self._busy = view, describe, part, busy
        self._go_on: GoOn | None = None

    def begin(self, go_on: GoOn) -> None:
        """Prepare, and go on then; at once where nothing is to be prepared.

        Raises
        ------
        PseudolabelError
            If the job cannot be described, or the dock is busy.
        """
        job, part = self._describe(), self._part()
        if part is None:
            go_on(job)
            return
        if self._busy():
            raise InputError(BUSY)
        self._go_on = go_on
        self._view.set_status("")
        self._view.set_busy(True)
        part.begin(job)

    def taken(self, job: LabelJob) -> bool:
        """Go on with what was prepared, if it was for the list."""
        go_on, self._go_on = self._go_on, None
        if go_on is None:
            return False
        self._view.set_busy(False)
        # What finds the best way has put it into the controls.
        go_on(self._describe() if self._part() is None else job)
        return True

    def why_not(self, reason: str | None) -> str | None:
        """Why the list cannot be labelled now: for what the strategy says, or because something is being prepared."""
        return BUSY if self._go_on is not None else reason

    def drop(self) -> None:
        """Forget it: preparing was stopped, or failed."""
        self._go_on = None
