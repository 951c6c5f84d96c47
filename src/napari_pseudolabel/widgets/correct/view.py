"""Widgets of the Correct dock; what they do is in the controller and its parts."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import QSize, Qt, Signal, SignalInstance
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.parts import ErrorBox, Fold, Sentence, combo
from napari_pseudolabel.widgets.correct.icons import icon
from napari_pseudolabel.widgets.correct.options import AgainForm, ShortcutList, ToolOptions
from napari_pseudolabel.widgets.correct.palette import Palette
from napari_pseudolabel.widgets.correct.tool_bar import ToolBar
from napari_pseudolabel.widgets.correct.tool_table import CONFIRM, FOCUS, UNCONFIRM, Tool

Mode = Literal["classes", "objects"]
Held = Literal["image", "translation"]

_MODES: tuple[tuple[Mode, str, str], ...] = (
    ("classes", "Classes", "The labels in the colours of their classes; tools work on one class"),
    (
        "objects",
        "Objects",
        "Every object in a colour of its own, such as an axon with its myelin; tools work on the whole object",
    ),
)
_ICON_PX = 16


class CorrectView(QWidget):
    """Which labels, which class, which tool, what is confirmed.

    Attributes
    ----------
    review
        Empty; the review queue puts its widgets here.
    header
        Row of the list of labels; what tells whether work is saved goes to its end.
    """

    mode_toggled = Signal(str)
    held = Signal(str, bool)
    candidate_pressed = Signal()
    focus_pressed = Signal()
    confirm_pressed = Signal()
    take_back_pressed = Signal()
    rest_pressed = Signal()
    cancel_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(5)
        layout.addLayout(self._make_header())
        layout.addWidget(self._make_image())
        layout.addLayout(self._make_modes())
        self.palette_ = Palette()
        self.tools = ToolBar()
        layout.addWidget(self.palette_)
        layout.addWidget(self.tools)
        layout.addLayout(self._make_looking())
        self._status, self._hint, self._busy = Sentence(name="done"), Sentence(name="warning"), Sentence()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop what is under way; what has arrived stays, as one undo step")
        self.cancel.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.cancel.clicked.connect(lambda: self.cancel_pressed.emit())
        row = QHBoxLayout()
        row.addWidget(self._busy, 1)
        row.addWidget(self.cancel)
        layout.addLayout(row)
        for widget in (self._status, self._hint):
            layout.addWidget(widget)
        self.error = ErrorBox()
        layout.addWidget(self.error)
        self.review = QWidget()
        self.review_layout = QVBoxLayout(self.review)
        self.review_layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.review)
        layout.addLayout(self._make_confirm())
        self.options = OptionForm(ToolOptions(), indent=8)
        self.again, self.shortcuts = AgainForm(), ShortcutList()
        self.again_fold = Fold(
            "Predict again", self.again, "Label the view once more, with another seed, size or segmenter"
        )
        for fold in (
            Fold("Options", self.options, "How far, how small, how smooth"),
            self.again_fold,
            Fold("Shortcuts", self.shortcuts, "All keys of this dock"),
        ):
            layout.addWidget(fold)
        layout.addStretch()
        self.set_status("")
        self.set_hint("")
        self.set_busy("")
        self.set_rest(False)
        self.gaps.hide()

    # What the controller asks.

    @property
    def mode(self) -> Mode:
        """What an object is."""
        return next(one for one, button in self.modes.items() if button.isChecked())

    @property
    def status(self) -> str:
        """What happened last."""
        return self._status.said

    @property
    def hint(self) -> str:
        """What could not be done, and why."""
        return self._hint.said

    @property
    def busy(self) -> str:
        """What is under way."""
        return self._busy.said

    @property
    def share(self) -> str:
        """How much is confirmed, and how much labelled at all."""
        return self._share.text()

    # What the controller says.

    def set_mode(self, mode: Mode) -> None:
        """Choose what an object is."""
        self.modes[mode].setChecked(True)

    def set_editable(self, on: bool) -> None:
        """Whether there are labels."""
        for widget in (self.tools, *self.modes.values(), self.focus, self.candidate, *self.holds.values()):
            widget.setEnabled(on)
        for button in (self.confirm, self.take_back, self.again.button):
            button.setEnabled(on)

    def set_ambiguous(self, on: bool) -> None:
        """Whether the labels may belong to several images; shown is which one is taken."""
        self.image_row.setVisible(on)

    def set_status(self, sentence: str) -> None:
        """What happened."""
        self._status.say(sentence)

    def set_hint(self, sentence: str) -> None:
        """What cannot be done, and why."""
        self._hint.say(sentence)

    def set_busy(self, sentence: str, *, can_cancel: bool = False) -> None:
        """What is under way; empty if nothing."""
        self._busy.say(sentence)
        self.cancel.setVisible(bool(sentence) and can_cancel)

    def set_candidate(self, name: str) -> None:
        """Which candidate is shown; empty for none."""
        self.candidate.setChecked(bool(name))
        self.candidate.setText(name or "Candidates")

    def set_focus(self, on: bool) -> None:
        """Whether an object is in focus."""
        self.focus.setChecked(on)

    def set_share(self, sentence: str) -> None:
        """How much is confirmed, and how much labelled at all."""
        self._share.setText(sentence)

    def set_rest(self, on: bool) -> None:
        """Offer to confirm what was never predicted, too."""
        self.rest.setVisible(on)

    def set_ink(self, ink: str) -> None:
        """Colour of the icons, which follows the theme."""
        self.tools.set_ink(ink)
        for button, tool in ((self.focus, FOCUS), (self.confirm, CONFIRM), (self.take_back, UNCONFIRM)):
            button.setIcon(icon(tool.name, ink))

    # How it looks.

    def _make_header(self) -> QHBoxLayout:
        self.header = QHBoxLayout()
        self.header.setSpacing(6)
        self.labels = combo("Labels layer that is corrected; proposed is that of the active layer")
        self.labels.setPlaceholderText("none")
        self.header.addWidget(QLabel("Labels"))
        self.header.addWidget(self.labels, 1)
        return self.header

    def _make_image(self) -> QWidget:
        self.image_row = QWidget()
        row = QHBoxLayout(self.image_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        self.image = combo(
            "Image that these labels belong to: several have their shape. Smart fill sees it, and what is kept for "
            "validation is remembered for it"
        )
        row.addWidget(QLabel("Image"))
        row.addWidget(self.image, 1)
        self.image_row.hide()
        return self.image_row

    def _make_modes(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        self.modes: dict[Mode, QPushButton] = {}
        self._group = QButtonGroup(self)
        for mode, title, hint in _MODES:
            button = QPushButton(title)
            button.setObjectName("segment")
            button.setCheckable(True)
            button.setChecked(mode == "classes")
            button.setToolTip(f"{hint} ({shortcuts.shown(shortcuts.OBJECTS)})")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.toggled.connect(lambda on, mode=mode: self.mode_toggled.emit(mode) if on else None)
            self._group.addButton(button)
            self.modes[mode] = button
            row.addWidget(button, 1)
        self.focus = self._button(FOCUS, self.focus_pressed)
        self.focus.setCheckable(True)
        self.focus.setObjectName("segment")
        row.addSpacing(8)  # not a third one of them
        row.addWidget(self.focus, 1)
        return row

    def _make_looking(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        self.holds: dict[Held, QPushButton] = {}
        for held, title, key, hint in (
            ("image", "Image", shortcuts.HOLD_IMAGE, "While held down: the image without any labels"),
            (
                "translation",
                "Translation",
                shortcuts.HOLD_TRANSLATION,
                "While held down: what the translator made of the image",
            ),
        ):
            button = QPushButton(title)
            button.setToolTip(f"{hint} (hold {shortcuts.shown(key)})")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.pressed.connect(lambda held=held: self.held.emit(held, True))
            button.released.connect(lambda held=held: self.held.emit(held, False))
            self.holds[held] = button  # type: ignore[index]
            row.addWidget(button, 1)
        self.candidate = QPushButton("Candidates")
        self.candidate.setObjectName("segment")
        self.candidate.setCheckable(True)
        self.candidate.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.candidate.setToolTip(
            "Show what another sample or segmenter said, one after the other, then the labels again; "
            f"Paste takes objects from it ({shortcuts.shown(shortcuts.NEXT_CANDIDATE)})"
        )
        self.candidate.clicked.connect(lambda on: self.candidate.setChecked(not on))
        self.candidate.clicked.connect(lambda: self.candidate_pressed.emit())
        row.addWidget(self.candidate, 1)
        return row

    def _make_confirm(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(2)
        grid.setVerticalSpacing(2)
        self.confirm = self._button(CONFIRM, self.confirm_pressed)
        self.take_back = self._button(UNCONFIRM, self.take_back_pressed)
        self._share = Sentence()
        self.rest = QPushButton("Confirm the rest, too")
        self.rest.setToolTip(
            "Nothing was missed there: what was never predicted counts as right as it stands, as background, "
            "and the Train dock learns from it"
        )
        self.rest.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.rest.clicked.connect(lambda: self.rest_pressed.emit())
        self.gaps = QCheckBox("Hatch what is not labelled")
        self.gaps.setChecked(True)
        self.gaps.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.gaps.setToolTip(
            "Nothing was predicted there yet, so it is no background: it is not reviewed, not learned from, "
            "and exported as not labelled"
        )
        grid.addWidget(self.rest, 0, 0, 1, 2)
        grid.addWidget(self.confirm, 1, 0)
        grid.addWidget(self.take_back, 1, 1)
        grid.addWidget(self._share, 2, 0, 1, 2)
        grid.addWidget(self.gaps, 3, 0, 1, 2)
        return grid

    def _button(self, tool: Tool, pressed: SignalInstance) -> QPushButton:
        button = QPushButton(tool.title)
        button.setToolTip(tool.tooltip)
        button.setIconSize(QSize(_ICON_PX, _ICON_PX))
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: pressed.emit())
        return button
