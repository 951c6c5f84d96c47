"""A simulated person at a napari window, for the benchmarks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_pseudolabel.viewer import find_layer

MOVE_MS = 33


class Person:
    """Paints, drags, zooms and pauses, one mouse event at a time."""

    def __init__(self, viewer: Any, seed: int = 0) -> None:
        self.did: Counter[str] = Counter()
        self._viewer = viewer
        self._canvas = viewer.window._qt_viewer.canvas.native
        self._rng = np.random.default_rng(seed)
        self._habits = self._live()
        self._timer = QTimer()
        self._timer.setInterval(MOVE_MS)
        self._timer.timeout.connect(lambda: next(self._habits))

    def start(self) -> None:
        """Begin, or go on."""
        self.did.clear()
        self._timer.start()

    def stop(self) -> None:
        """Lay the mouse aside."""
        self._timer.stop()

    def _live(self) -> Iterator[None]:
        while True:
            labels = self._labels()
            if labels is not None:
                self._viewer.layers.selection.active = labels
                labels.mode, labels.brush_size = "paint", 12
                for _ in range(3):
                    labels.selected_label = int(self._rng.integers(1, 3))
                    before = labels.events.paint.connect(self._note_paint)
                    yield from self._drag(self._rng.uniform(0.3, 0.7, 2), self._rng.normal(0, 0.01, 2), 15)
                    labels.events.paint.disconnect(before)
                    yield from self._rest(6)
                labels.mode = "pan_zoom"
            there = self._rng.uniform(-0.006, 0.006, 2)
            for step in (there, -there):  # so that it stays in view
                zoom, centre = self._viewer.scene.camera.zoom, self._viewer.scene.camera.center
                yield from self._drag(np.array((0.5, 0.5)), step, 22)
                self.did["drags"] += self._viewer.scene.camera.center != centre
            for angle in (120, 120, 120, -120, -120, -120):
                self._wheel(angle)
                yield from self._rest(2)
                self.did["zooms"] += self._viewer.scene.camera.zoom != zoom
            yield from self._rest(50)

    def _note_paint(self, event: Any) -> None:
        self.did["strokes"] += 1

    def _labels(self) -> Any:
        return find_layer(self._viewer, self._viewer.layers[0], "labels")

    def _drag(self, start: NDArray[np.float64], step: NDArray[np.float64], moves: int) -> Iterator[None]:
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        self._mouse(QEvent.Type.MouseMove, start, none, none)
        self._mouse(QEvent.Type.MouseButtonPress, start, left, left)
        yield
        for number in range(moves):
            self._mouse(QEvent.Type.MouseMove, start + step * number, none, left)
            yield
        self._mouse(QEvent.Type.MouseButtonRelease, start + step * (moves - 1), left, none)
        yield

    def _rest(self, moves: int) -> Iterator[None]:
        for _ in range(moves):
            yield

    def _at(self, where: NDArray[np.float64]) -> Any:
        return QPointF(float(where[0]) * self._canvas.width(), float(where[1]) * self._canvas.height())

    def _mouse(self, kind: Any, where: NDArray[np.float64], button: Any, buttons: Any) -> None:
        at = self._at(where)
        everywhere = self._canvas.mapToGlobal(at)
        keys = Qt.KeyboardModifier.NoModifier
        QApplication.postEvent(self._canvas, QMouseEvent(kind, at, everywhere, button, buttons, keys))

    def _wheel(self, angle: int) -> None:
        at = self._at(np.array((0.5, 0.5)))
        event = QWheelEvent(
            at,
            self._canvas.mapToGlobal(at),
            QPoint(),
            QPoint(0, angle),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.postEvent(self._canvas, event)
