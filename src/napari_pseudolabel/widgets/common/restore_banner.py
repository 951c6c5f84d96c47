"""The line that offers the last session back after napari was not closed properly."""

from __future__ import annotations

from datetime import datetime

from qtpy.QtWidgets import QFrame

from napari_pseudolabel.viewer.recording import Restored
from napari_pseudolabel.widgets.common.autosave import Autosave
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel, button, column, row
from napari_pseudolabel.workspace.sessions import SessionInfo


class RestoreBanner(QFrame):
    """Shown while there is a session to bring back, and afterwards if something about it is missing.

    Every dock has one; what is done in one of them goes for all.
    """

    def __init__(self, autosave: Autosave) -> None:
        super().__init__()
        self.setObjectName("notice")
        self._autosave = autosave
        self._line = MessageLabel(name="warning")
        self._accept = button(
            "Bring it back",
            "Add the layers of that session to this viewer, as they were saved last, and go on in it",
        )
        self._accept.clicked.connect(self._bring_back)
        dismiss = button(
            "Dismiss",
            "Do not show this again; the session stays in Layers > Project > Labelling sessions",
        )
        dismiss.clicked.connect(self._autosave.decline)
        column(self._line, row(None, self._accept, dismiss), parent=self, margins=(6, 4, 6, 4))
        autosave.offered.connect(self._show_offer)
        autosave.resumed.connect(self._on_resumed)
        autosave.not_resumed.connect(self._notify)
        self._show_offer()

    @property
    def sentence(self) -> str:
        """What it says, empty if it is hidden."""
        return "" if self.isHidden() else self._line.text()

    def _show_offer(self) -> None:
        info = self._autosave.offer()
        if info is not None:
            self._line.setText(sentence_of(info, datetime.now().astimezone()))
        self._accept.setVisible(info is not None)
        self._accept.setEnabled(True)
        self.setVisible(info is not None)

    def _bring_back(self) -> None:
        info = self._autosave.offer()
        if info is not None:
            self._accept.setEnabled(False)
            self._line.setText("Opening …")
            self._autosave.bring_back(info)

    def _on_resumed(self, restored: Restored) -> None:
        if restored.missing:
            self._notify(" ".join(restored.missing))

    def _notify(self, sentence: str) -> None:
        self._line.setText(sentence)
        self._accept.setVisible(False)
        self.show()


def sentence_of(info: SessionInfo, now: datetime) -> str:
    """Return what the person is told about a session; `now` with a time zone, which the times are told in."""
    saved = info.saved.astimezone(now.tzinfo)
    when = f"{saved:%H:%M}" if saved.date() == now.date() else f"{saved:%d %B %Y, %H:%M}"
    return f"Your last session was not closed: {info.title or info.id}, saved {when}."
