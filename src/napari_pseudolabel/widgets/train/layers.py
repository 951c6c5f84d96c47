"""The layers that a segmenter learns from: which are offered, which are proposed, what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from qtpy.QtCore import QObject

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies import Record
from napari_pseudolabel.viewer import (
    find,
    how_made,
    is_ours,
    may_belong,
    source_layer,
)
from napari_pseudolabel.viewer.images import readings_of
from napari_pseudolabel.viewer.records import own_record
from napari_pseudolabel.widgets.train.segmenter_page import SegmenterPage

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class LayerPicker(QObject):
    """Keeps the lists of images and Labels layers in the page."""

    def __init__(self, viewer: ViewerModel, page: SegmenterPage) -> None:
        super().__init__()
        self._viewer = viewer
        self._page = page

    def fill(self, active: Layer | None = None) -> None:
        """Offer what is open.

        Parameters
        ----------
        active
            A layer that the person has just made the active one: its image, or its labels, are chosen.
        """
        images = [layer for layer in self._viewer.layers if is_offered(layer)]
        choice = self._page.choice()
        asked = source_layer(self._viewer, active) if isinstance(active, Labels) else active
        wishes = (_uid(asked), choice.image, *(_uid(layer) for layer in images[-1:]))
        uids = [_uid(layer) for layer in images]
        self._page.set_images(
            [(_uid(layer), layer.name) for layer in images],
            next((one for one in wishes if one in uids), None),
        )
        self.fill_labels(_uid(active) if isinstance(active, Labels) else choice.labels)

    def fill_labels(self, wished: str | None) -> None:
        """Offer the Labels layers that fit the image; ours first, those that were made on another one not."""
        source = self.image_layer()
        shapes = [image.shape for image in readings_of(source)] if source is not None else []
        fitting = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels)
            and isinstance(layer.data, np.ndarray)
            and layer.data.shape in shapes
            and (own_record(layer) or {}).get("role", "labels") == "labels"
            and source is not None
            and may_belong(self._viewer, layer, source)
        ]
        ours = find(self._viewer, source, "labels") if source is not None else None
        fitting.sort(key=lambda layer: layer is not ours)
        uids = [_uid(layer) for layer in fitting]
        wishes = (wished, self._page.choice().labels, *uids)
        self._page.set_labels(
            [(_uid(layer), layer.name) for layer in fitting],
            next((one for one in wishes if one in uids), None),
        )

    def image_layer(self) -> ImageLayer | None:
        """The chosen image layer, None if there is none."""
        layer = self._by_uid(self._page.choice().image)
        return layer if isinstance(layer, ImageLayer) else None

    def labels_layer(self) -> Labels | None:
        """The chosen Labels layer, None if there is none."""
        layer = self._by_uid(self._page.choice().labels)
        return layer if isinstance(layer, Labels) else None

    def image(self) -> Image | None:
        """The chosen image, None if there is none or it cannot be understood.

        Where the first axis of a layer may hold channels, the labels tell whether it does.
        """
        layer = self.image_layer()
        images = readings_of(layer) if layer is not None else []
        labels = self.labels_layer()
        fitting = [one for one in images if labels is not None and one.shape == labels.data.shape]
        return next(iter([*fitting, *images]), None)

    def _by_uid(self, uid: str | None) -> Layer | None:
        return next((one for one in self._viewer.layers if str(one.unique_id) == uid), None)


def is_offered(layer: Layer) -> bool:
    """Whether a layer is an image that the plugin did not make."""
    return isinstance(layer, ImageLayer) and not is_ours(layer)


def made_of(layer: Labels | None) -> Record | None:
    """How labels were made last; None if nobody knows."""
    try:
        return how_made(layer) if layer is not None else None
    except InputError:
        return None


def _uid(layer: Layer | None) -> str:
    return "" if layer is None else str(layer.unique_id)
