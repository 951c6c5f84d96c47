"""The question under the image: how large things are in it."""

from __future__ import annotations

import math

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QHideEvent
from qtpy.QtWidgets import QLabel, QSlider, QWidget
from typing_extensions import override

from napari_pseudolabel.imaging.scale.comparison import LARGEST, SMALLEST
from napari_pseudolabel.strategies import FoundScale
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel, button, column, row
from napari_pseudolabel.widgets.common.style import polish
from napari_pseudolabel.widgets.pseudo_label.size_facts import SizeLine, times

_STEPS = 40
"""Of the slider, per octave."""
_VALUE_PX = 52
_HINT = (
    "How large things are in this image, so that the models see them as large as those that they were trained on. From the file, found "
    "by the models, or told by you; a number can be typed under Advanced. Remembered with the image"
)
_FIND = (
    "Look at some places of the image at several magnifications, and take the one at which the models agree best with themselves. "
    "Run does the same where nothing is known"
)
_DRAW = "Drag a line across one typical object in the image, from border to border; Escape cancels"
_NO_DRAW = "The model does not say how large its objects are, so drawing one would not tell the scale"
_SHOW = "Show in the view how large a typical object of the model is at this magnification"


class SizeRow(QWidget):
    """One line that says what is known, and the ways to tell more.

    Attributes
    ----------
    find_pressed, reset_pressed, action_pressed
        Buttons; Find is pressed again to stop.
    draw_toggled, show_toggled
        Whether a line is to be drawn, and a typical object to be shown.
    slid
        The person has chosen a magnification.
    left
        Nobody sees the row any more: the dock is hidden.
    found
        What runs may use without looking for it; None where nobody looked.
    """

    find_pressed = Signal()
    reset_pressed = Signal()
    action_pressed = Signal()
    draw_toggled = Signal(bool)
    show_toggled = Signal(bool)
    slid = Signal(float)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.found: FoundScale | None = None
        self.title = QLabel("Size")
        self._line = MessageLabel()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(math.log2(SMALLEST) * _STEPS), round(math.log2(LARGEST) * _STEPS))
        self.slider.setPageStep(_STEPS // 4)
        self.slider.setToolTip(
            "How many times the image is magnified for the models: left is less, right more"
        )
        self.slider.valueChanged.connect(self._on_slid)
        self._value = QLabel()
        self._value.setMinimumWidth(_VALUE_PX)
        self._value.setToolTip(self.slider.toolTip())
        back = "Back to what was found, or what the file says"
        self.reset_button = button("↺", back, name="small", focus=Qt.FocusPolicy.TabFocus)
        self.find_button = button("Find", _FIND, name="small", focus=Qt.FocusPolicy.TabFocus)
        self.draw_button = button(
            "Draw one object", _DRAW, name="segment", checkable=True, focus=Qt.FocusPolicy.TabFocus
        )
        self.show_button = button(
            "◯", _SHOW, name="segment", checkable=True, focus=Qt.FocusPolicy.TabFocus, width=30
        )
        self.action_button = button("", "", name="small", focus=Qt.FocusPolicy.TabFocus)
        self.find_button.clicked.connect(self.find_pressed)
        self.reset_button.clicked.connect(self.reset_pressed)
        self.action_button.clicked.connect(self.action_pressed)
        self.draw_button.toggled.connect(self.draw_toggled)
        self.show_button.toggled.connect(self.show_toggled)
        column(
            self._line,
            row((self.slider, 1), self._value, self.action_button, self.reset_button, spacing=4),
            row((self.find_button, 1), (self.draw_button, 2), self.show_button, spacing=2),
            parent=self,
            spacing=2,
        )
        self.title.setToolTip(_HINT)

    @override
    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        self.left.emit()

    @property
    def line(self) -> str:
        """What it says."""
        return self._line.text()

    @property
    def warns(self) -> bool:
        """Whether it says so in amber."""
        return self._line.objectName() == "warning"

    def set_line(self, line: SizeLine) -> None:
        """Say what is known."""
        self._line.setText(line.text)
        self.title.setText("Size?" if line.warns else "Size")
        for label, plain in ((self._line, "muted"), (self.title, "")):
            label.setObjectName("warning" if line.warns else plain)
            polish(label)
        self.action_button.setText(line.title)
        self.action_button.setToolTip(f"Magnify the image so. {line.why}".strip())
        self.action_button.setVisible(bool(line.action))
        self.reset_button.setVisible(not line.action)  # there is nothing to go back from
        self._line.setToolTip(f"{line.why} {_HINT}".strip())

    def set_factor(self, factor: float | None) -> None:
        """Show a magnification, without telling anybody; None where none is known."""
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(math.log2(factor or 1.0) * _STEPS))
        self._value.setText("× ?" if factor is None else f"× {times(factor)}")

    def set_searching(self, stage: str) -> None:
        """Say how far the search is; with an empty stage there is none, and Find begins one."""
        self.find_button.setText("Stop" if stage else "Find")
        self.find_button.setToolTip("Stop looking for the scale" if stage else _FIND)
        if stage:
            self.set_line(SizeLine(stage))

    def set_possible(
        self,
        *,
        image: bool,
        slide: bool,
        find: bool,
        draw: bool,
        shown: bool,
        reset: bool,
        why_not: str = "",
    ) -> None:
        """Say what can be pressed, and why nothing is drawn where the model is not the reason."""
        self.slider.setEnabled(slide)
        self.find_button.setEnabled(find)
        self.draw_button.setEnabled(draw)
        self.draw_button.setToolTip(_DRAW if draw or not image else why_not or _NO_DRAW)
        self.show_button.setEnabled(shown)
        self.reset_button.setEnabled(reset)

    def set_drawing(self, on: bool) -> None:
        """Show whether a line is waited for, without telling anybody."""
        with QSignalBlocker(self.draw_button):
            self.draw_button.setChecked(on)

    def set_shown(self, on: bool) -> None:
        """Show whether a typical object is in the view, without telling anybody."""
        with QSignalBlocker(self.show_button):
            self.show_button.setChecked(on)

    def _on_slid(self, value: int) -> None:
        factor = 2 ** (value / _STEPS)
        self._value.setText(f"× {times(factor)}")
        self.slid.emit(factor)
