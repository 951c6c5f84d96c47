"""What a new prediction would change, before it changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.labels.windows import key_of
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.image_layers import image_of
from napari_pseudolabel.viewer.records import classes_of, find_layer, write_record
from napari_pseudolabel.viewer.result_layers import new_labels, selection_kept, show_classes
from napari_pseudolabel.viewer.streaming import PushedLayers, push

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.strategies import PseudoLabel

_RESULT_KEY = "napari_pseudolabel_preview"
# On grey images and beside the colours of classes.
_CLEARED = "#ffffff"


def show_preview(
    viewer: ViewerModel,
    source: ImageLayer,
    labels: Labels,
    result: PseudoLabel,
    *,
    image: Image | None = None,
) -> Labels:
    """Show where a result differs from labels, outside of what a person touched.

    There is one preview per source; a newer one replaces what it showed. What would become background
    is white.

    Parameters
    ----------
    source
        The layer that was labelled.
    labels
        What the result would change if it was accepted.
    result
        A result with labels.
    image
        The image that the job worked on, where it is not simply `image_of(source)`.

    Returns
    -------
    Labels
        The preview, which cannot be painted on.
    """
    image = image_of(source) if image is None else image
    assert result.labels is not None
    corrections = Corrections.of(labels)
    # The largest value that no class has.
    cleared = max(set(range(1, 256)) - {label_class.value for label_class in result.classes})
    classes = (*result.classes, LabelClass(name="cleared", value=cleared, color=_CLEARED))
    layer = _layer(viewer, source, image, classes)
    window = result.region.window
    for index, wanted in zip(result.planes, result.labels, strict=True):
        key = key_of(index, window)
        corrections.sync_part(index, window)
        changed = (np.asarray(labels.data[key]) != wanted) & ~corrections.touched_in(key)
        layer.data[key] = np.where(changed, np.where(wanted == 0, cleared, wanted), 0)
    layer.metadata[_RESULT_KEY] = result
    layer.refresh(extent=False)
    return layer


def accept_preview(
    viewer: ViewerModel, source: ImageLayer, labels: Labels, *, image: Image | None = None
) -> PushedLayers | None:
    """Write the result of the preview into labels, as one undo step, and take the preview away.

    What a person touched keeps its label, also if they did so after the preview was made.

    Returns
    -------
    PushedLayers or None
        None if there is no preview.
    """
    layer = find_layer(viewer, source, "preview")
    if layer is None:
        return None
    result = layer.metadata[_RESULT_KEY]
    drop_preview(viewer, source)
    return push(viewer, source, result, image=image, labels=labels)


def drop_preview(viewer: ViewerModel, source: ImageLayer) -> None:
    """Take the preview away, if there is one."""
    layer = find_layer(viewer, source, "preview")
    if layer is not None:
        with selection_kept(viewer):
            viewer.layers.remove(layer)


def _layer(viewer: ViewerModel, source: ImageLayer, image: Image, classes: tuple[LabelClass, ...]) -> Labels:
    """Return an empty preview."""
    found = find_layer(viewer, source, "preview", image.shape)
    if found is None:
        drop_preview(viewer, source)  # of another shape
        return new_labels(viewer, source, image.shape, image.placement, classes, "preview")
    shown: PseudoLabel = found.metadata[_RESULT_KEY]
    for index in shown.planes:
        found.data[key_of(index, shown.region.window)] = 0
    if classes_of(found) != classes:
        show_classes(found, classes)
        write_record(found, "preview", source, classes)
    return found
