"""A Labels layer as what the export room writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.viewer.corrections import CORRECTIONS_KEY, Corrections
from napari_pseudolabel.viewer.images import placement_from
from napari_pseudolabel.viewer.records import find, record_in, source_layer

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels


@dataclass(frozen=True, eq=False)
class ExportContent:
    """Arguments of `export.export`.

    Attributes
    ----------
    labels
        (..., Y, X) integers; the array of the layer itself.
    provenance
        Of the last run, with all runs that the labels still show and the share a person corrected.
        Nothing but that share, or an empty dictionary, for labels that the plugin did not make.
    confidence
        Same shape, 0 where nothing was predicted; None if there is none.
    """

    labels: NDArray[Any]
    classes: tuple[LabelClass, ...]
    placement: Placement
    provenance: dict[str, Any]
    confidence: NDArray[np.float32] | None = None


def content_of(viewer: ViewerModel, layer: Labels) -> ExportContent:
    """What is to be written of a Labels layer, with the confidence that belongs to it."""
    data, attributes, _ = layer.as_layer_data_tuple()
    content = content_from(data, attributes)
    source = source_layer(viewer, layer)
    confidence = find(viewer, source, "confidence") if source is not None else None
    if confidence is None or confidence.data.shape != content.labels.shape:
        return content
    return ExportContent(
        content.labels,
        content.classes,
        content.placement,
        content.provenance,
        np.nan_to_num(np.asarray(confidence.data, dtype=np.float32)),
    )


def content_from(data: Any, attributes: Mapping[str, Any]) -> ExportContent:
    """What is to be written of a layer that napari hands to a writer as data and attributes."""
    labels = np.asarray(data)
    metadata = attributes.get("metadata", {})
    record = record_in(metadata)
    classes = tuple(LabelClass.model_validate(one) for one in (record or {}).get("classes", ()))
    return ExportContent(
        labels,
        classes or _classes_found(labels),
        placement_from(dict(attributes)),
        _provenance(record, metadata.get(CORRECTIONS_KEY)),
    )


def _provenance(record: dict[str, Any] | None, corrections: Any) -> dict[str, Any]:
    runs = list((record or {}).get("runs", ()))
    share = corrections.share() if isinstance(corrections, Corrections) else None
    fields: dict[str, Any] = {} if share is None else {"share_corrected": share}
    if runs:
        fields |= runs[-1]
    if len(runs) > 1:
        fields["runs"] = runs
    return fields


def _classes_found(labels: NDArray[Any]) -> tuple[LabelClass, ...]:
    """Nameless classes of foreign labels, as far as a class may have such a value."""
    values = [int(value) for value in np.unique(labels) if 0 < value <= 255]
    return tuple(LabelClass(name=f"class {value}", value=value) for value in values)
