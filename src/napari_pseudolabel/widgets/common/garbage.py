"""When Python looks through everything in a window for garbage, which takes a fifth of a second: not while layers come and go."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, ClassVar

from napari_pseudolabel.viewer.image_layers import unwrapped

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.events import Event


class GarbageLater:
    """While something goes on, what was there before is not looked through again (`gc.freeze`).

    What is new is, as ever: napari asks for a search whenever a layer goes, and that of a new layer is a short one. Where a layer goes
    that was there before, this ends at once, because its pixels are freed by such a look.
    """

    _going_on: ClassVar[set[GarbageLater]] = set()

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = unwrapped(viewer)
        self._before: set[int] = set()

    def begin(self) -> None:
        """Leave alone what there is; does nothing where that was begun."""
        if self in self._going_on:
            return
        self._going_on.add(self)
        self._before = {id(unwrapped(layer)) for layer in self._viewer.layers}
        self._viewer.layers.events.removing.connect(self._on_removing)
        gc.freeze()

    def end(self) -> None:
        """Look through everything again, when Python wants to and nothing else goes on; does nothing without a beginning."""
        if self not in self._going_on:
            return
        self._going_on.discard(self)
        self._viewer.layers.events.removing.disconnect(self._on_removing)
        if not self._going_on:
            gc.unfreeze()

    def _on_removing(self, event: Event) -> None:
        if id(unwrapped(self._viewer.layers[event.index])) in self._before:
            for one in [*self._going_on]:
                one.end()
