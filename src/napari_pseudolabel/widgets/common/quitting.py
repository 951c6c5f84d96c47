"""Closing the window while work is under way: the person is asked first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget


def ask(window: QWidget, sentence: str) -> bool:
    """Whether the person wants to close the window all the same."""
    box = QMessageBox(QMessageBox.Icon.Question, "Work is under way", sentence, parent=window)
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
    """

    def __init__(self, window: QMainWindow, doing: Callable[[], Sequence[str]]) -> None:
        super().__init__(window)
        self._window = window
        self._doing = doing
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if watched is self._window and event is not None and event.type() == QEvent.Type.Close:
            doing = [one for one in self._doing() if one]
            if doing and not ask(self._window, _sentence(doing)):
                event.ignore()
                return True
        return super().eventFilter(watched, event)


def _sentence(doing: Sequence[str]) -> str:
    return (
        f"{' and '.join(doing)} is still going on. Quit all the same? What has arrived in the layers is lost "
        "unless you save it; of the training of a segmenter the best model so far is kept."
    )
