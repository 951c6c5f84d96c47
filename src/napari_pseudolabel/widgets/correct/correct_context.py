"""What every part of the dock works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.labels.objects import Scheme, scheme_for
from napari_pseudolabel.viewer.image_layers import placement_of
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.viewer.undo_history import newest, was_undone
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.labels_events import LabelsEvents
from napari_pseudolabel.widgets.common.overlay import Overlay
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.correct.labels_picker import LabelsPicker
from napari_pseudolabel.widgets.correct.view import CorrectView

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels


NOT_SHOWN = "A candidate was shown, not the labels. Here they are again; press once more."


@dataclass(eq=False)
class CorrectContext:
    """What every part of the dock works with.

    Attributes
    ----------
    executor
        A thread for what is too long for the window and touches files or small parts.
    failed
        Shows an error to the person.
    canvas_px
        Says height and width of the canvas, None if unknown.
    overlay
        What is drawn over the canvas; None as long as the dock is not in a window.
    events
        What happens to the labels that are corrected.
    end_candidate
        Shows the labels instead of a candidate; False if they are shown already.
    """

    viewer: ViewerModel
    view: CorrectView
    session: Session
    runner: JobRunner
    executor: SerialExecutor
    layers: LabelsPicker
    failed: Callable[[Failure], None]
    canvas_px: Callable[[], tuple[int, int] | None]
    overlay: Overlay | None = None
    events: LabelsEvents = field(default_factory=LabelsEvents)
    end_candidate: Callable[[], bool] = lambda: False
    _said: tuple[Labels, object, str] | None = None

    def require_labels(self) -> None:
        """Nobody shall change or confirm labels while looking at something else.

        Raises
        ------
        InputError
            If a candidate is shown; the labels are shown again then.
        """
        if self.end_candidate():
            raise InputError(NOT_SHOWN)

    def say(self, sentence: str) -> None:
        """Tell what happened, in the dock and on the canvas; what went wrong before is over."""
        self.view.error.clear()
        self.view.set_hint("")
        self.view.set_status(sentence)
        labels = self.layers.labels
        self._said = None if labels is None else (labels, newest(labels), sentence)
        if self.overlay is not None:
            self.overlay.say(sentence)

    def forget_undone(self) -> None:
        """Take away what was said last, if it was undone since."""
        if self._said is None:
            return
        labels, step, sentence = self._said
        if was_undone(labels, step):
            self._said = None
            if self.view.status == sentence:
                self.view.set_status("")

    def refuse(self, sentence: str) -> None:
        """Tell what cannot be done and why, in the dock and on the canvas."""
        self.view.set_status("")
        self.view.set_hint(sentence)
        if self.overlay is not None:
            self.overlay.say(sentence, warns=True)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Tell the person what could not be done inside of the block, and why."""
        try:
            yield
        except PseudolabelError as error:
            self.refuse(str(error))

    @property
    def scheme(self) -> Scheme:
        """How the classes of the labels make objects: one of every component where classes are looked at."""
        labels = self.layers.labels
        if labels is None or self.view.mode == "classes":
            return Scheme()
        return scheme_for(classes_of(labels), self.aspect)

    @property
    def aspect(self) -> float:
        """Height of a pixel of the labels by its width."""
        labels = self.layers.labels
        return 1.0 if labels is None else placement_of(labels).pixel_aspect

    @property
    def nesting(self) -> Scheme:
        """Which classes lie inside of others, as far as tools on single classes must know."""
        labels = self.layers.labels
        if labels is None or self.view.mode == "objects":
            return Scheme()
        return scheme_for(classes_of(labels))


class Part(QObject):
    """A part of the dock that follows the labels."""

    def __init__(self, context: CorrectContext) -> None:
        super().__init__()
        self._context = context

    def follow(self, labels: Any) -> None:
        """Other labels are corrected now, or none."""

    def stop(self) -> None:
        """Stop: the dock is closed; it may be opened again."""
        self.follow(None)
