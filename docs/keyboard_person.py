"""A simulated person who corrects labels in a napari window with nothing but keys and the mouse on the canvas."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from skimage.measure import label, regionprops

from napari_pseudolabel.demo import wait_for
from napari_pseudolabel.widgets.common import shortcuts

_MODIFIERS = {"Shift": Qt.KeyboardModifier.ShiftModifier, "Ctrl": Qt.KeyboardModifier.ControlModifier}
# Smaller differences nobody sees.
_LEAST_PX = 6


class KeyboardPerson:
    """Knows the truth, sees one region after the other, and mends what is wrong in it.

    Attributes
    ----------
    did
        How often each key was pressed, and how many strokes were painted.
    """

    def __init__(self, viewer: Any, labels: Any, truth: NDArray[np.uint8]) -> None:
        self.did: Counter[str] = Counter()
        self._viewer = viewer
        self._labels = labels
        self._truth = truth
        self._canvas = viewer.window._qt_viewer.canvas.native

    def press(self, key: str) -> None:
        """Press a key such as "Shift-D" over the canvas."""
        *modifiers, letter = key.split("-")
        flags = Qt.KeyboardModifier.NoModifier
        for one in modifiers:
            flags |= _MODIFIERS[one]
        names = {"[": "BracketLeft", "]": "BracketRight"}
        QTest.keyClick(self._canvas, getattr(Qt.Key, f"Key_{names.get(letter, letter)}"), flags)
        self.did[shortcuts.shown(key)] += 1
        wait_for(lambda: False, patience_s=0.02)

    def point(self, at: tuple[int, int]) -> None:
        """Move the cursor over a pixel."""
        none = Qt.MouseButton.NoButton
        for place in ((at[0] + 1, at[1] + 1), at):
            self._mouse(QEvent.Type.MouseMove, place, none, none)

    def mend(self, box: tuple[int, int, int, int]) -> int:
        """Correct a region; returns how many pixels were wrong."""
        y0, x0, y1, x1 = box
        part = (slice(y0, y1), slice(x0, x1))
        truth = self._truth[part]
        wrong = int(np.count_nonzero(np.asarray(self._labels.data[part]) != truth))
        self._delete_spurious(part)
        self.press("2")  # napari's own key for the brush
        for _ in range(40):
            if self._labels.brush_size <= 1:
                break
            self.press("[")
        for value in np.unique(truth):
            if value:
                self.press(shortcuts.CLASSES[int(value) - 1])
            self._paint(
                (np.asarray(self._labels.data[part]) != truth) & (truth == value), (y0, x0), int(value)
            )
        self.press("6")
        return wrong

    def _delete_spurious(self, part: tuple[slice, slice]) -> None:
        """Objects of which nothing is true: point at them and delete."""
        now, truth = np.asarray(self._labels.data[part]), self._truth[part]
        for one in regionprops(label(now > 0)):
            rows, columns = one.coords.T
            edge = rows.min() == 0 or columns.min() == 0 or rows.max() == now.shape[0] - 1
            if (
                edge
                or columns.max() == now.shape[1] - 1
                or one.area < _LEAST_PX
                or truth[rows, columns].any()
            ):
                continue
            middle = one.coords[len(one.coords) // 2]
            self.point((part[0].start + int(middle[0]), part[1].start + int(middle[1])))
            self.press(shortcuts.DELETE)

    def _paint(self, wrong: NDArray[np.bool_], corner: tuple[int, int], value: int) -> None:
        """Strokes along the rows of wrong pixels; the background is painted with napari's eraser."""
        found = [one for one in regionprops(label(wrong)) if one.area >= _LEAST_PX]
        if found and not value:
            self.press("1")
        for one in found:
            for row in np.unique(one.coords[:, 0]):
                columns = np.sort(one.coords[one.coords[:, 0] == row, 1])
                for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
                    y = int(row) + corner[0]
                    self._stroke((y, int(run[0]) + corner[1]), (y, int(run[-1]) + corner[1]))
        if found and not value:
            self.press("2")

    def _stroke(self, first: tuple[int, int], last: tuple[int, int]) -> None:
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        self._mouse(QEvent.Type.MouseMove, first, none, none)
        self._mouse(QEvent.Type.MouseButtonPress, first, left, left)
        if last != first:
            self._mouse(QEvent.Type.MouseMove, last, none, left)
        self._mouse(QEvent.Type.MouseButtonRelease, last, left, none)
        self.did["strokes"] += 1

    def _mouse(self, kind: Any, at: tuple[int, int], button: Any, buttons: Any) -> None:
        place = self._place(at)
        everywhere = self._canvas.mapToGlobal(place)
        keys = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(self._canvas, QMouseEvent(kind, place, everywhere, button, buttons, keys))
        if kind == QEvent.Type.MouseMove:
            # napari looks at the mouse every 5 ms.
            wait_for(lambda: False, patience_s=0.012)

    def _place(self, at: tuple[int, int]) -> QPointF:
        world = np.array(self._labels.data_to_world(at))[-2:]
        middle = np.array(self._viewer.camera.center[-2:])
        size = np.array([self._canvas.height(), self._canvas.width()])
        y, x = size / 2 + (world - middle) * self._viewer.camera.zoom
        return QPointF(float(x), float(y))
