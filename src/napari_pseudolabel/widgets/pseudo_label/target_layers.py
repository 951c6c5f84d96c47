"""Open images of one kind, with what a person has decided in them, for strategies that learn from the images themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging import Channel, Image, Intensities
from napari_pseudolabel.slides.large import LARGE_PX
from napari_pseudolabel.training.data.target_images import TargetImages, plane_without_labels
from napari_pseudolabel.viewer import find_layer, image_of, is_ours
from napari_pseudolabel.viewer.annotated_planes import AnnotatedLayers
from napari_pseudolabel.viewer.image_layers import shown_by
from napari_pseudolabel.widgets.common.layer_box import uid_of
from napari_pseudolabel.widgets.pseudo_label.label_choice import LabelChoice

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.workspace import WorkspaceSplit


@dataclass(frozen=True, eq=False)
class OpenImages:
    """Images of the viewer that show the same as one of them.

    Attributes
    ----------
    layers
        The chosen one first.
    """

    viewer: ViewerModel
    layers: tuple[ImageLayer, ...]

    @classmethod
    def like(cls, viewer: ViewerModel, chosen: ImageLayer, modality: str) -> OpenImages:
        """Return the chosen image and all others that say that they show the same; `modality` is empty if unknown."""
        others = [
            layer
            for layer in viewer.layers
            if isinstance(layer, ImageLayer)
            and not is_ours(layer)
            and uid_of(layer) != uid_of(chosen)
            and modality
            and shown_by(layer, [modality]) == modality
        ]
        return cls(viewer, (chosen, *others))

    @property
    def labelled(self) -> int:
        """How many have labels of a run."""
        return sum(find_layer(self.viewer, layer, "labels") is not None for layer in self.layers)

    def reader(self, choice: LabelChoice, split: WorkspaceSplit) -> Callable[[], TargetImages]:
        """Take note of the layers, in the thread of the window; what is returned reads their pixels beside it.

        Parameters
        ----------
        choice
            What the person says about channels and sizes, and what was found about the latter.
        split
            Which pixels judge; whoever learns takes note of those that it learns from.

        Raises
        ------
        InputError
            If the chosen image cannot be used.
        """
        chosen, *others = self.layers
        scale, channel = choice.settings.scale, choice.settings.channel
        axis = 0 if choice.first_axis_channels else None
        magnified = choice.found.used if choice.found is not None else None
        found = [self._noted(chosen, channel, axis)]
        for layer in others:
            try:
                found.append(self._noted(layer, channel, axis))
            except PseudolabelError:
                continue  # nobody has chosen it

        def read() -> TargetImages:
            planes = []
            for image, known in found:
                intensities = Intensities.of(image, channel)
                touched = {} if known is None else dict(known.touched_planes())
                for index in image.planes():
                    if known is not None and index in touched:
                        planes.append(known.plane(index, touched[index], split, intensities))
                    else:
                        planes.append(plane_without_labels(image, index, channel, intensities))
            return TargetImages(tuple(planes), scale=scale, channel=channel, found=magnified)

        return read

    def _noted(
        self, layer: ImageLayer, channel: Channel | None, axis: int | None
    ) -> tuple[Image, AnnotatedLayers | None]:
        image = image_of(layer, axis)
        if prod(image.shape) > LARGE_PX:
            raise InputError(
                f"{layer.name} is too large to learn from as a whole; open a region of it, and choose that."
            )
        labels = find_layer(self.viewer, layer, "labels")
        if not isinstance(labels, Labels) or np.shape(labels.data) != image.shape:
            return image, None
        return image, AnnotatedLayers.of(self.viewer, layer, labels, image, channel)
