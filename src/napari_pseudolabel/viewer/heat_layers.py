"""Heat maps of phrases as Image layers: where a text-to-image model sees what it was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Layer

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies.grounding.phrase_factory import PhraseHeat
from napari_pseudolabel.viewer.records import own_record
from napari_pseudolabel.viewer.result_layers import add_above, put_in_place, selection_kept

if TYPE_CHECKING:
    from napari.components import ViewerModel

_KEY = "napari_pseudolabel_heat"
_OPACITY = 0.7
_WORDS = {"attention": "where it looks", "difference": "what the phrase changes"}


def show_heat(viewer: ViewerModel, source: Layer | None, image: Image, event: object) -> None:
    """Show what a job tells of phrases: a layer for each phrase and map, the same one again for another plane or try.

    Only that of the first phrase by which pixels are labelled is visible at first. Layers of phrases that are not asked for any more go.
    """
    if not isinstance(event, PhraseHeat) or source is None or source not in viewer.layers:
        return
    known = {layer.metadata[_KEY]: layer for layer in _heat_layers(viewer, source)}
    wanted = {(name, phrase) for name in event.maps for phrase in event.phrases}
    for key in known.keys() - wanted:
        viewer.layers.remove(known[key])
    for name, maps in event.maps.items():
        for phrase, heat in zip(event.phrases, maps, strict=True):
            layer = known.get((name, phrase))
            shape = (*image.shape[:-2], *heat.shape)
            if layer is None or layer.data.shape != shape:
                if layer is not None:
                    viewer.layers.remove(layer)
                first = (name, phrase) == (event.shown, event.phrases[0])
                layer = _new(viewer, source, image, shape, name, phrase, shown=first)
            layer.data[event.plane] = heat
            layer.refresh()
            put_in_place(layer, image.placement.coarser(image.shape[-2:], heat.shape))


def _heat_layers(viewer: ViewerModel, source: Layer) -> list[ImageLayer]:
    found = []
    for layer in viewer.layers:
        record = own_record(layer)
        ours = record is not None and (record["role"], record["source"]["uid"]) == (
            "heat",
            str(source.unique_id),
        )
        if ours and isinstance(layer, ImageLayer) and _KEY in layer.metadata:
            found.append(layer)
    return found


def _new(
    viewer: ViewerModel,
    source: Layer,
    image: Image,
    shape: tuple[int, ...],
    name: str,
    phrase: str,
    *,
    shown: bool,
) -> ImageLayer:
    placement = image.placement.coarser(image.shape[-2:], shape[-2:])
    layer = ImageLayer(
        np.full(shape, np.nan, np.float32),
        name=f"{source.name}: “{phrase}” ({_WORDS[name]})",
        rgb=False,
        contrast_limits=(0, 1),
        colormap="inferno",
        blending="additive",
        opacity=_OPACITY,
        visible=shown,
        metadata={_KEY: (name, phrase)},
        **placement.layer_kwargs(),
    )
    with selection_kept(viewer):
        add_above(viewer, source, layer, "heat", ())
    return layer
