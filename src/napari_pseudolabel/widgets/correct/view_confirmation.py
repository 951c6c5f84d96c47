"""What is right in the view, how much of the labels is, and how much is labelled at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.confirmed_confidence import confidence_beside
from napari_pseudolabel.viewer.corrections import Index, Window
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.confirmation import Confirmed, confirm, unconfirm
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.labelled_share import labelled_text, left_out_text, share_of
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part

if TYPE_CHECKING:
    from napari.layers import Labels

_PAUSE_MS = 500


class ViewConfirmation(Part):
    """Confirms what the canvas shows, takes it back, and counts."""

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        # Of its own: counting large labels must not hold up what the person does.
        self._executor = SerialExecutor()
        self._corrections: Corrections | None = None
        self._pending: Confirmed | None = None
        self._again = False
        self._count_later = Debouncer(self._count, _PAUSE_MS, self)
        context.events.corrected.connect(lambda plane, window: self.refresh())

    @property
    def settled(self) -> bool:
        """Whether nothing is being counted."""
        return not (self._executor.busy or self._count_later.pending)

    def confirm(self) -> None:
        """Everything in the view that is labelled is right; the person is asked about the rest."""
        self._offer_rest(None)
        with self._context.refusing():
            self._context.require_labels()
            plane, window = self._context.layers.plane(), self._context.layers.window()
            self._confirm(plane, window)

    def confirm_rest(self) -> None:
        """Confirm what was asked about as it stands, too: nothing was missed there."""
        asked = self._pending
        self._offer_rest(None)
        labels = self._context.layers.labels
        if asked is None or labels is None or asked.labels is not labels:
            return
        there = Corrections.of(labels).labelled_in((*asked.plane, *asked.window))
        if 1 - np.count_nonzero(there) / there.size != asked.left_out:
            self._context.refuse("Labels have come there meanwhile; look at them and confirm the view again.")
            return
        self._confirm(asked.plane, asked.window, unpredicted=True)

    def _confirm(self, plane: Index, window: Window, *, unpredicted: bool = False) -> None:
        labels = self._context.layers.require()
        confirmed = confirm(
            labels,
            self._context.layers.image,
            plane,
            window,
            workspace=self._context.session.workspace,
            executor=self._context.executor,
            done=self.refresh,
            failed=self._context.failed,
            confidence=confidence_beside(self._context.viewer, labels),
            unpredicted=unpredicted,
        )
        height, width = (part.stop - part.start for part in window)
        key = shortcuts.shown(shortcuts.UNCONFIRM)
        what = "what is labelled in " if confirmed.left_out else ""
        said = f"Confirmed {what}{width} x {height} px; {key} takes it back."
        self._context.say(said + left_out_text(confirmed.left_out))
        if confirmed.left_out:
            self._offer_rest(confirmed)
        self.refresh()

    def _offer_rest(self, about: Confirmed | None) -> None:
        """Offer to confirm what was left out, or offer nothing any more."""
        self._pending = about
        self._context.view.rest.setVisible(about is not None)

    def take_back(self) -> None:
        """Nothing in the view is confirmed any more."""
        with self._context.refusing():
            plane, window = self._context.layers.plane(), self._context.layers.window()
            labels = self._context.layers.require()
            if not Corrections.of(labels).confirmed_in((*plane, *window)).any():
                raise InputError("Nothing in the view is confirmed.")
            self._offer_rest(None)
            context = self._context
            unconfirm(
                labels,
                context.layers.image,
                plane,
                window,
                workspace=context.session.workspace,
                executor=context.executor,
                failed=context.failed,
            )
            self._context.say(
                "Nothing in the view is confirmed any more; what you corrected stays corrected."
            )
            self.refresh()

    @override
    def follow(self, labels: Labels | None) -> None:
        self._corrections = None if labels is None else Corrections.of(labels)
        self._context.view.set_share("")
        self._offer_rest(None)
        self.refresh()

    def refresh(self) -> None:
        """Count anew."""
        if self._corrections is not None:
            self._count_later()

    @override
    def stop(self) -> None:
        super().stop()
        self._count_later.cancel()
        self._executor.shutdown()

    def _count(self) -> None:
        corrections = self._corrections
        if corrections is None:
            return
        if self._executor.busy:
            self._again = True
            return
        self._executor.run(
            lambda: (float(np.mean(corrections.confirmed_in((...,)))), share_of(corrections)),
            lambda shares: self._say(corrections, *shares),
            self._context.failed,
        )

    def _say(self, corrections: Corrections, confirmed: float, there: float) -> None:
        if corrections is self._corrections:
            sure = f"{100 * confirmed:.1f} % confirmed" if confirmed else "Nothing confirmed yet"
            self._context.view.set_share(
                "; ".join(filter(None, (sure, labelled_text(there).removesuffix("."))))
            )
        if self._again:
            self._again = False
            self._count_later()
