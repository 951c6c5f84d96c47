"""Widgets of the Train dock; what they do is in the controllers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_pseudolabel.labels.classes import OKABE_ITO
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.parts import Elided, ErrorBox, Sentence, show_progress
from napari_pseudolabel.widgets.common.tiles import Tiles
from napari_pseudolabel.widgets.train.choice import Subject
from napari_pseudolabel.widgets.train.outcome import ModelList, PreviewBar
from napari_pseudolabel.widgets.train.plots import Curves
from napari_pseudolabel.widgets.train.segmenter_page import SegmenterPage
from napari_pseudolabel.widgets.train.translator_page import TranslatorPage

State = Literal["idle", "waiting", "running", "paused"]
"""`waiting`: for a training to begin or to end; it can only be cancelled then."""

_SUBJECTS: tuple[tuple[Subject, str, str], ...] = (
    ("segmenter", "Segmenter", "The model that turns images into labels learns from your corrections"),
    (
        "translator",
        "Translator",
        "The model that turns one modality into another learns from unlabelled images",
    ),
)


_LOSS = "How wrong the model is on what it learns from; it should fall"
_DICE = (
    "How well the model agrees with you on confirmed pixels that it never learns from: 0 not at all, 1 fully. "
    "Dashed: the model the training started from"
)
_MEASURES = (
    "Of what passes a low-pass, so that noise that hides the source does not flatter the translator.\n"
    "structures: how well they agree with the source, 0 to 1\nsharpness: against real images, 1 is right\n"
    "way back: error of the image translated there and back\nhidden: how much of the way back lives on fine noise"
)


class TrainView(QWidget):
    """What is trained, from what, how it goes, what came out.

    Attributes
    ----------
    state
        Which buttons make sense, see `set_state`.
    """

    changed = Signal()
    start_pressed = Signal()
    pause_toggled = Signal(bool)
    finish_pressed = Signal()
    cancel_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setSpacing(5)
        layout.addLayout(self._make_subjects())
        self.segmenter, self.translator = SegmenterPage(), TranslatorPage()
        for page in (self.segmenter, self.translator):
            page.changed.connect(self.changed)
            layout.addWidget(page)
        layout.addLayout(self._make_buttons())
        self._make_messages(layout)
        self.losses = Curves("Loss", _LOSS, limits=(0, np.inf), palette=OKABE_ITO[2:] + OKABE_ITO[:2])
        self.scores = Curves("Validation Dice", _DICE, limits=(0, 1))
        self.measures = Curves("Measures", _MEASURES)
        self.tiles = Tiles("The same place for the old model, the new model, and your labels")
        self.preview = PreviewBar()
        self.models = ModelList()
        for widget in (self._status, self._notes, self.preview, self.tiles, self.models):
            layout.addWidget(widget)
        for curves in (self.scores, self.measures, self.losses):
            layout.addWidget(curves)
        layout.addStretch()
        self.state: State = "idle"
        self._notices: tuple[str, ...] = ()
        self._remarks: tuple[str, ...] = ()
        self.set_subject("segmenter")
        self.set_state("idle")
        self.set_status("")
        self.set_hint("")

    # What the controller asks.

    @property
    def subject(self) -> Subject:
        """What is trained."""
        return next(one for one, button in self.subjects.items() if button.isChecked())

    @property
    def hint(self) -> str:
        """The line under the main button, empty if there is none."""
        return self._hint.said

    @property
    def status(self) -> str:
        """What came out of the last training."""
        return self._status.said

    @property
    def notes(self) -> str:
        """What the person should know about it."""
        return self._notes.said

    @property
    def stage(self) -> str:
        """What is being done."""
        return self._stage.toolTip()

    # What the controller says.

    def set_subject(self, subject: Subject) -> None:
        """Show the page of a subject."""
        self.subjects[subject].setChecked(True)
        self.segmenter.setVisible(subject == "segmenter")
        self.translator.setVisible(subject == "translator")
        self.preview.setVisible(subject == "segmenter")
        self._show_models()

    def set_hint(self, sentence: str) -> None:
        """Why the training cannot start; empty if it can."""
        self._hint.say(sentence)
        self.start_button.setEnabled(not sentence)

    def set_state(self, state: State) -> None:
        """Show the buttons that make sense now."""
        running = state != "idle"
        self.start_button.setVisible(not running)
        for button in (self.pause_button, self.finish_button, self.cancel_button, self.progress, self._stage):
            button.setVisible(running)
        self.pause_button.setEnabled(state in ("running", "paused"))
        self.finish_button.setEnabled(state in ("running", "paused"))
        self.pause_button.blockSignals(True)
        self.pause_button.setChecked(state == "paused")
        self.pause_button.setText("Resume" if state == "paused" else "Pause")
        self.state = state
        self._show_models()
        self.pause_button.blockSignals(False)
        for button in self.subjects.values():
            button.setEnabled(not running)
        self.segmenter.set_editable(not running)
        self.translator.set_editable(not running)

    def set_progress(self, stage: str, done: int, total: int) -> None:
        """What is being done and how far it is; a moving bar where that is not known."""
        show_progress(self.progress, done, total)
        self.set_stage(stage)

    def set_stage(self, stage: str) -> None:
        """What is being done."""
        self._stage.setText(stage)
        self._stage.setToolTip(stage)

    def set_status(self, sentence: str, notes: Sequence[str] = ()) -> None:
        """What came out of the training, and what the person should know about it."""
        self._status.say(sentence)
        self._remarks = tuple(notes)
        self._show_notes()

    def set_notices(self, notices: Sequence[str]) -> None:
        """What went wrong with the worker and was dealt with."""
        self._notices = tuple(notices)
        self._show_notes()

    def clear_curves(self) -> None:
        """Forget the last training."""
        for curves in (self.losses, self.scores, self.measures):
            curves.clear()
        self.tiles.clear()

    def set_ink(self, ink: str) -> None:
        """Colour of the axes, which follows the theme."""
        for curves in (self.losses, self.scores, self.measures):
            curves.set_ink(ink)

    # How it looks.

    def _make_subjects(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(2)
        self.subjects: dict[Subject, QPushButton] = {}
        self._group = QButtonGroup(self)
        for subject, title, hint in _SUBJECTS:
            button = QPushButton(title)
            button.setObjectName("segment")
            button.setCheckable(True)
            button.setToolTip(hint)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.toggled.connect(lambda on, subject=subject: self._on_subject(subject) if on else None)
            self._group.addButton(button)
            self.subjects[subject] = button
            row.addWidget(button, 1)
        return row

    def _show_notes(self) -> None:
        notes = (*self._notices, *self._remarks)
        self._notes.setText("\n".join(f"⚠ {note}" for note in notes))
        self._notes.setVisible(bool(notes))

    def _show_models(self) -> None:
        self.models.set_wanted(self.subject == "segmenter" and self.state == "idle")

    def _on_subject(self, subject: Subject) -> None:
        self.set_subject(subject)
        self.changed.emit()

    def _make_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        self.start_button = QPushButton("Start")
        self.start_button.setObjectName("main")
        self.start_button.setToolTip(
            "Train in the background from what is labelled now; you can go on painting "
            f"({shortcuts.shown(shortcuts.TRAIN)})"
        )
        self.start_button.clicked.connect(lambda: self.start_pressed.emit())
        self.pause_button = QPushButton("Pause")
        self.pause_button.setCheckable(True)
        self.pause_button.setObjectName("segment")
        self.pause_button.setToolTip(
            "Let the training wait after the step it is in; the models stay in memory"
        )
        self.pause_button.toggled.connect(self.pause_toggled)
        self.finish_button = QPushButton("Stop and keep")
        self.finish_button.setToolTip("End the training here and keep its best model")
        self.finish_button.clicked.connect(lambda: self.finish_pressed.emit())
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("End the training within one step and drop what it has learned")
        self.cancel_button.clicked.connect(lambda: self.cancel_pressed.emit())
        for button, stretch in (
            (self.start_button, 1),
            (self.pause_button, 1),
            (self.finish_button, 2),
            (self.cancel_button, 1),
        ):
            row.addWidget(button, stretch)
        return row

    def _make_messages(self, layout: QVBoxLayout) -> None:
        self._hint, self._status, self._notes = (
            Sentence(name="warning"),
            Sentence(name="done"),
            Sentence(name="warning"),
        )
        self._stage = Elided()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(14)
        self.error = ErrorBox()
        for widget in (self._hint, self.progress, self._stage, self.error):
            layout.addWidget(widget)
