"""What happens to the labels that a dock works on."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.corrections import Index, Window

# Events of a Labels layer and what they are called here.
_EVENTS = {
    "paint": "painted",
    "set_data": "drawn",
    "data": "replaced",
    "colormap": "recoloured",
    "selected_label": "chosen",
    "visible": "shown",
}


class LabelsEvents(QObject):
    """Tells what happens to one Labels layer, in the thread of the window.

    Attributes
    ----------
    painted
        With the parts of the stroke, as napari's undo history has them.
    drawn
        Pixels changed in some way, an undo included.
    replaced
        A script has given the layer other labels.
    recoloured, chosen, shown
        Other colours; another class is painted; shown or hidden.
    corrected
        Something was predicted or confirmed; with the plane and the window.
    """

    painted = Signal(object)
    drawn = Signal()
    replaced = Signal()
    recoloured = Signal()
    chosen = Signal()
    shown = Signal()
    corrected = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self._labels: Any = None
        self._corrections: Corrections | None = None

    def follow(self, labels: Any) -> None:
        """Tell of these labels instead of those before; None for none."""
        if self._labels is not None:
            for name in _EVENTS:
                self._labels.events[name].disconnect(self._on_event)
        if self._corrections is not None and self._on_corrected in self._corrections.listeners:
            self._corrections.listeners.remove(self._on_corrected)
        self._labels = labels
        self._corrections = None if labels is None else Corrections.of(labels)
        if self._corrections is not None:
            self._corrections.listeners.append(self._on_corrected)
            for name in _EVENTS:
                labels.events[name].connect(self._on_event)

    def _on_event(self, event: Any) -> None:
        signal = getattr(self, _EVENTS[event.type])
        if event.type == "paint":
            signal.emit(event.value)
        else:
            signal.emit()

    def _on_corrected(self, plane: Index, window: Window) -> None:
        self.corrected.emit(plane, window)  # from whatever thread
