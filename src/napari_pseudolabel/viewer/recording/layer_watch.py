"""What a person changes about one layer, noted as it happens; the pixels are copied later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from typing_extensions import override

from napari_pseudolabel.types import Array, JsonObject
from napari_pseudolabel.viewer.recording.attributes import Kind, attributes_of, features_of
from napari_pseudolabel.viewer.recording.plain import REMOVED, plain_metadata, renamed
from napari_pseudolabel.viewer.recording.sources import LayerSource
from napari_pseudolabel.workspace.sessions import ArrayState, LayerState, SourceState

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.utils.events import Event

# Events that say nothing about what is to be brought back. Those of the pixels are looked at on their own.
_NOISE = {
    *("_extent_augmented", "_overlays", "cursor", "cursor_size", "extent", "help", "highlight"),
    *("interpolation", "labels_update", "loaded", "locked_data_level", "mode", "mouse_pan", "mouse_zoom"),
    *("paint", "refresh", "reload", "scale_factor", "set_data", "status", "thumbnail"),
}


class LayerWatch:
    """Notes that something about a layer changed.

    Attributes
    ----------
    layer, kind
        The layer.
    id
        Of the layer in the session.
    removed
        Whether the person has deleted the layer.
    looked_over
        False where its pixels may differ from what is known, so that somebody has to compare them.
    """

    def __init__(self, layer: Layer, kind: Kind, id: str) -> None:
        self.layer = layer
        self.kind = kind
        self.id = id
        self.removed = False
        self.looked_over = True
        self._changed = True
        self._features: JsonObject | None = None
        self._foreign: JsonObject | None = None
        self._ours = ""
        emitters = layer.events.emitters
        self._followed: list[tuple[Any, Any]] = [
            (emitter, self._on_change) for name, emitter in emitters.items() if name not in _NOISE
        ]
        followed = {
            "features": self._on_features,
            "metadata": self._on_metadata,
            "set_data": self._on_set_data,
            "data": self._on_data,
        }
        self._followed += [(emitters[name], one) for name, one in followed.items() if name in emitters]
        for emitter, callback in self._followed:
            emitter.connect(callback)

    @property
    def dirty(self) -> bool:
        """Whether tiles are waiting to be copied."""
        return False

    def close(self) -> None:
        """Stop watching."""
        followed, self._followed = self._followed, []
        for emitter, callback in followed:
            emitter.disconnect(callback)

    def remove(self) -> None:
        """Note that the person has deleted the layer."""
        self.removed = self._changed = True

    def state(self, names: Mapping[str, str], source: SourceState | None) -> LayerState | None:
        """Return what the layer is besides its pixels; None if nothing can have changed since the last time.

        Parameters
        ----------
        names
            Ids in the session of the unique ids that layers have now, for records in the metadata.
        source
            The file of the layer, None if its pixels are in the session.
        """
        ours = plain_metadata(self.layer.metadata, ours=True)
        text = json.dumps(ours)
        if not self._changed and text == self._ours:
            return None
        self._changed, self._ours = False, text
        if self._features is None:
            self._features = features_of(self.layer)
        if self._foreign is None:
            self._foreign = plain_metadata(self.layer.metadata, ours=False)
        attributes = attributes_of(self.layer, self.kind)
        attributes["features"] = self._features
        attributes["metadata"] = {**self._foreign, **renamed(ours, names)}
        attributes |= self.extra()
        if self.removed:
            attributes[REMOVED] = True
        return LayerState(
            id=self.id,
            kind=self.kind,
            arrays=() if source is not None else self.arrays(),
            attributes=attributes,
            source=source,
        )

    def arrays(self) -> tuple[ArrayState, ...]:
        """Return the arrays of the layer."""
        return ()

    def extra(self) -> JsonObject:
        """Attributes that are none of napari's."""
        return {}

    def change(self) -> None:
        """Mark the state to be looked at again."""
        self._changed = True

    def _on_change(self, event: Event) -> None:
        self._changed = True

    def _on_features(self, event: Event) -> None:
        self._features = None

    def _on_metadata(self, event: Event) -> None:
        self._foreign = None

    def _on_set_data(self, event: Event) -> None:
        self.looked_over = False

    def _on_data(self, event: Event | None) -> None:
        self.looked_over = False


class ImageWatch(LayerWatch):
    """Watches an Image layer; its pixels are compared and copied by whoever writes them."""

    layer: Image

    def __init__(self, layer: Image, id: str) -> None:
        super().__init__(layer, "image", id)
        self.looked_over = False
        self.source = LayerSource.of(layer)

    @property
    def data(self) -> Array | None:
        """(..., Y, X) pixels that are to be stored; None if they are in a file, or nowhere at hand."""
        data: Any = self.layer.data
        if self.source is not None or not isinstance(data, np.ndarray) or data.dtype.kind not in "biuf":
            return None
        return np.moveaxis(data, -1, 0) if self.layer.rgb else data

    @override
    def arrays(self) -> tuple[ArrayState, ...]:
        data = self.data
        if data is None:
            return ()
        fill = None if data.dtype.kind == "f" else 0
        return (ArrayState(name="data", shape=data.shape, dtype=str(data.dtype), fill=fill),)
