"""Widgets of the Correct dock; what they do is in the controller and its parts."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.dock_view import DockView
from napari_pseudolabel.widgets.common.layer_box import LayerBox
from napari_pseudolabel.widgets.common.option_form import OptionForm
from napari_pseudolabel.widgets.common.small_widgets import (
    Collapsible,
    MessageLabel,
    Segments,
    button,
    column,
    row,
    segment,
    tab_through,
)
from napari_pseudolabel.widgets.correct.icons import icon
from napari_pseudolabel.widgets.correct.palette import Palette
from napari_pseudolabel.widgets.correct.spot_check.spot_card import SpotCard
from napari_pseudolabel.widgets.correct.spot_check.spot_form import SpotForm
from napari_pseudolabel.widgets.correct.tool_bar import ToolBar
from napari_pseudolabel.widgets.correct.tool_options import AgainForm, ShortcutList, ToolOptions
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


class CorrectView(DockView):
    """Which labels, which class, which tool, what is confirmed.

    Attributes
    ----------
    review
        Empty; the review queue puts its widgets here.
    name_regions
        Whether clicks name regions that a strategy has found.
    spot_card, spot_form
        Of the spot check: the question, in the place of the review; how much is asked, and what came out.
    header
        Row of the list of labels; what tells whether work is saved goes to its end.
    """

    mode_toggled = Signal(str)
    held = Signal(str, bool)

    def __init__(self) -> None:
        super().__init__(cancel="Stop what is under way; what has arrived stays, as one undo step")
        self.palette_ = Palette()
        self.tools = ToolBar()
        self.review = QWidget()
        self.review_layout = column(parent=self.review)
        self.spot_card, self.spot_form = SpotCard(), SpotForm()
        self.spot_fold = Collapsible(
            "Spot check", self.spot_form, "How good the labels are, with intervals, as a reviewer accepts it"
        )
        self.options = OptionForm(ToolOptions(), indent=8)
        self.again, self.shortcuts = AgainForm(), ShortcutList()
        self.again_fold = Collapsible(
            "Predict again", self.again, "Label the view once more, with another seed, size or segmenter"
        )
        self.name_regions = segment(
            "Name regions",
            "Click on a region: all of its kind become the chosen class; Shift+click makes them background "
            f"({shortcuts.shown(shortcuts.NAME_REGIONS)})",
        )
        self.place(
            self._make_header(),
            self._make_image(),
            self._make_modes(),
            self.palette_,
            self.name_regions,
            self.tools,
            self._make_compare(),
            *self.messages,
            self.review,
            self.spot_card,
            self._make_confirm(),
            Collapsible("Options", self.options, "How far, how small, how smooth"),
            self.again_fold,
            self.spot_fold,
            Collapsible("Shortcuts", self.shortcuts, "All keys of this dock"),
        )
        self.name_regions.hide()
        self.spot_card.hide()
        self.rest.hide()
        self.gaps.hide()

    def add_review(self, card: QWidget) -> None:
        """Show a card, and lead Tab through it where it is seen."""
        self.review_layout.addWidget(card)
        tab_through(self.candidate, card)

    # What the controller asks.

    @property
    def mode(self) -> Mode:
        """What an object is."""
        chosen: Mode = self.modes.value
        return chosen

    @property
    def share(self) -> str:
        """How much is confirmed, and how much labelled at all."""
        return self._share.text()

    # What the controller says.

    def set_mode(self, mode: Mode) -> None:
        """Choose what an object is."""
        self.modes.choose(mode)

    def set_editable(self, on: bool) -> None:
        """Whether there are labels."""
        for widget in (self.tools, self.modes, self.focus, self.candidate, *self.holds.values()):
            widget.setEnabled(on)
        for q_push_button in (self.confirm, self.take_back, self.again.button):
            q_push_button.setEnabled(on)

    def set_busy(self, sentence: str, done: int = 0, total: int = 0, *, can_cancel: bool = False) -> None:
        """Say what is under way, empty if nothing, and how far it is; see `set_progress`."""
        self.set_working(bool(sentence), cancel=can_cancel)
        self.set_progress(sentence, done, total)

    def set_candidate(self, name: str) -> None:
        """Which candidate is shown; empty for none."""
        self.candidate.setChecked(bool(name))
        self.candidate.setText(name or "Candidates")

    def set_share(self, sentence: str) -> None:
        """How much is confirmed, and how much labelled at all."""
        self._share.setText(sentence)

    def set_ink(self, ink: str) -> None:
        """Colour of the icons, which follows the theme."""
        self.tools.set_ink(ink)
        for one, tool in ((self.focus, FOCUS), (self.confirm, CONFIRM), (self.take_back, UNCONFIRM)):
            one.setIcon(icon(tool.name, ink))

    # How it looks.

    def _make_header(self) -> QHBoxLayout:
        self.labels = LayerBox("Labels layer that is corrected; proposed is that of the active layer", "none")
        self.header = row(QLabel("Labels"), (self.labels, 1))
        return self.header

    def _make_image(self) -> QWidget:
        self.image_row = QWidget()
        self.image = LayerBox(
            "Image that these labels belong to: several have their shape. Smart fill sees it, and what is kept for "
            "validation is remembered for it"
        )
        row(QLabel("Image"), (self.image, 1), parent=self.image_row)
        self.image_row.hide()
        return self.image_row

    def _make_modes(self) -> QHBoxLayout:
        key = shortcuts.shown(shortcuts.OBJECTS)
        self.modes = Segments([(mode, title, f"{hint} ({key})") for mode, title, hint in _MODES], "classes")
        self.modes.changed.connect(lambda: self.mode_toggled.emit(self.mode))
        self.focus = _tool_button(FOCUS, checkable=True)
        # Not a third one of them.
        return row((self.modes, 2), (self.focus, 1), spacing=10)

    def _make_compare(self) -> QHBoxLayout:
        image = "While held down: the image without any labels"
        translation = "While held down: what the translator made of the image"
        self.holds: dict[Held, QPushButton] = {
            "image": _held_button("Image", image, shortcuts.HOLD_IMAGE),
            "translation": _held_button("Translation", translation, shortcuts.HOLD_TRANSLATION),
        }
        for held, q_push_button in self.holds.items():
            q_push_button.pressed.connect(lambda held=held: self.held.emit(held, True))
            q_push_button.released.connect(lambda held=held: self.held.emit(held, False))
        self.candidate = segment(
            "Candidates",
            "Show what another sample or segmenter said, one after the other, then the labels again; "
            f"Paste takes objects from it ({shortcuts.shown(shortcuts.NEXT_CANDIDATE)})",
        )
        self.candidate.clicked.connect(lambda on: self.candidate.setChecked(not on))
        return row(*((one, 1) for one in (*self.holds.values(), self.candidate)), spacing=2)

    def _make_confirm(self) -> QVBoxLayout:
        self.confirm, self.take_back = _tool_button(CONFIRM), _tool_button(UNCONFIRM)
        self._share = MessageLabel()
        self.rest = button(
            "Confirm the rest, too",
            "Nothing was missed there: what was never predicted counts as right as it stands, as background, "
            "and the Train dock learns from it",
            focus=Qt.FocusPolicy.TabFocus,
        )
        self.gaps = QCheckBox("Hatch what is not labelled")
        self.gaps.setChecked(True)
        self.gaps.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.gaps.setToolTip(
            "Nothing was predicted there yet, so it is no background: it is not reviewed, not learned from, "
            "and exported as not labelled"
        )
        buttons = row((self.confirm, 1), (self.take_back, 1), spacing=2)
        return column(self.rest, buttons, self._share, self.gaps, spacing=2)


def _tool_button(tool: Tool, *, checkable: bool = False) -> QPushButton:
    made = (segment if checkable else _plain_button)(tool.title, tool.tooltip)
    made.setIconSize(QSize(_ICON_PX, _ICON_PX))
    return made


def _plain_button(title: str, tooltip: str) -> QPushButton:
    return button(title, tooltip, focus=Qt.FocusPolicy.TabFocus)


def _held_button(title: str, hint: str, key: str) -> QPushButton:
    return button(title, f"{hint} (hold {shortcuts.shown(key)})", focus=Qt.FocusPolicy.NoFocus)
