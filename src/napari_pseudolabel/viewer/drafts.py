"""A first look at what is being labelled, shown until the labels are there, and kept nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.labels.windows import key_of
from napari_pseudolabel.viewer.result_layers import new_labels, selection_kept

if TYPE_CHECKING:
    import numpy as np
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from numpy.typing import NDArray

    from napari_pseudolabel.models.cards import LabelClass
    from napari_pseudolabel.strategies import PseudoLabel, Region


class FirstLook(Protocol):
    """What can be shown as a draft; a `PseudoLabel` can."""

    @property
    def labels(self) -> NDArray[np.uint8] | None:
        """(P, H, W) class values of the planes in the region."""

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Of the labels."""

    @property
    def region(self) -> Region:
        """Where."""

    @property
    def planes(self) -> tuple[tuple[int, ...], ...]:
        """Index of each plane."""


class Draft:
    """Labels in a layer of its own, which is neither saved, exported, corrected nor learned from.

    Parameters
    ----------
    source
        The layer that is being labelled.
    image
        The image that the job works on.
    look
        The draft, with labels.
    """

    def __init__(self, viewer: ViewerModel, source: ImageLayer, image: Image, look: FirstLook) -> None:
        assert look.labels is not None
        self._viewer, self._look = viewer, look
        self._layer = new_labels(viewer, source, image.shape, image.placement, look.classes, "draft")
        for index, labels in zip(look.planes, look.labels, strict=True):
            self._layer.data[key_of(index, look.region.window)] = labels
        self._layer.refresh(extent=False)

    def give_way(self, part: PseudoLabel) -> None:
        """Take away what the labels of a part stand for now; the layer goes with its last label."""
        for index in part.planes:
            self._layer.data[key_of(index, part.region.window)] = 0
        own = (self._layer.data[key_of(index, self._look.region.window)] for index in self._look.planes)
        if any(labels.any() for labels in own):
            self._layer.refresh(extent=False)
        else:
            self.drop()

    def drop(self) -> None:
        """Take the layer away, unless the person has done so: the run has ended."""
        if self._layer in self._viewer.layers:
            with selection_kept(self._viewer):
                self._viewer.layers.remove(self._layer)
