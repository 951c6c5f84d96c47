"""The job of the Measure dock. Workers import this file, so it knows neither napari nor Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.exporting import ExportContent
from napari_pseudolabel.labels.measures import Kind, Measures
from napari_pseudolabel.labels.measures.object_shapes import Spacing
from napari_pseudolabel.labels.spot_check.labels_digest import digest_of


@dataclass(frozen=True, eq=False)
class MeasuredLabels:
    """Measures, and the digest of the labels that they are of."""

    measures: Measures
    digest: str


@dataclass(frozen=True, eq=False)
class MeasureJob:
    """Measure a snapshot of a Labels layer; `spacing` is None for what the layer says."""

    content: ExportContent
    kind: Kind
    spacing: Spacing | None
    title: str = "Measuring"

    def run(self, control: Control, models: object) -> MeasuredLabels:
        """Measure plane after plane."""
        stage = control.stage(self.title, int(np.prod(self.content.labels.shape[:-2])))
        measures = self.content.measured(self.kind, self.spacing, done=stage.advance, check=control.check)
        _ = measures.highest  # here rather than in the window
        return MeasuredLabels(measures, digest_of(np.asarray(self.content.labels), self.content.labelled))
