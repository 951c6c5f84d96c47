"""The layers that show results: made once, above the source and on exactly its place in the world."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image as ImageLayer
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import DTypeLike

from napari_pseudolabel.imaging import Image, Placement
from napari_pseudolabel.labels.classes import is_unnamed_region, with_colours
from napari_pseudolabel.types import Array, JsonObject
from napari_pseudolabel.viewer.image_layers import placement_of
from napari_pseudolabel.viewer.records import HELPERS, Role, own_record, write_record

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.models.cards import LabelClass

# In which the layers lie above each other.
_ORDER: tuple[Role, ...] = (
    "translation",
    "heat",
    "confidence",
    "slide",
    "labels",
    "draft",
    "preview",
    "candidate",
    "objects",
)
_HELPER_OPACITY = 0.8
_STYLES: dict[str, dict[str, Any]] = {
    "confidence": {"colormap": "viridis", "opacity": 0.7},
    "translation": {"colormap": "gray"},
}


def new_image(
    viewer: ViewerModel, source: Layer, image: Image, role: Role, data: Array | None = None
) -> ImageLayer:
    """Add an image for results of a role, hidden at first; without any value (NaN) where there is no data yet."""
    layer = ImageLayer(
        np.full(image.shape, np.nan, np.float32) if data is None else data,
        name=f"{source.name}: {role}",
        rgb=False,
        contrast_limits=(0, 1),
        visible=False,
        **_STYLES[role],
        **image.placement.layer_kwargs(),
    )
    add_above(viewer, source, layer, role, ())
    return layer


def new_labels(
    viewer: ViewerModel,
    source: Layer,
    shape: Sequence[int],
    placement: Placement,
    classes: Sequence[LabelClass] | None,
    role: Role = "labels",
    dtype: DTypeLike = np.uint8,
    data: Array | None = None,
    metadata: JsonObject | None = None,
) -> Labels:
    """Add an empty Labels layer; one that only shows something for a while cannot be painted on.

    Parameters
    ----------
    classes
        None for numbers of objects, each in a colour of its own.
    data, metadata
        Where the labels are there already, and what is known of them; filling them in afterwards takes as long again.
    """
    helps = role in HELPERS
    named = [one for one in classes or () if one.value and not is_unnamed_region(one)]
    names = " + ".join(one.name for one in named) or ("regions" if classes and len(classes) > 1 else "")
    layer = Labels(
        np.zeros(shape, dtype) if data is None else data,
        metadata=metadata,
        name=f"{source.name}: {role}" if helps else f"{source.name}: {names or 'labels'} (pseudo)",
        opacity=_HELPER_OPACITY if helps else 0.5,
        **placement.layer_kwargs(),
    )
    if classes is not None:
        show_classes(layer, classes)
    with selection_kept(viewer):
        add_above(viewer, source, layer, role, classes or ())
    layer.editable = not helps
    return layer


def show_classes(layer: Labels, classes: Sequence[LabelClass], unlabelled: int = 0) -> None:
    """Give a Labels layer the colours of its classes, and their names, which napari shows under the mouse.

    The background is transparent, and so is what is not labelled; values without a class are grey.
    """
    colours: dict[int | None, object] = {None: "#999999", 0: "transparent", unlabelled: "transparent"}
    colours |= {colour.value: colour.color for colour in with_colours(classes) if colour.value != 0}
    layer.colormap = DirectLabelColormap(color_dict=colours)
    import pandas as pd  # when there are labels; docks open without

    named = sorted((label_class.value, label_class.name) for label_class in classes)
    layer.features = pd.DataFrame(named, columns=["index", "class"])


def put_in_place(layer: Layer, wanted: Placement) -> None:
    """Move a layer of ours to where its image lies now: the person may have told its pixel size in the meantime."""
    neutral = Placement.identity(layer.ndim)
    if _same(placement_of(layer).layer_kwargs(), wanted.layer_kwargs()):
        return
    n = layer.ndim
    straight = {"rotate": np.eye(n), "shear": np.zeros(n * (n - 1) // 2), "affine": np.eye(n + 1)}
    for name, value in {**neutral.layer_kwargs(), **straight, **wanted.layer_kwargs()}.items():
        setattr(layer, name, value)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@contextmanager
def selection_kept(viewer: ViewerModel) -> Iterator[None]:
    """Yield the selection of the person is after the block what it was before; napari selects new layers.

    That another layer was active meanwhile is told to nobody: every dock would follow it, there and back.
    """
    active, selected = viewer.layers.selection.active, set(viewer.layers.selection)
    count = len(viewer.layers)
    heard = viewer.layers.selection.events.active
    with heard.blocker():
        yield
        if len(viewer.layers) != count:
            still = selected & set(viewer.layers)
            viewer.layers.selection = still
            viewer.layers.selection.active = active if active in still else None
    if viewer.layers.selection.active is not active:
        heard(value=viewer.layers.selection.active)


def add_above(
    viewer: ViewerModel, source: Layer, layer: Layer, role: Role, classes: Sequence[LabelClass]
) -> None:
    """Add a new layer of a role above its source and those of our layers that belong below it."""
    # Whoever hears of the new layer must be able to tell that it is ours.
    write_record(layer, role, source, classes)
    below = [
        position
        for position, one in enumerate(viewer.layers)
        if one is source or _made_for(one, source) in _ORDER[: _ORDER.index(role)]
    ]
    # On top if the person has removed the source in the meantime.
    viewer.layers.insert(max(below, default=len(viewer.layers) - 1) + 1, layer)


def _made_for(layer: Layer, source: Layer) -> str:
    """Return the role of a layer that was made for a source; empty for others."""
    record = own_record(layer)
    return record["role"] if record and record["source"]["uid"] == str(source.unique_id) else ""
