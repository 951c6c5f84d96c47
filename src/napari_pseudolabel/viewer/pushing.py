"""Results as layers: made once, replaced in place afterwards, a person's labels left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from numpy.typing import NDArray

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.viewer.colours import class_features, label_colormap
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.images import image_of
from napari_pseudolabel.viewer.records import ROLES, Role, classes_of, find, write_record

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.strategies import PseudoLabel

_CONFIDENCE = {"colormap": "viridis", "opacity": 0.7}
_TRANSLATION = {"colormap": "gray"}


@dataclass(frozen=True, eq=False)
class PushedLayers:
    """The layers that hold a result; None for what the job did not make."""

    labels: Labels | None
    confidence: ImageLayer | None
    translation: ImageLayer | None


def push(
    viewer: ViewerModel,
    source: ImageLayer,
    result: PseudoLabel,
    *,
    image: Image | None = None,
) -> PushedLayers:
    """Show a result in the viewer.

    The first result makes the layers, above the source and on exactly its place in the world; later
    ones write their region into them. Labels that a person touched keep their value, the rest changes
    in one undo step. Pixels that no job has reached are transparent: label 0, and NaN in images.

    Parameters
    ----------
    source
        The layer that was labelled.
    result
        What a job returned.
    image
        The image that the job worked on, where it is not simply `image_of(source)`.
    """
    image = image_of(source) if image is None else image
    active, selected = viewer.layers.selection.active, set(viewer.layers.selection)
    translation = _image(viewer, source, image, result, "translation", result.translation)
    confidence = _image(viewer, source, image, result, "confidence", result.confidence)
    labels = _labels(viewer, source, image, result)
    viewer.layers.selection = selected
    viewer.layers.selection.active = active
    return PushedLayers(labels, confidence, translation)


def _image(
    viewer: ViewerModel,
    source: ImageLayer,
    image: Image,
    result: PseudoLabel,
    role: Role,
    values: NDArray[np.float32] | None,
) -> ImageLayer | None:
    if values is None:
        return None
    name = f"{source.name}: {_title(role, result)}"
    layer: Any = find(viewer, source, role)
    if layer is not None and layer.data.shape == image.shape:
        _write(layer.data, result, values)
        layer.refresh()
        write_record(layer, role, source, result)
    else:
        data = np.full(image.shape, np.nan, np.float32)
        _write(data, result, values)
        style = _CONFIDENCE if role == "confidence" else _TRANSLATION
        layer = ImageLayer(
            data,
            name=name,
            rgb=False,
            contrast_limits=(0, 1),
            visible=False,
            **style,
            **image.placement.layer_kwargs(),
        )
        _add_above(viewer, source, layer, role, result)
    return layer


def _labels(viewer: ViewerModel, source: ImageLayer, image: Image, result: PseudoLabel) -> Labels | None:
    if result.labels is None:
        return None
    layer: Any = find(viewer, source, "labels")
    if layer is not None and layer.data.shape == image.shape:
        region = result.region
        window = (slice(region.y0, region.y1), slice(region.x0, region.x1))
        Corrections.of(layer).fill(result.planes, window, result.labels)
        if classes_of(layer) != result.classes:
            layer.colormap = label_colormap(result.classes)
            layer.features = class_features(result.classes)
        write_record(layer, "labels", source, result)
    else:
        data = np.zeros(image.shape, np.uint8)
        _write(data, result, result.labels)
        layer = Labels(
            data,
            name=f"{source.name}: {_title('labels', result)}",
            opacity=0.5,
            colormap=label_colormap(result.classes),
            features=class_features(result.classes),
            **image.placement.layer_kwargs(),
        )
        _add_above(viewer, source, layer, "labels", result)
        Corrections(layer)
    return layer


def _write(data: NDArray[Any], result: PseudoLabel, values: NDArray[Any]) -> None:
    region = result.region
    window = slice(region.y0, region.y1), slice(region.x0, region.x1)
    for index, plane in zip(result.planes, values, strict=True):
        data[index][window] = plane


def _title(role: Role, result: PseudoLabel) -> str:
    if role == "confidence":
        return "confidence"
    if role == "translation":
        return "translation"
    names = [one.name for one in result.classes if one.value != 0]
    return f"{' + '.join(names) or 'labels'} (pseudo)"


def _add_above(viewer: ViewerModel, source: Layer, layer: Layer, role: Role, result: PseudoLabel) -> None:
    """Add a new layer above the source and our other layers of it."""
    # Whoever hears of the new layer must be able to tell that it is ours.
    write_record(layer, role, source, result)
    ours = [find(viewer, source, other) for other in ROLES]
    below = {str(one.unique_id) for one in (source, *ours) if one is not None}
    uids = [str(one.unique_id) for one in viewer.layers]
    viewer.layers.insert(max(position for position, uid in enumerate(uids) if uid in below) + 1, layer)
