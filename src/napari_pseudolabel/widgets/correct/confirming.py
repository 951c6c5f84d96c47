"""What is right in the view, how much of the labels is, and how much is labelled at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.corrections import Index, Window
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.aside import Aside
from napari_pseudolabel.widgets.common.confirming import Confirmed, confirm, unconfirm
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.labelled import labelled, left_out, share_of
from napari_pseudolabel.widgets.correct.desk import Desk, Part

if TYPE_CHECKING:
    from napari.layers import Labels

_PAUSE_MS = 500


class ConfirmingView(Part):
    """Confirms what the canvas shows, takes it back, and counts."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        # Of its own: counting large labels must not hold up what the person does.
        self._aside = Aside()
        self._corrections: Corrections | None = None
        self._asked: Confirmed | None = None
        self._again = False
        self._count_later = Debouncer(self._count, _PAUSE_MS, self)
        desk.events.known.connect(lambda plane, window: self.refresh())

    @property
    def settled(self) -> bool:
        """Whether nothing is being counted."""
        return not (self._aside.busy or self._count_later.pending)

    def confirm(self) -> None:
        """Everything in the view that is labelled is right; the person is asked about the rest."""
        self._ask(None)
        with self._desk.refusing():
            self._desk.require_labels()
            plane, window = self._desk.layers.plane(), self._desk.layers.window()
            self._confirm(plane, window)

    def confirm_rest(self) -> None:
        """What was asked about is right as it stands, too: nothing was missed there."""
        asked = self._asked
        self._ask(None)
        labels = self._desk.layers.labels
        if asked is None or labels is None or asked.labels is not labels:
            return
        there = Corrections.of(labels).labelled_in((*asked.plane, *asked.window))
        if 1 - np.count_nonzero(there) / there.size != asked.left_out:
            self._desk.refuse("Labels have come there meanwhile; look at them and confirm the view again.")
            return
        self._confirm(asked.plane, asked.window, unpredicted=True)

    def _confirm(self, plane: Index, window: Window, *, unpredicted: bool = False) -> None:
        confirmed = confirm(
            self._desk.layers.require(),
            self._desk.layers.image,
            plane,
            window,
            workspace=self._desk.session.workspace,
            aside=self._desk.aside,
            done=self.refresh,
            failed=self._desk.failed,
            unpredicted=unpredicted,
        )
        height, width = (part.stop - part.start for part in window)
        key = shortcuts.shown(shortcuts.UNCONFIRM)
        what = "what is labelled in " if confirmed.left_out else ""
        said = f"Confirmed {what}{width} x {height} px; {key} takes it back."
        self._desk.say(said + left_out(confirmed.left_out))
        if confirmed.left_out:
            self._ask(confirmed)
        self.refresh()

    def _ask(self, about: Confirmed | None) -> None:
        """Offer to confirm what was left out, or offer nothing any more."""
        self._asked = about
        self._desk.view.rest.setVisible(about is not None)

    def take_back(self) -> None:
        """Nothing in the view is confirmed any more."""
        with self._desk.refusing():
            plane, window = self._desk.layers.plane(), self._desk.layers.window()
            labels = self._desk.layers.require()
            if not Corrections.of(labels).confirmed_in((*plane, *window)).any():
                raise InputError("Nothing in the view is confirmed.")
            self._ask(None)
            unconfirm(labels, plane, window)
            self._desk.say("Nothing in the view is confirmed any more; what you corrected stays corrected.")
            self.refresh()

    def follow(self, labels: Labels | None) -> None:
        self._corrections = None if labels is None else Corrections.of(labels)
        self._desk.view.set_share("")
        self._ask(None)
        self.refresh()

    def refresh(self) -> None:
        """Count anew."""
        if self._corrections is not None:
            self._count_later()

    def stop(self) -> None:
        super().stop()
        self._count_later.cancel()
        self._aside.shutdown()

    def _count(self) -> None:
        corrections = self._corrections
        if corrections is None:
            return
        if self._aside.busy:
            self._again = True
            return
        self._aside.run(
            lambda: (float(np.mean(corrections.confirmed_in((...,)))), share_of(corrections)),
            lambda shares: self._say(corrections, *shares),
            self._desk.failed,
        )

    def _say(self, corrections: Corrections, confirmed: float, there: float) -> None:
        if corrections is self._corrections:
            sure = f"{100 * confirmed:.1f} % confirmed" if confirmed else "Nothing confirmed yet"
            self._desk.view.set_share("; ".join(filter(None, (sure, labelled(there).removesuffix(".")))))
        if self._again:
            self._again = False
            self._count_later()
