"""Layers that a job works on may be removed while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_pseudolabel.viewer.image_layers import unwrapped

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.events import Event


class Removals:
    """Tells once when one of the layers of a job is removed, so that whoever runs the job can stop it.

    Parameters
    ----------
    gone
        Called with the layer.
    """

    def __init__(self, viewer: ViewerModel, gone: Callable[[Layer], None]) -> None:
        self._viewer = viewer
        self._gone = gone
        self._watched: tuple[Layer, ...] = ()

    def watch(self, *layers: Layer | None) -> None:
        """Watch these instead of those before; None stands for no layer."""
        if not self._watched:
            self._viewer.layers.events.removed.connect(self._on_removed)
        self._watched = tuple(unwrapped(layer) for layer in layers if layer is not None)
        if not self._watched:
            self._viewer.layers.events.removed.disconnect(self._on_removed)

    def forget(self) -> None:
        """Watch nothing any more."""
        if self._watched:
            self.watch()

    def _on_removed(self, event: Event) -> None:
        removed = unwrapped(event.value)
        if any(removed is layer for layer in self._watched):
            self.forget()
            self._gone(removed)
