"""What is written of labels: a snapshot that can travel to a worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.export.registry import export
from napari_pseudolabel.imaging import Placement
from napari_pseudolabel.models.cards import LabelClass


@dataclass(frozen=True, eq=False)
class ExportContent:
    """A snapshot of labels for `export`; arrays are read when it is written.

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


def _classes_found(labels: NDArray[Any]) -> tuple[LabelClass, ...]:
    """Nameless classes of foreign labels, as far as a class may have such a value."""
    values = [int(value) for value in np.unique(labels) if 0 < value <= 255]
    return tuple(LabelClass(name=f"class {value}", value=value) for value in values)
