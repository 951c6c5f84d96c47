"""The layer that shows the labels of a large image: what it reads them from, and how it is made and found again."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from napari.layers import Labels

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.slides.shown import Shown
from napari_pseudolabel.slides.slide_store import SlideStore
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.records import KEY, classes_of, find_layer, write_classes
from napari_pseudolabel.viewer.result_layers import add_above, selection_kept, show_classes

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from napari.layers import Layer

    from napari_pseudolabel.imaging import Image

SLIDES = "slides"
"""Folder of a workspace that holds the labels of large images."""
FOLDER_KEY = "napari_pseudolabel_slide_folder"
"""Of the metadata of the layer, which a session keeps."""
_STORE_KEY = "napari_pseudolabel_slide"


class Growing(Protocol):
    """A run that writes into a store until it has ended."""

    ended: bool


class Held:
    """A store in the metadata of a layer: it stays there, and is not copied.

    Attributes
    ----------
    stream
        The run that writes into it, or did last.
    """

    def __init__(self, store: SlideStore) -> None:
        self.store = store
        self.stream: weakref.ref[Growing] | None = None

    def __deepcopy__(self, memo: dict[int, object]) -> None:
        return None


def held_by(layer: Layer) -> Held | None:
    """Return what a layer shows, with the run that writes into it; None for other layers."""
    found = unwrapped(layer).metadata.get(_STORE_KEY)
    return found if isinstance(found, Held) else None


def store_of(layer: Layer) -> SlideStore | None:
    """Return what a layer shows that holds the labels of a large image; None for other layers."""
    held = held_by(layer)
    return None if held is None else held.store


def slide_layer(viewer: ViewerModel, source: Layer) -> Labels | None:
    """Return the layer with the labels of a large image, None if there is none."""
    return find_layer(viewer, source, "slide")


def levels_of(store: SlideStore) -> Any:
    """Return the data of a layer that shows a store: its levels, or the only one."""
    levels = [Shown(store, number) for number in range(len(store.values.levels))]
    return levels if len(levels) > 1 else levels[0]


def metadata_of(store: SlideStore) -> dict[str, object]:
    """Return what the metadata of such a layer hold of it."""
    return {_STORE_KEY: Held(store), FOLDER_KEY: str(store.folder)}


def reopened(folder: str, workspace: Path) -> SlideStore:
    """Open the store of a layer that comes back, wherever its workspace is now.

    Parameters
    ----------
    folder
        Where it was.
    workspace
        Folder of the workspace whose session the layer is from.

    Raises
    ------
    InputError
        If it is gone, damaged, or another program is at it.
    """
    before = Path(folder)
    for one in (workspace / SLIDES / before.name, before):
        if one.is_dir():
            return SlideStore.open(one)
    raise InputError(
        f"{before} is not there any more; bring the folder back, or press Run to label the image again."
    )


def layer_showing(viewer: ViewerModel, source: ImageLayer, image: Image, store: SlideStore) -> Labels:
    """Return the layer that shows a store, made if need be."""
    layer = slide_layer(viewer, source)
    if layer is not None and store_of(layer) is store:
        return layer
    names = " + ".join(one.name for one in store.classes if one.value)
    layer = Labels(
        cast(Any, levels_of(store)),
        multiscale=len(store.values.levels) > 1,
        name=f"{source.name}: {names or 'labels'} (whole image)",
        opacity=0.5,
        metadata=metadata_of(store),
        **image.placement.layer_kwargs(),
    )
    classes = store.named_classes()
    show_classes(layer, classes, unlabelled=store.rest)
    with selection_kept(viewer):
        add_above(viewer, source, layer, "slide", classes)
    layer.metadata[KEY] = {**layer.metadata[KEY], "runs": store.runs()}
    layer.editable = False
    return layer


def name_classes(layer: Layer, classes: Sequence[LabelClass]) -> None:
    """Give the layer the classes that a person has named in a region."""
    store = store_of(layer)
    if store is not None and isinstance(layer, Labels) and classes_of(layer) != tuple(classes):
        write_classes(layer, classes)
        show_classes(layer, classes, unlabelled=store.rest)
