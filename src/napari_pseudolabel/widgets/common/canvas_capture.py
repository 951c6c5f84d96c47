"""The mouse and some keys of a layer, taken for a while: the canvas neither paints nor moves meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Drag = Callable[[Any, Any], "Iterator[None]"]
_NO_MODE = "pan_zoom"


class CanvasCapture(QObject):
    """Holds mouse and keys of one layer until it is left, or the person turns to another layer or mode.

    Attributes
    ----------
    left
        Mouse and keys are those of the layer again.
    """

    left = Signal()

    def __init__(self, viewer: ViewerModel) -> None:
        super().__init__()
        self._viewer = viewer
        self._layer: Layer | None = None
        self._mode = ""
        self._drag: Drag | None = None
        self._keys_before: dict[str, object] = {}

    @property
    def on(self) -> bool:
        """Whether mouse and keys are held."""
        return self._layer is not None

    def begin(self, layer: Layer, drag: Drag, keys: Mapping[str, Callable[[], None]]) -> None:
        """Take them.

        Parameters
        ----------
        layer
            Becomes the active one.
        drag
            Hears of the mouse as napari tells it.
        keys
            What they do.
        """
        self.leave()
        self._layer, self._drag = layer, drag
        # Only the active layer hears of the mouse.
        self._viewer.layers.selection.active = layer
        self._mode = str(layer.mode)
        layer.mode = _NO_MODE
        layer.mouse_pan = False
        layer.cursor = "cross"
        layer.mouse_drag_callbacks.append(drag)
        # Keys of the active layer come before those of the viewer; napari's own polygon has some there.
        for key, action in keys.items():
            self._keys_before[key] = layer.bind_key(key, lambda _, do=action: do(), overwrite=True)
        layer.events.mode.connect(self._on_mode)
        self._viewer.layers.selection.events.active.connect(self._on_active)

    def leave(self, *, restore: bool = True) -> None:
        """Give them back; without `restore` the person has chosen another mode."""
        layer, self._layer = self._layer, None
        if layer is None:
            return
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        layer.events.mode.disconnect(self._on_mode)
        if self._drag in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(self._drag)
        for key, before in self._keys_before.items():
            layer.bind_key(key, before, overwrite=True)
        self._keys_before = {}
        if restore and self._mode == _NO_MODE:
            layer.mouse_pan = True
            layer.cursor = "standard"
        elif restore:
            layer.mode = self._mode
        self.left.emit()

    def _on_mode(self, event: object = None) -> None:
        self.leave(restore=False)

    def _on_active(self, event: object = None) -> None:
        # A new layer of ours is the active one for a moment, until the selection is as it was.
        QTimer.singleShot(0, self._check_active)

    def _check_active(self) -> None:
        if self.on and self._viewer.layers.selection.active != self._layer:
            self.leave()
