"""The labels of a large image as the slides room writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import provenance_of_runs
from napari_pseudolabel.slides.slide_export import SlideContent
from napari_pseudolabel.viewer.exporting import with_told_size
from napari_pseudolabel.viewer.image_layers import placement_of
from napari_pseudolabel.viewer.records import classes_of, record_of
from napari_pseudolabel.viewer.slide_labels import store_of
from napari_pseudolabel.viewer.slide_layers import Decisions, is_growing, named_in, region_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels


def slide_content_of(viewer: ViewerModel, layer: Labels) -> SlideContent:
    """Return what is to be written of a layer that shows the labels of a large image; nothing is read."""
    store = store_of(layer)
    assert store is not None
    # A class that the person has added to a region is one of the whole.
    named = {one.value: one for one in (*store.named_classes(), *classes_of(layer))}
    for other in viewer.layers:
        found = region_of(viewer, other)
        if found is not None and found.store is store:
            named |= {one.value: one for one in named_in(found.labels)}
    return SlideContent(
        store.folder,
        tuple(store.values.levels[0].shape),
        tuple(named.values()),
        with_told_size(viewer, layer, placement_of(layer)),
        provenance_of_runs(record_of(layer)),
    )


def decided_now(viewer: ViewerModel, layer: Labels) -> list[Decisions]:
    """Return what a person decided in the open regions of a large image and may not be on the disk yet.

    Raises
    ------
    InputError
        While a run writes into the labels: nobody could say afterwards which of its parts are in a copy.
    """
    if is_growing(layer):
        raise InputError(
            "The image is being labelled at this moment; wait for the run, or cancel it, and export then."
        )
    store = store_of(layer)
    regions = [region_of(viewer, one) for one in viewer.layers]
    taken = [Decisions.of(one) for one in regions if one is not None and one.store is store]
    return [one for one in taken if one.any]
