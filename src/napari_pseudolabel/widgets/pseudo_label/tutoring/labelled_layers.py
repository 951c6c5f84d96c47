"""An open image with its labels as a labelled set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, Intensities
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.training.data.labelled_sets import LabelledLayer
from napari_pseudolabel.viewer import Corrections, is_ours, may_belong
from napari_pseudolabel.viewer.annotated_planes import AnnotatedLayers
from napari_pseudolabel.viewer.image_layers import image_fitting

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.workspace import WorkspaceSplit

# Of a single labelled image, one side of this share of the width is kept out of the training.
_KEPT_SHARE = 4


def images_in(viewer: ViewerModel) -> list[ImageLayer]:
    """Image layers that the plugin did not make."""
    return [layer for layer in viewer.layers if isinstance(layer, ImageLayer) and not is_ours(layer)]


def labels_for(viewer: ViewerModel, image: ImageLayer | None) -> list[Labels]:
    """Labels layers with the shape of an image; those that were made from another image are left out."""
    if image is None:
        return []
    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Labels)
        and may_belong(viewer, layer, image)
        and image_fitting(image, layer) is not None
    ]


def labelled_layer(
    image: ImageLayer, labels: Labels, split: WorkspaceSplit, scale: Scale
) -> Callable[[], LabelledLayer]:
    """Return what reads the pixels of an open image and its labels; to be called beside the window.

    Labels that the plugin made count where a person has corrected or confirmed them, all others everywhere but where
    they were copied from labels that had not been predicted there.

    Raises
    ------
    InputError
        When the two do not fit; the function returned raises it when there is nothing to learn from.
    """
    fitting = image_fitting(image, labels)
    if fitting is None:
        raise InputError(f"{labels.name} has another shape than {image.name}; choose its own labels.")
    found, ours, name = fitting, is_ours(labels), image.name

    def read() -> LabelledLayer:
        layers = AnnotatedLayers(found, labels, Corrections.of(labels))
        touched = layers.corrections.touched if ours else layers.corrections.labelled
        intensities = Intensities.of(found)
        planes = []
        for index in found.planes():
            if touched[index].any():
                plane = layers.plane(index, touched[index].copy(), split, intensities)
                kept = _kept(plane.touched, plane.validation)
                pixel_um = _pixel_um(found, scale)
                planes.append(replace(plane, name=name, validation=kept, pixel_size_um=pixel_um))
        if not planes:
            raise InputError(
                f"Nobody has corrected or confirmed {labels.name} yet; confirm a region of it in the dock Correct."
            )
        return LabelledLayer(name, tuple(planes), scale)

    return read


def _kept(touched: NDArray[np.bool_], status: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what validates: what the workspace keeps for that, else the right side of what is labelled."""
    if (status & touched).any():
        return status
    columns = np.flatnonzero(touched.any(axis=0))
    kept = np.zeros(touched.shape, bool)
    kept[:, columns[-1] + 1 - max((columns[-1] + 1 - columns[0]) // _KEPT_SHARE, 1) :] = True
    return kept


def _pixel_um(image: Image, scale: Scale) -> float | None:
    # Asked for only when it decides: pixels that are not square are an error.
    return None if scale.pixel_size_um or scale.object_size_px else image.placement.pixel_size_um()
