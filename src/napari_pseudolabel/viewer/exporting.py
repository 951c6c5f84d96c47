"""A Labels layer as what the export room writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.export import export
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
    """A snapshot of a Labels layer for `export.export`; arrays are read when it is written.

    Attributes
    ----------
    labels
        (..., Y, X) integers: numpy, dask or zarr.
    classes
        Empty for labels that the plugin did not make.
    provenance
        Of the last run, with all runs that the labels still show and the shares that a person corrected
        and confirmed; empty for labels that the plugin did not make.
    confidence
        Same shape, NaN where nothing was predicted; None if there is none.
    """

    labels: Any
    classes: tuple[LabelClass, ...]
    placement: Placement
    provenance: dict[str, Any]
    confidence: Any = None

    def write(self, path: str | Path, format: str, *, confidence: bool = True) -> tuple[Path, ...]:
        """Write labels, provenance, and the confidence if it is wanted and there is one.

        Raises
        ------
        InputError
            When the format cannot hold the labels, or the folder cannot be written to.
        """
        labels = np.asarray(self.labels)
        sure = None
        if confidence and self.confidence is not None:
            sure = np.nan_to_num(np.asarray(self.confidence, dtype=np.float32))
        return export(
            path,
            labels,
            format=format,
            classes=self.classes or _classes_found(labels),
            placement=self.placement,
            provenance=self.provenance,
            confidence=sure,
        )


def content_of(viewer: ViewerModel, layer: Labels) -> ExportContent:
    """What is to be written of a Labels layer now, with the confidence that belongs to it.

    Arrays in memory are copied, so that the person can go on painting while they are written.
    """
    data, attributes, _ = layer.as_layer_data_tuple()
    content = content_from(data, attributes)
    source = source_layer(viewer, layer)
    confidence = find(viewer, source, "confidence") if source is not None else None
    fitting = confidence is not None and confidence.data.shape == content.labels.shape
    return replace(
        content,
        labels=content.labels.copy() if isinstance(content.labels, np.ndarray) else content.labels,
        confidence=confidence.data.copy() if confidence is not None and fitting else None,
    )


def content_from(data: Any, attributes: Mapping[str, Any]) -> ExportContent:
    """What is to be written of a layer that napari hands to a writer as data and attributes."""
    metadata = attributes.get("metadata", {})
    record = record_in(metadata)
    return ExportContent(
        data[0] if isinstance(data, (list, tuple)) else data,
        tuple(LabelClass.model_validate(one) for one in (record or {}).get("classes", ())),
        placement_from(dict(attributes)),
        _provenance(record, metadata.get(CORRECTIONS_KEY)),
    )


def _provenance(record: dict[str, Any] | None, corrections: Any) -> dict[str, Any]:
    runs = list((record or {}).get("runs", ()))
    fields: dict[str, Any] = {}
    if isinstance(corrections, Corrections):
        fields = {"share_corrected": corrections.share(), "share_confirmed": corrections.share_confirmed()}
    if runs:
        fields |= runs[-1]
    if len(runs) > 1:
        fields["runs"] = runs
    return fields


def _classes_found(labels: NDArray[Any]) -> tuple[LabelClass, ...]:
    """Nameless classes of foreign labels, as far as a class may have such a value."""
    values = [int(value) for value in np.unique(labels) if 0 < value <= 255]
    return tuple(LabelClass(name=f"class {value}", value=value) for value in values)
