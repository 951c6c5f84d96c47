"""What is right in the view, and how much of the labels is."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.corrections import Index, Window
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.aside import Aside
from napari_pseudolabel.widgets.common.background import Failure
from napari_pseudolabel.widgets.common.confirming import confirm, unconfirm
from napari_pseudolabel.widgets.correct.desk import Desk

_PAUSE_MS = 500


class ConfirmingView(QObject):
    """Confirms what the canvas shows, takes it back, and counts."""

    _known = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        # Of its own: counting large labels must not hold up what the person does.
        self._aside = Aside()
        self._corrections: Corrections | None = None
        self._again = False
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._count)
        self._known.connect(self.refresh)

    @property
    def settled(self) -> bool:
        """Whether nothing is being counted."""
        return not (self._aside.busy or self._pause.isActive())

    def confirm(self) -> None:
        """Everything in the view is right."""
        try:
            self._desk.require_labels()
            plane, window = self._desk.layers.plane(), self._desk.layers.window()
        except PseudolabelError as error:
            self._desk.refuse(str(error))
            return
        confirm(
            self._desk.layers.require(),
            self._desk.layers.image,
            plane,
            window,
            workspace=self._desk.session.workspace,
            aside=self._desk.aside,
            done=self.refresh,
            failed=self._desk.failed,
        )
        height, width = (part.stop - part.start for part in window)
        key = shortcuts.shown(shortcuts.UNCONFIRM)
        self._desk.say(f"Confirmed {width} x {height} px; {key} takes it back.")
        self.refresh()

    def take_back(self) -> None:
        """Nothing in the view is confirmed any more."""
        try:
            plane, window = self._desk.layers.plane(), self._desk.layers.window()
            labels = self._desk.layers.require()
            if not Corrections.of(labels).confirmed_in((*plane, *window)).any():
                raise InputError("Nothing in the view is confirmed.")
        except PseudolabelError as error:
            self._desk.refuse(str(error))
            return
        unconfirm(labels, plane, window)
        self._desk.say("Nothing in the view is confirmed any more; what you corrected stays corrected.")
        self.refresh()

    def follow(self, labels: Any) -> None:
        """Other labels are corrected now."""
        if self._corrections is not None and self._on_known in self._corrections.listeners:
            self._corrections.listeners.remove(self._on_known)
        self._corrections = None if labels is None else Corrections.of(labels)
        if self._corrections is not None:
            self._corrections.listeners.append(self._on_known)
        self._desk.view.set_share("")
        self.refresh()

    def refresh(self) -> None:
        """Count anew."""
        if self._corrections is not None:
            self._pause.start()

    def stop(self) -> None:
        """The dock is closed."""
        self._pause.stop()
        self.follow(None)
        self._pause.stop()
        self._aside.shutdown()

    def _on_known(self, plane: Index, window: Window) -> None:
        self._known.emit()  # from whatever thread

    def _count(self) -> None:
        corrections = self._corrections
        if corrections is None:
            return
        if self._aside.busy:
            self._again = True
            return
        self._aside.run(
            lambda: float(np.mean(corrections.confirmed_in((...,)))),
            lambda share: self._say(corrections, share),
            self._on_failed,
        )

    def _say(self, corrections: Corrections, share: float) -> None:
        if corrections is self._corrections:
            self._desk.view.set_share(f"{100 * share:.1f} % confirmed" if share else "Nothing confirmed yet")
        if self._again:
            self._again = False
            self._pause.start()

    def _on_failed(self, failure: Failure) -> None:
        self._desk.failed(failure)
