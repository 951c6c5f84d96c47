"""What the controller needs of the things that can be trained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.pseudo_label.label_choice import ModelEntry
from napari_pseudolabel.widgets.train.view import TrainView

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.strategies import Job


@dataclass(frozen=True, eq=False)
class TrainContext:
    """What every part of the dock works with.

    Attributes
    ----------
    failed
        Shows an error to the person.
    canvas_px
        Says height and width of the canvas, None if unknown.
    """

    viewer: ViewerModel
    view: TrainView
    session: Session
    runner: JobRunner
    executor: SerialExecutor
    failed: Callable[[Failure], None]
    canvas_px: Callable[[], tuple[int, int] | None]


class TrainingController(QObject):
    """One of them.

    Attributes
    ----------
    changed
        What is known about the layers, or why the training cannot start, is another than before.
    """

    changed = Signal()

    def __init__(self, context: TrainContext, recent: RecentChoices) -> None:
        super().__init__()
        self._context, self._remembered = context, recent

    @property
    def minutes(self) -> int:
        """Time limit of the training; 0 for none."""
        return 0

    def start(self) -> None:
        """Begin to follow the viewer."""

    def fill(self, active: Layer | None = None) -> None:
        """Layers came, went, or `active` is the active one now."""

    def set_models(self, entries: Sequence[ModelEntry]) -> None:
        """Take the named models, now that they are known."""

    def set_devices(self, devices: Sequence[tuple[str, str]]) -> None:
        """Take the devices of the worker, as (name, text) pairs."""

    def why_not(self) -> str | None:
        """Why the training cannot start and what to do; None if it can. Cheap."""
        raise NotImplementedError

    def prepare(self) -> Callable[[], Job]:
        """Return what makes the job, away from the window, from what the widgets and the viewer say at this moment.

        Raises
        ------
        PseudolabelError
            When they say nothing that can be trained.
        """
        raise NotImplementedError

    def on_started(self, job: Any) -> None:
        """Note that the job was submitted."""

    def on_event(self, event: object) -> None:
        """Show what the job tells."""

    def on_finished(self, result: Any) -> None:
        """Take the result of a job that has ended well."""

    def on_dropped(self) -> None:
        """Forget a job that was cancelled or has failed."""

    def stop(self) -> None:
        """Stop: the dock is closed."""
