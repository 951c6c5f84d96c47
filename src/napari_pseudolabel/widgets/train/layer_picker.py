"""The layers that a segmenter learns from: which are offered, which are proposed, what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies import Record
from napari_pseudolabel.viewer import find_layer, how_made, is_ours, may_belong, source_layer
from napari_pseudolabel.viewer.image_layers import readings_of
from napari_pseudolabel.viewer.records import own_record
from napari_pseudolabel.widgets.train.segmenter_page import SegmenterPage

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class LayerPicker:
    """Says what the lists of images and Labels layers in the page offer, and what is chosen."""

    def __init__(self, viewer: ViewerModel, page: SegmenterPage) -> None:
        self._viewer = viewer
        self._page = page

    def start(self) -> None:
        """Offer what is open, from now on."""
        self._page.image.follow(self._viewer, lambda: filter(is_offered, self._viewer.layers))
        self._page.labels.follow(self._viewer, self._fitting, iter, after=self._page.image)

    def stop(self) -> None:
        """Offer nothing new any more."""
        self._page.image.let_go()
        self._page.labels.let_go()

    def refill(self, active: Layer | None = None) -> None:
        """Offer what is open.

        Parameters
        ----------
        active
            A layer that the person has just made the active one: its image, or its labels, are chosen.
        """
        labels = active if isinstance(active, Labels) else None
        self._page.image.refill(active if labels is None else source_layer(self._viewer, labels))
        self._page.labels.refill(labels)

    def _fitting(self) -> list[Labels]:
        """Return the Labels layers that fit the image; ours first, those that were made on another one not."""
        source = self.image_layer()
        if source is None:
            return []
        shapes = [image.shape for image in readings_of(source)]
        fitting = [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Labels)
            and isinstance(layer.data, np.ndarray)
            and layer.data.shape in shapes
            and (own_record(layer) or {}).get("role", "labels") == "labels"
            and may_belong(self._viewer, layer, source)
        ]
        ours = find_layer(self._viewer, source, "labels")
        return sorted(fitting, key=lambda layer: layer is not ours)

    def image_layer(self) -> ImageLayer | None:
        """Return the chosen image layer, None if there is none."""
        found: ImageLayer | None = self._page.image.layer
        return found

    def labels_layer(self) -> Labels | None:
        """Return the chosen Labels layer, None if there is none."""
        found: Labels | None = self._page.labels.layer
        return found

    def chosen(self) -> tuple[ImageLayer, Labels, Image] | None:
        """Return the image layer, its labels, and the image as the labels tell what it is; None while one is missing."""
        source, labels, image = self.image_layer(), self.labels_layer(), self.image()
        if source is None or labels is None or image is None:
            return None
        return source, labels, image

    def image(self) -> Image | None:
        """Return the chosen image, None if there is none or it cannot be understood.

        Where the first axis of a layer may hold channels, the labels tell whether it does.
        """
        layer = self.image_layer()
        images = readings_of(layer) if layer is not None else []
        labels = self.labels_layer()
        fitting = [one for one in images if labels is not None and one.shape == labels.data.shape]
        return next(iter([*fitting, *images]), None)


def is_offered(layer: Layer) -> bool:
    """Whether a layer is an image that the plugin did not make."""
    return isinstance(layer, ImageLayer) and not is_ours(layer)


def made_of(layer: Labels | None) -> Record | None:
    """How labels were made last; None if nobody knows."""
    try:
        return how_made(layer) if layer is not None else None
    except InputError:
        return None
