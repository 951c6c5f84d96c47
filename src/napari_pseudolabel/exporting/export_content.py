"""What is written of labels: a snapshot that can travel to a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.exporting.writing import checked_labels, export
from napari_pseudolabel.formats import FileContent, Format, format_of
from napari_pseudolabel.formats.measured_content import measured
from napari_pseudolabel.imaging import ArrayLike, Image, Placement
from napari_pseudolabel.labels.classes import LARGEST_VALUE, nameless
from napari_pseudolabel.labels.effort_log import effort_table, object_efforts
from napari_pseudolabel.labels.measures import Kind, Measures, measures_text
from napari_pseudolabel.labels.objects import scheme_for
from napari_pseudolabel.labels.spot_check import SpotChecks, statements
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace.sessions import Edit


@dataclass(frozen=True, eq=False)
class ExportContent:
    """A snapshot of labels for `export`; arrays are read when it is written.

    Attributes
    ----------
    labels
        (..., Y, X) integers: numpy, dask or zarr.
    classes
        Empty for labels whose values nobody has named.
    provenance
        Of the last run, with all runs that the labels still show and the shares that a person corrected
        and confirmed; empty for labels that the plugin did not make.
    confidence
        Same shape, NaN where nothing was predicted; None if there is none.
    edits
        What a person did to the labels, as far as it was logged.
    flags
        uint8, same shape: what a person corrected (bit 0) and confirmed (bit 1); None if not known.
    labelled
        bool, same shape: what was predicted or decided by a person; None: all of it.
    instances
        Same shape, integers: numbers of the objects, where a model told them; None: they follow from the classes
        (`labels.objects`) when a format asks for them.
    confirmed
        bool, same shape: what a person declared right; None where nobody knows.
    source
        The image that they are of, for formats that hold it as well; None where it is not there.
    offset
        Row and column of the first pixel in the whole image, where this is a region of a larger one.
    spot_checks
        What a person judged of them, or of what they were before.
    """

    labels: ArrayLike
    classes: tuple[LabelClass, ...]
    placement: Placement
    provenance: JsonObject
    confidence: ArrayLike | None = None
    edits: tuple[Edit, ...] = ()
    flags: NDArray[np.uint8] | None = None
    labelled: NDArray[np.bool_] | None = None
    instances: ArrayLike | None = None
    confirmed: NDArray[np.bool_] | None = None
    source: Image | None = None
    offset: tuple[int, int] = (0, 0)
    spot_checks: SpotChecks = field(default_factory=SpotChecks)

    @property
    def spot_statements(self) -> list[JsonObject]:
        """What the spot checks say about these labels, the newest last; those of other labels say that they are void."""
        return statements(self.spot_checks, np.asarray(self.labels), self.labelled)

    def measured(
        self,
        kind: Kind | None = None,
        spacing: tuple[float, float] | None = None,
        *,
        options: object = None,
        done: Callable[[], object] = lambda: None,
        check: Callable[[], object] = lambda: None,
    ) -> Measures:
        """Measure all objects, with the numbers that exports give them.

        Parameters
        ----------
        kind
            "fibres" or "objects"; None for fibres where there are axons, myelin and a pixel size.
        spacing
            Height and width of a pixel in micrometres; None for what `placement` says.
        options
            Of the format that is exported to, where that may number objects in its own way.
        done, check
            Called after every plane, and after every few objects.

        Raises
        ------
        InputError
            As `labels.measures.measure`, and where pixels are sheared.
        """
        content = FileContent(
            "",
            self.placement,
            checked_labels(np.asarray(self.labels)),
            classes=self._named_classes(),
            labelled=self.labelled,
            confidence=None if self.confidence is None else np.asarray(self.confidence),
            known_instances=None if self.instances is None else np.asarray(self.instances),
            options=options,
        )
        return measured(content, kind, spacing, done=done, check=check)

    def _named_classes(self) -> tuple[LabelClass, ...]:
        return self.classes or nameless(
            value for value in np.unique(np.asarray(self.labels)).tolist() if 0 < value <= LARGEST_VALUE
        )

    def write(
        self,
        path: str | Path,
        format: str | Format,
        *,
        confidence: bool = True,
        effort: bool = False,
        measures: bool = False,
        control: Control = Control(),
    ) -> tuple[Path, ...]:
        """Write labels and provenance, and what is wanted of it: the confidence, if there is one, effort and measures.

        Raises
        ------
        InputError
            When the format cannot hold the labels, or the folder cannot be written to.
        """
        labels = np.asarray(self.labels)
        sure = None
        if confidence and self.confidence is not None:
            sure = np.nan_to_num(np.asarray(self.confidence, dtype=np.float32))
            if self.labelled is not None:
                sure = np.where(self.labelled, sure, np.float32(0))
        classes, options = self._named_classes(), format_of(Path(path), format).options
        return export(
            path,
            labels,
            format=format,
            classes=classes,
            placement=self.placement,
            provenance={
                **self.provenance,
                **({"spot_checks": said} if (said := self.spot_statements) else {}),
            },
            confidence=sure,
            effort=effort_table(
                object_efforts(
                    labels, self.edits, scheme_for(classes, self.placement.pixel_aspect), self.flags
                ),
                {label_class.value: label_class.name for label_class in classes},
            )
            if effort
            else None,
            measures=measures_text([("", self.measured(options=options))]) if measures else None,
            labelled=self.labelled,
            instances=None if self.instances is None else np.asarray(self.instances),
            confirmed=self.confirmed,
            source=self.source,
            offset=self.offset,
            control=control,
        )


def provenance_of_runs(record: JsonObject | None) -> JsonObject:
    """Return fields of the provenance: of the last run, and all of them where there are several."""
    runs = list((record or {}).get("runs", ()))
    fields: JsonObject = dict(runs[-1]) if runs else {}
    return {**fields, "runs": runs} if len(runs) > 1 else fields
