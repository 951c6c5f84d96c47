"""How sure models were in regions that a person confirmed, kept with the labels, so that it can be fitted again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.refitting import ConfirmedRegion
from napari_pseudolabel.labels.windows import Index, Window, box_of, key_of, window_of
from napari_pseudolabel.options import read
from napari_pseudolabel.strategies.fitted_confidence import mark_of
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.records import find_layer, how_made, own_record, source_layer

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

CONFIRMED_KEY = "napari_pseudolabel_confirmed_confidence"


def confidence_beside(viewer: ViewerModel, labels: Labels) -> NDArray[np.floating] | None:
    """Return the confidence of labels, of their shape; None if it is not open."""
    source = source_layer(viewer, labels)
    layer = None if source is None else find_layer(viewer, source, "confidence", labels.data.shape)
    return None if layer is None else np.asarray(layer.data)


def note_confirmed(
    labels: Labels,
    plane: Index,
    window: Window,
    fresh: NDArray[np.bool_],
    confidence: NDArray[np.floating] | None,
) -> None:
    """Note how sure models were where a person has just confirmed labels.

    What no run has labelled, or one before temperatures were noted, tells nothing and is left out. Pixels that nobody confirmed
    are never looked at, and neither are those that were corrected alone: all of these are wrong.

    Parameters
    ----------
    fresh
        bool, shape of the window: what was not confirmed before.
    confidence
        Of the shape of the labels; None if there is none.
    """
    record = own_record(labels)
    if confidence is None or record is None:
        return
    try:
        made = how_made(labels, plane, window)
    except InputError:
        return
    mark = mark_of(made.models) if made is not None else ""
    if made is None or made.confidence is None or not mark:
        return
    key = key_of(plane, window)
    corrections = Corrections.of(labels)
    sure = np.asarray(confidence[key])
    known = fresh & corrections.reached_in(key) & np.isfinite(sure)
    if not known.any():
        return
    right = (np.asarray(labels.data[key]) == corrections.predicted_in(key))[known]
    image = record["source"].get("path") or record["source"].get("name") or ""
    place, heat = (plane, box_of(window)), made.confidence.temperature
    found = ConfirmedRegion.of(place, mark, sure[known], right, heat, image)
    kept = [one for one in _noted(labels) if (one.plane, one.box) != (found.plane, found.box)]
    labels.metadata[CONFIRMED_KEY] = [asdict(one) for one in (*kept, found)]


def confirmed_regions(viewer: ViewerModel) -> tuple[ConfirmedRegion, ...]:
    """Return what is known of all labels that are open, without regions whose confirmation was taken back."""
    from napari.layers import Labels

    return tuple(one for layer in viewer.layers if isinstance(layer, Labels) for one in confirmed_of(layer))


def confirmed_of(labels: Labels) -> tuple[ConfirmedRegion, ...]:
    """Return the same of one layer."""
    if CONFIRMED_KEY not in labels.metadata or own_record(labels) is None:
        return ()
    corrections = Corrections.of(labels)
    return tuple(
        one for one in _noted(labels) if corrections.confirmed_in(key_of(one.plane, window_of(one.box))).any()
    )


def _noted(labels: Labels) -> list[ConfirmedRegion]:
    """Regions in the metadata of labels; none where they cannot be read."""
    try:
        return [read(ConfirmedRegion, one) for one in labels.metadata.get(CONFIRMED_KEY, ())]
    except (TypeError, ValueError, KeyError, InputError):
        return []
