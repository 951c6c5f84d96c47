"""How much memory the workers take, and the button that gives it back."""

from __future__ import annotations

from typing import Protocol

from qtpy.QtCore import QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QWidget
from typing_extensions import override

from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.common.small_widgets import ElidedLabel, button, row

_EVERY_MS = 2000


class Workers(Protocol):
    """What can be asked of a session about its workers."""

    def memory_bytes(self) -> int:
        """Return the main memory that they take."""
        ...

    def release(self) -> None:
        """Close them all."""


class WorkersRow(QWidget):
    """A line with the memory in use and a Release button; asks only while it is seen."""

    def __init__(self) -> None:
        super().__init__()
        self._workers: Workers | None = None
        self.memory = ElidedLabel()
        self.button = button(
            "Release",
            "Stop everything and close the worker processes: all their memory, that of the GPU included, is free "
            "for other programs. The next job starts them again, which takes some seconds.",
        )
        self.button.clicked.connect(self.release)
        self._executor = SerialExecutor()
        row((self.memory, 1), self.button, parent=self)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.refresh)
        self.refresh()

    def follow(self, workers: Workers) -> None:
        """Show the workers of a session."""
        self._workers = workers
        self.refresh()

    def release(self) -> None:
        """Close the workers in a thread: it takes a second or two until they are gone."""
        if self._workers is None:
            return
        self.button.setEnabled(False)
        self.memory.setText("closing …")
        self._executor.run(self._workers.release, self._on_released)

    def _on_released(self, _: None) -> None:
        self._executor.shutdown()
        self.refresh()

    def refresh(self) -> None:
        """Read the memory again."""
        taken = self._workers.memory_bytes() if self._workers is not None else 0
        self.memory.setText(f"{taken / 1e9:.1f} GB" if taken else "not running")
        self.button.setEnabled(taken > 0)

    @override
    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self.refresh()
        self._timer.start()

    @override
    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        self._timer.stop()
