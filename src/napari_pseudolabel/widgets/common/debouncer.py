"""Calling something once there was peace for a moment."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject
from superqt.utils import QSignalDebouncer


class Debouncer(QSignalDebouncer):
    """Calls a function once nobody has asked for it for a moment.

    Parameters
    ----------
    action
        What is called, in the thread of the window.
    timeout_ms
        How long nobody must have asked.
    parent
        Ends it with itself.
    """

    def __init__(self, action: Callable[[], object], timeout_ms: int, parent: QObject) -> None:
        super().__init__(parent=parent)
        self.setTimeout(timeout_ms)
        self.triggered.connect(action)

    def __call__(self, *_: object) -> None:
        """Ask for the call."""
        self.throttle()

    @property
    def pending(self) -> bool:
        """Whether it is about to be called."""
        return bool(self._hasPendingEmission)
