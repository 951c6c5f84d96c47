"""Widgets of the Train dock; what they do is in the controllers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout

from napari_pseudolabel.labels.classes import OKABE_ITO
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.dock_view import DockView
from napari_pseudolabel.widgets.common.picture_rows import PictureRows
from napari_pseudolabel.widgets.common.small_widgets import Segments, button, row
from napari_pseudolabel.widgets.train.fast_version_page import FastVersionPage
from napari_pseudolabel.widgets.train.model_list import ModelList, PreviewBar
from napari_pseudolabel.widgets.train.plots import Curves
from napari_pseudolabel.widgets.train.segmenter_page import SegmenterPage
from napari_pseudolabel.widgets.train.train_choice import Subject
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
    (
        "fast version",
        "Fast version",
        "A small network learns what a translator makes of your image: the same labels, many times faster",
    ),
)

_STARTS: dict[Subject, str] = {"fast version": "Make a fast version"}

_LOSS = "How wrong the model is on what it learns from; it should fall"
_DICE = (
    "How well the model agrees with you on confirmed pixels that it never learns from: 0 not at all, 1 fully. "
    "Dashed: the model the training started from. Of a fast version: how well its labels agree with those of its translator"
)
_F1 = (
    "How well the objects that you would count are found: 1 if every one is there and none is made up. Of regions that the "
    "model never learns from. Dashed: the model the training started from"
)
_MEASURES = (
    "Of what passes a low-pass, so that noise that hides the source does not flatter the translator.\n"
    "structures: how well they agree with the source, 0 to 1\nsharpness: against real images, 1 is right\n"
    "way back: error of the image translated there and back\nhidden: how much of the way back lives on fine noise"
)


class TrainView(DockView):
    """What is trained, from what, how it goes, what came out.

    Attributes
    ----------
    state
        Which buttons make sense, see `set_state`.
    """

    changed = Signal()
    pause_toggled = Signal(bool)

    def __init__(self) -> None:
        super().__init__(cancel="End the training within one step and drop what it has learned")
        self.subjects = Segments(_SUBJECTS, "segmenter")
        self.subjects.changed.connect(self._on_subject)
        self.segmenter, self.translator = SegmenterPage(), TranslatorPage()
        self.fast_version = FastVersionPage()
        self._pages: dict[Subject, SegmenterPage | TranslatorPage | FastVersionPage] = {
            "segmenter": self.segmenter,
            "translator": self.translator,
            "fast version": self.fast_version,
        }
        for page in self._pages.values():
            page.changed.connect(self.changed)
        self.losses = Curves("Loss", _LOSS, limits=(0, np.inf), palette=OKABE_ITO[2:] + OKABE_ITO[:2])
        self.scores = Curves("Validation Dice", _DICE, limits=(0, 1))
        self.objects = Curves("Validation F1", _F1, limits=(0, 1))
        self.measures = Curves("Measures", _MEASURES)
        self.tiles = PictureRows("The same place for the old model, the new model, and your labels")
        self.preview = PreviewBar()
        self.models = ModelList()
        self.place(
            self.subjects,
            *self._pages.values(),
            self._make_buttons(),
            *self.messages,
            self.preview,
            self.tiles,
            self.models,
            self.scores,
            self.objects,
            self.measures,
            self.losses,
        )
        self.state: State = "idle"
        self._notices: tuple[str, ...] = ()
        self._remarks: tuple[str, ...] = ()
        self.set_subject("segmenter")
        self.set_state("idle")

    # What the controller asks.

    @property
    def subject(self) -> Subject:
        """What is trained."""
        chosen: Subject = self.subjects.value
        return chosen

    # What the controller says.

    def set_subject(self, subject: Subject) -> None:
        """Show the page of a subject."""
        self.subjects.choose(subject)
        for name, page in self._pages.items():
            page.setVisible(subject == name)
        self.start_button.setText(_STARTS.get(subject, "Start"))
        self.preview.setVisible(subject == "segmenter")
        self._show_models()

    def set_state(self, state: State) -> None:
        """Show the buttons that make sense now."""
        running = state != "idle"
        self.start_button.setVisible(not running)
        self.set_working(running)
        for q_push_button in (self.pause_button, self.finish_button):
            q_push_button.setVisible(running)
            q_push_button.setEnabled(state in ("running", "paused"))
        self.pause_button.blockSignals(True)
        self.pause_button.setChecked(state == "paused")
        self.pause_button.setText("Resume" if state == "paused" else "Pause")
        self.pause_button.blockSignals(False)
        self.state = state
        self._show_models()
        self.subjects.setEnabled(not running)
        for page in self._pages.values():
            page.set_editable(not running)

    def set_status(self, sentence: str, notes: Sequence[str] = ()) -> None:
        """Say what came out of the training, and what the person should know about it."""
        self._remarks = tuple(notes)
        super().set_status(sentence, (*self._notices, *self._remarks))

    def set_notices(self, notices: Sequence[str]) -> None:
        """Say what went wrong with the worker and was dealt with."""
        self._notices = tuple(notices)
        self.set_status(self.status, self._remarks)

    def clear_curves(self) -> None:
        """Forget the last training."""
        for curves in (self.losses, self.scores, self.objects, self.measures):
            curves.clear()
        self.tiles.clear()

    def set_ink(self, ink: str) -> None:
        """Colour of the axes, which follows the theme."""
        for curves in (self.losses, self.scores, self.objects, self.measures):
            curves.set_ink(ink)

    # How it looks.

    def _show_models(self) -> None:
        self.models.set_wanted(self.subject == "segmenter" and self.state == "idle")

    def _on_subject(self) -> None:
        self.set_subject(self.subject)
        self.changed.emit()

    def _make_buttons(self) -> QHBoxLayout:
        self.start_button = self.main_button = button(
            "Start",
            "Train in the background from what is labelled now; you can go on painting "
            f"({shortcuts.shown(shortcuts.TRAIN)})",
            name="main",
        )
        self.pause_button = button(
            "Pause",
            "Let the training wait after the step it is in; the models stay in memory",
            name="segment",
            checkable=True,
        )
        self.pause_button.toggled.connect(self.pause_toggled)
        self.finish_button = button("Stop and keep", "End the training here and keep its best model")
        return row((self.start_button, 1), (self.pause_button, 1), (self.finish_button, 2), spacing=4)
