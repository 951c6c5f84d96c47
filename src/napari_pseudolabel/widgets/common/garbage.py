"""When Python looks through everything in a window for garbage, which takes a fifth of a second: not while layers come."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from napari_pseudolabel.viewer.image_layers import unwrapped

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.events import Event


class GarbageLater:
    """While something goes on, what was there before is not looked through again (`gc.freeze`).

    What is new is, as ever. Where a layer is removed this ends at once, because its pixels are freed by such a look.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = unwrapped(viewer)

    def begin(self) -> None:
        """Leave alone what there is."""
        self._viewer.layers.events.removing.connect(self.end)
        gc.freeze()

    def end(self, event: Event | None = None) -> None:
        """Look through everything again, when Python wants to; does nothing without a beginning."""
        self._viewer.layers.events.removing.disconnect(self.end)
        gc.unfreeze()
