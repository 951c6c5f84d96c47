"""What the person looks at or has drawn, in pixels of the image."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.imaging.image import finest
from napari_pseudolabel.strategies import Region
from napari_pseudolabel.strategies.label_settings import OUTSIDE
from napari_pseudolabel.viewer.image_layers import placement_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer, Shapes

_ROUNDING = 1e-3
LABEL_AXES = "TZYX"
"""Of labels, the last ones; they have no more."""
NOT_2D = "The view is 3D; go back to 2D to correct labels."
ROLLED = "The canvas shows other axes than Y and X; roll the axes back to correct labels."


def as_image(labels: Labels) -> Image:
    """Labels as what the functions for regions know."""
    return Image(finest(labels.data), LABEL_AXES[-labels.ndim :], placement_of(labels), labels.name, None)


def shown_plane(viewer: ViewerModel, labels: Labels) -> tuple[int, ...]:
    """Return the plane of labels on the screen, as index over the axes before Y and X.

    Raises
    ------
    InputError
        If the canvas does not show planes of them.
    """
    if viewer.dims.ndisplay != 2:
        raise InputError(NOT_2D)
    offset = viewer.dims.ndim - labels.ndim
    if [axis - offset for axis in viewer.dims.displayed] != [labels.ndim - 2, labels.ndim - 1]:
        raise InputError(ROLLED)
    return current_plane(viewer, labels, as_image(labels))


def current_plane(viewer: ViewerModel, layer: ImageLayer | Labels, image: Image) -> tuple[int, ...]:
    """Index of the plane on the screen over the axes of `image` before Y and X; empty for one plane."""
    at = layer.world_to_data(viewer.dims.point)
    kept = [axis for axis, letter in enumerate(image.axes) if letter not in "CSYX"]
    limits = image.shape[:-2]
    return tuple(
        int(np.clip(np.round(at[axis]), 0, size - 1)) for axis, size in zip(kept, limits, strict=True)
    )


def visible_region(
    viewer: ViewerModel,
    layer: ImageLayer | Labels,
    image: Image,
    canvas_px: tuple[int, int] | None = None,
) -> Region:
    """Return the part of a plane in the canvas; where the layer is turned, the rectangle around it.

    Parameters
    ----------
    canvas_px
        Height and width of the canvas. napari loads multiscale layers in larger pieces than what is
        seen; with the size of the canvas the region becomes exact for them, too.

    Raises
    ------
    InputError
        When the canvas shows other axes than Y and X, or nothing of the image.
    """
    y, x = _displayed(viewer, layer, image)
    height, width = image.shape[-2:]
    seen = None
    if canvas_px is not None:
        half = np.array(canvas_px) / viewer.camera.zoom / 2
        centre = np.array(viewer.camera.center[-2:])
        seen = _to_data(viewer, layer, [centre + half * sign for sign in product((-1, 1), repeat=2)])[
            :, [y, x]
        ]
        # napari calls the border of an image that is out of view in view.
        if (seen.max(axis=0) <= -0.5).any() or (seen.min(axis=0) >= np.array([height, width]) - 0.5).any():
            raise InputError(OUTSIDE)
    corners = np.asarray(layer.corner_pixels, dtype=float)[:, [y, x]]
    if not corners.any():  # nothing was drawn yet
        return _region((0, 0), (height, width), image)
    # Corners are pixels of the level shown: the first and the last one in view.
    factors = np.ones(2)
    if layer.multiscale:
        factors = np.asarray(layer.downsample_factors[layer.data_level], dtype=float)[[y, x]]
    low, high = corners[0] * factors, (corners[1] + 1) * factors
    if layer.multiscale and seen is not None:
        low, high = np.maximum(low, seen.min(axis=0)), np.minimum(high, seen.max(axis=0))
    return _region(low, high, image)


def shape_region(shapes: Shapes, layer: ImageLayer, image: Image) -> Region:
    """Return the rectangle around the selected shapes, or around the last one when none is selected.

    Raises
    ------
    InputError
        When the layer holds no shape, or the shape lies beside the image.
    """
    if not len(shapes.data):
        raise InputError("Draw a shape around what shall be labelled first.")
    chosen = sorted(shapes.selected_data) or [len(shapes.data) - 1]
    corners = np.concatenate([np.asarray(shapes.data[index], dtype=float) for index in chosen])
    points = np.array([layer.world_to_data(shapes.data_to_world(corner)) for corner in corners])
    axes = [image.axes.index(letter) for letter in "YX"]
    return _region(points[:, axes].min(axis=0) + 0.5, points[:, axes].max(axis=0) + 0.5, image)


def drawn_shapes(viewer: ViewerModel) -> Shapes | None:
    """Return the Shapes layer the person means: the active one, else the topmost that holds a shape."""
    from napari.layers import Shapes

    active = viewer.layers.selection.active
    candidates: list[Layer] = [active] if active is not None else []
    candidates += reversed(list(viewer.layers))
    return next((one for one in candidates if isinstance(one, Shapes) and len(one.data)), None)


def middle_of(region: Region, most: int) -> Region:
    """Return the middle of a region, at most `most` pixels high and wide."""
    height, width = (min(side, most) for side in region.shape)
    y0, x0 = region.y0 + (region.shape[0] - height) // 2, region.x0 + (region.shape[1] - width) // 2
    return type(region)(y0, x0, y0 + height, x0 + width)


def _displayed(viewer: ViewerModel, layer: ImageLayer | Labels, image: Image) -> tuple[int, int]:
    """Return data axes of Y and X, which must be those on the screen."""
    y, x = (image.axes.index(letter) for letter in "YX")
    if viewer.dims.ndisplay != 2:
        raise InputError("The view is 3D; go back to 2D, or label a drawn shape or the whole image.")
    offset = viewer.dims.ndim - layer.ndim
    if {axis - offset for axis in viewer.dims.displayed} != {y, x}:
        raise InputError(
            "The canvas shows other axes than the planes of the image; roll the axes back, "
            "or label a drawn shape or the whole image."
        )
    return y, x


def _to_data(viewer: ViewerModel, layer: Layer, seen: list[np.ndarray]) -> np.ndarray:
    """World positions of the two displayed axes as data coordinates (n, ndim)."""
    points = []
    for position in seen:
        world = np.array(viewer.dims.point, dtype=float)
        world[list(viewer.dims.displayed)] = position
        points.append(layer.world_to_data(world))
    return np.array(points)


def _region(low: object, high: object, image: Image) -> Region:
    # Transforms leave rounding errors, which must not add a row of pixels.
    (y0, x0) = np.floor(np.asarray(low) + _ROUNDING).astype(int)
    (y1, x1) = np.ceil(np.asarray(high) - _ROUNDING).astype(int)
    return Region(int(y0), int(x0), int(y1), int(x1)).clipped(*image.shape[-2:])
