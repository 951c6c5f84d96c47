"""Whether labels are still those that were measured."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.imaging.image import finest
from napari_pseudolabel.labels.spot_check.labels_digest import digest_of
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.image_layers import placement_of
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.labels_events import LabelsEvents
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor

if TYPE_CHECKING:
    from napari.layers import Labels

_PAUSE_MS = 500
_MOVES = ("scale", "units", "shear", "rotate", "affine")


class Freshness(QObject):
    """Compares labels with what was measured whenever something may have happened to them, beside the window.

    Attributes
    ----------
    changed
        Another answer than before; see `stale`.
    """

    changed = Signal()

    def __init__(self, executor: SerialExecutor) -> None:
        super().__init__()
        self.stale = False
        self._executor = executor
        self._events = LabelsEvents()
        self._labels: Labels | None = None
        self._digest = ""
        self._about: object = None
        self._look_later = Debouncer(self._look, _PAUSE_MS, self)
        events = self._events
        for event in (events.painted, events.drawn, events.replaced, events.corrected, events.recoloured):
            event.connect(self._look_later)

    @property
    def settled(self) -> bool:
        """Whether the answer is that of now."""
        return not self._look_later.pending

    def follow(self, labels: Labels | None, digest: str = "") -> None:
        """Compare these labels with a digest; None for none."""
        self._look_later.cancel()
        if self._labels is not None:
            for name in _MOVES:
                self._labels.events[name].disconnect(self._look_later)
        self._events.follow(labels)
        self._labels, self._digest = labels, digest
        self._about = None if labels is None else _about(labels)
        if labels is not None:
            for name in _MOVES:
                labels.events[name].connect(self._look_later)
            self._look_later()  # it may have changed while it was measured
        self._answer(False)

    def _look(self) -> None:
        labels = self._labels
        if labels is None:
            return
        if _about(labels) != self._about:
            self._answer(True)
            return
        corrections = Corrections.of(labels)
        data, labelled = finest(labels.data), None if corrections.own else corrections.labelled_in((...,))

        def looked(digest: str) -> None:
            if labels is self._labels:
                self._answer(digest != self._digest)

        def failed(failure: Failure) -> None:
            self._answer(True)  # whoever cannot be compared is not vouched for

        self._executor.run(lambda: digest_of(np.asarray(data), labelled), looked, failed)

    def _answer(self, stale: bool) -> None:
        if stale != self.stale:
            self.stale = stale
            self.changed.emit()


def _about(labels: Labels) -> object:
    """Return what measures depend on besides the pixels."""
    placement = placement_of(labels)
    return replace(placement, translate=(0.0,) * placement.ndim), classes_of(labels)
