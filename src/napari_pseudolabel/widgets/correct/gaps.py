"""Where the labels say nothing, because nothing was predicted there: hatched on the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.corrections import Index, Window
from napari_pseudolabel.widgets.correct.desk import Desk
from napari_pseudolabel.widgets.correct.overlay import Hatched

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.utils.events import EventEmitter

_PAUSE_MS = 100
# Nobody sees more of a hatching than this along a side.
_MOST_PX = 1024


class Gaps(QObject):
    """Keeps the hatching on the canvas up to date, as long as the person wants to see it."""

    _known = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._labels: Labels | None = None
        self._corrections: Corrections | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self.refresh)
        self._known.connect(self._pause.start)
        desk.view.gaps.toggled.connect(lambda _: self.refresh())

    def follow(self, labels: Labels | None) -> None:
        """Other labels are corrected now."""
        if self._corrections is not None and self._on_known in self._corrections.listeners:
            self._corrections.listeners.remove(self._on_known)
        for event in self._events():
            event.disconnect(self._on_drawn)
        self._labels = labels
        self._corrections = None if labels is None else Corrections.of(labels)
        if self._corrections is not None:
            self._corrections.listeners.append(self._on_known)
        for event in self._events():
            event.connect(self._on_drawn)
        self.refresh()

    def stop(self) -> None:
        """The dock is closed."""
        self.follow(None)
        self._pause.stop()

    def refresh(self) -> None:
        """Hatch what is not labelled on the plane that is shown."""
        found = self._found()
        self._desk.view.gaps.setVisible(found is not None)
        if self._desk.overlay is not None:
            shown = self._desk.view.gaps.isChecked() and self._labels is not None and self._labels.visible
            self._desk.overlay.hatch(found if shown else None)

    def _found(self) -> Hatched | None:
        """What is not labelled; None where everything is, or the canvas shows no plane of the labels."""
        corrections, labels = self._corrections, self._labels
        if corrections is None or labels is None or corrections.own or corrections.layer is None:
            return None
        try:
            plane = self._desk.layers.plane()
        except InputError:
            return None
        step = -(-max(corrections.mask.shape[-2:]) // _MOST_PX)
        mask = ~corrections.labelled_in((*plane, slice(None, None, step), slice(None, None, step)))
        if not mask.any():
            return None
        ends = np.array([[0, 0], [0, mask.shape[1]], [mask.shape[0], 0]]) * step - 0.5
        corners = [labels.data_to_world((*plane, *end))[-2:] for end in ends]
        return Hatched(mask, tuple((float(y), float(x)) for y, x in corners))

    def _events(self) -> list[EventEmitter]:
        if self._labels is None:
            return []
        return [self._labels.events.paint, self._labels.events.set_data, self._labels.events.visible]

    def _on_drawn(self, event: object) -> None:
        self._pause.start()

    def _on_known(self, plane: Index, window: Window) -> None:
        self._known.emit()  # from whatever thread
