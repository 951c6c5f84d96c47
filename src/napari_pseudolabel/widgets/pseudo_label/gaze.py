"""Tells the engine while a job runs where the person looks, so that this part is labelled first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_pseudolabel.widgets.common.job_runner import JobRunner
from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
from napari_pseudolabel.widgets.pseudo_label.label_run import LabelRun, focus_of

if TYPE_CHECKING:
    from napari.components import ViewerModel

_LOOK_MS = 200


class Gaze(QObject):
    """Follows the view for a run."""

    def __init__(
        self,
        viewer: ViewerModel,
        images: ImagePicker,
        runner: JobRunner,
        canvas_px: Callable[[], tuple[int, int] | None],
    ) -> None:
        super().__init__()
        self._viewer, self._images, self._runner, self._canvas_px = viewer, images, runner, canvas_px
        self._running: LabelRun | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._send)

    def follow(self, running: LabelRun) -> None:
        """Say now, and from time to time, where the person looks."""
        self._running = running
        self._send()
        self._timer.start()

    def stop(self) -> None:
        """Say no more."""
        self._timer.stop()
        self._running = None

    def _send(self) -> None:
        running = self._running
        layer = self._images.layer(running.layer) if running is not None else None
        if running is None or layer is None:
            return
        focus = focus_of(self._viewer, layer, running.image, self._canvas_px)
        if focus is not None:
            self._runner.look_at(running.number, focus)
