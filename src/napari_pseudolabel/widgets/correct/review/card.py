"""Widgets of the review queue; what they do is in the part."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QPixmap
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QWidget,
)

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.picture_rows import image_of
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel, button, column, row

Action = Literal["accept", "fix", "skip", "previous", "suspect"]
THUMBNAIL_PX = 84
_BAR_PX = 4
_TARGET_PX = 78

_BUTTONS: tuple[tuple[Action, str, str, str], ...] = (
    (
        "accept",
        "Accept",
        shortcuts.REVIEW_ACCEPT,
        "All labels in the region are right: confirm it and go to the next one",
    ),
    (
        "fix",
        "Fix",
        shortcuts.REVIEW_FIX,
        "Stay and correct the region; the same key confirms it when you are done",
    ),
    ("skip", "Skip", shortcuts.REVIEW_SKIP, "Leave the region for later and go to the next one"),
    ("previous", "Previous", shortcuts.REVIEW_PREVIOUS, "Go back to the region before"),
    (
        "suspect",
        "Suspect",
        shortcuts.REVIEW_SUSPECT,
        "Go to the next doubtful place of the region; tools work on the object there",
    ),
)


class ReviewCard(QWidget):
    """One region: what it looks like, why it comes now, and what to do with it.

    Attributes
    ----------
    pressed
        Which button was pressed.
    target_changed
        The quality that is wanted.
    """

    pressed = Signal(str)
    target_changed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(_BAR_PX)
        self._stop = MessageLabel(name="done")
        column(
            self._make_top(),
            self._make_buttons(),
            self._bar,
            self._make_quality(),
            self._stop,
            parent=self,
            spacing=3,
            margins=(0, 2, 0, 2),
        )
        self.set_region("", "")
        self.set_progress("", 0, 0)
        self.set_stop("")

    # What the part asks.

    @property
    def title(self) -> str:
        """Which region."""
        return self._title.text()

    @property
    def reason(self) -> str:
        """Why it comes."""
        return self._reason.text()

    @property
    def progress(self) -> str:
        """How far the review is."""
        return self._progress.text()

    @property
    def quality(self) -> str:
        """How good the labels probably are."""
        return self._quality.text()

    @property
    def stop(self) -> str:
        """The suggestion to stop; empty if there is none."""
        return self._stop.message

    # What the part says.

    def set_region(self, title: str, reason: str) -> None:
        """Which region, and why."""
        self._title.show_message(title)
        self._reason.setText(reason)

    def set_picture(self, picture: NDArray[np.uint8] | None) -> None:
        """(h, w, 3) uint8 RGB, None for no picture."""
        self._picture.setVisible(picture is not None)
        if picture is not None:
            self._picture.setPixmap(QPixmap.fromImage(image_of(picture)))

    def set_under_way(self, on: bool) -> None:
        """Whether a region is shown that can be judged."""
        self.buttons["accept"].setText("Accept" if on else "Start")
        for name in ("fix", "skip", "suspect"):
            self.buttons[name].setEnabled(on)

    def set_fixing(self, on: bool) -> None:
        """Whether the person corrects the region."""
        self.buttons["fix"].setText("Done" if on else "Fix")
        self.buttons["fix"].setChecked(on)

    def set_progress(self, sentence: str, done: int, total: int) -> None:
        """How far the review is."""
        self._progress.setText(sentence)
        self._bar.setRange(0, max(total, 1))
        self._bar.setValue(done)
        self._bar.setVisible(total > 0)

    def set_quality(self, sentence: str) -> None:
        """How good the labels probably are."""
        self._quality.setText(sentence)

    def set_target(self, target: float) -> None:
        """Which quality is wanted."""
        self.target.blockSignals(True)
        self.target.setValue(target)
        self.target.blockSignals(False)

    def set_stop(self, sentence: str) -> None:
        """Suggest to stop; empty for not."""
        self._stop.show_message(sentence)

    # How it looks.

    def _make_top(self) -> QHBoxLayout:
        self._picture = QLabel()
        self._picture.setFixedSize(THUMBNAIL_PX, THUMBNAIL_PX)
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._picture.setToolTip(
            "The region: the image, and the borders of the labels in the colours of the classes"
        )
        self._picture.hide()
        self._title, self._reason, self._progress = MessageLabel(name="done"), MessageLabel(), MessageLabel()
        return row(self._picture, (column(self._title, self._reason, None, self._progress, spacing=2), 1))

    def _make_buttons(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(2)
        self.buttons: dict[str, QPushButton] = {}
        for number, (name, title, key, does) in enumerate(_BUTTONS):
            tooltip = f"{does} ({shortcuts.shown(key)})"
            made = self.buttons[name] = button(title, tooltip, focus=Qt.FocusPolicy.TabFocus)
            made.clicked.connect(lambda _, name=name: self.pressed.emit(name))
            # Three for judging, and below them two for looking around.
            line, left, width = (0, 2 * number, 2) if number < 3 else (1, 3 * (number - 3), 3)
            grid.addWidget(made, line, left, 1, width)
        self.buttons["accept"].setObjectName("main")
        self.buttons["fix"].setObjectName("segment")
        self.buttons["fix"].setCheckable(True)
        return grid

    def _make_quality(self) -> QHBoxLayout:
        self._quality = MessageLabel()
        self._quality.setToolTip(
            "Mean Dice of the classes that the labels probably have; what you reviewed counts as right. "
            "From ten reviewed regions on the estimate is corrected by what you changed"
        )
        self.target = QDoubleSpinBox()
        self.target.setRange(0.5, 1.0)
        self.target.setSingleStep(0.01)
        self.target.setDecimals(2)
        self.target.setFixedWidth(_TARGET_PX)
        self.target.setToolTip(
            "Quality that is enough for you, as mean Dice from 0.5 to 1; the dock says when it is reached"
        )
        self.target.valueChanged.connect(self.target_changed.emit)
        return row((self._quality, 1), QLabel("Target"), self.target, spacing=4)
