"""Closing the window: the person is asked while work is under way, and what they did is saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget
from typing_extensions import override

from napari_pseudolabel.widgets.common.small_widgets import tip

if TYPE_CHECKING:
    from napari_pseudolabel.widgets.common.autosave import Autosave
    from napari_pseudolabel.widgets.common.session import Session


def confirm_quit(window: QWidget, sentence: str) -> bool:
    """Whether the person wants to close the window all the same."""
    box = QMessageBox(QMessageBox.Icon.Question, "Work is under way", tip(sentence), parent=window)
    quit_button = box.addButton("Quit", QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(box.addButton("Go on", QMessageBox.ButtonRole.RejectRole))
    box.exec()
    return box.clickedButton() is quit_button


class QuitGuard(QObject):
    """Stands between the close button of a window and the window.

    Parameters
    ----------
    window
        Owns the guard.
    doing
        Says what every dock is doing; empty sentences count as nothing.
    session
        Kept for as long as the window, so that the person's work is saved also while no dock is open.
    """

    def __init__(self, window: QMainWindow, doing: Callable[[], Sequence[str]], session: Session) -> None:
        super().__init__(window)
        self._window = window
        self._doing = doing
        self._session = session
        window.installEventFilter(self)
        if self._autosave is not None:
            self._autosave.start()

    @override
    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if watched is self._window and event is not None:
            if event.type() == QEvent.Type.Close and not self._may_close():
                event.ignore()
                return True
            if not event.spontaneous() and self._autosave is not None:
                # Windows are hidden when they are closed; one that comes back goes on in a new session.
                if event.type() == QEvent.Type.Hide:
                    self._autosave.close()
                elif event.type() == QEvent.Type.Show:
                    self._autosave.start()
        return super().eventFilter(watched, event)

    @property
    def _autosave(self) -> Autosave | None:
        return self._session.autosave

    def _may_close(self) -> bool:
        doing = [one for one in self._doing() if one]
        problem = self._autosave.sentence if self._autosave and self._autosave.state == "problem" else ""
        return not (doing or problem) or confirm_quit(self._window, _sentence(doing, problem))


def _sentence(doing: Sequence[str], problem: str) -> str:
    """Return what the person is asked; `problem` says why something could not be saved, if so."""
    parts = []
    if doing:
        parts.append(f"{' and '.join(doing)} is still going on.")
    if problem:
        parts.append(f"Your last changes are not saved: {problem}")
    parts.append("Quit all the same?")
    if doing and not problem:
        parts.append("What has arrived in the layers is saved in your session.")
    if doing:
        parts.append("Of the training of a segmenter the best model so far is kept.")
    return " ".join(parts)
