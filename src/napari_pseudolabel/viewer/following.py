"""What was made of a layer stays on it when the person tells its pixel size, or moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image as ImageLayer

from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.viewer.image_layers import image_fitting, placement_of, unwrapped
from napari_pseudolabel.viewer.records import own_record
from napari_pseudolabel.viewer.result_layers import put_in_place

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.events import Event

_EVENTS = ("scale", "translate", "rotate", "shear", "affine", "units")


class Following:
    """Moves the layers of runs with their images; otherwise labels would be exported with the pixel size from before.

    Whoever makes it holds on to it.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = unwrapped(viewer)
        for layer in self._viewer.layers:
            self._watch(layer)
        self._viewer.layers.events.inserted.connect(self._on_inserted)

    def _on_inserted(self, event: Event) -> None:
        self._watch(event.value)

    def _watch(self, layer: Layer) -> None:
        for name in _EVENTS:
            layer.events[name].connect(self._on_moved)

    def _on_moved(self, event: Event) -> None:
        source = event.source
        for layer in tuple(self._viewer.layers):
            record = own_record(layer)
            if record is None or record["source"]["uid"] != str(source.unique_id):
                continue
            place = _place(source, layer)
            if place is not None:
                put_in_place(layer, place)


def _place(source: Layer, layer: Layer) -> Placement | None:
    """Where a layer lies that was made of `source`; None where their pixels are not the same."""
    if isinstance(source, ImageLayer):
        image = image_fitting(source, layer)
        return None if image is None else image.placement
    return placement_of(source) if source.data.shape == layer.data.shape else None
