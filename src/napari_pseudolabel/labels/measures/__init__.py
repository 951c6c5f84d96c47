"""Measures of objects: size and shape of any, and of fibres what AxonDeepSeg measures."""

from napari_pseudolabel.labels.measures.measure_columns import COLUMNS, TOTALS, Kind, MeasureColumn
from napari_pseudolabel.labels.measures.measure_tables import measures_text, totals_text
from napari_pseudolabel.labels.measures.measures import UNNAMED, Measures, kind_for, measure

__all__ = [
    "COLUMNS",
    "TOTALS",
    "UNNAMED",
    "Kind",
    "MeasureColumn",
    "Measures",
    "kind_for",
    "measure",
    "measures_text",
    "totals_text",
]
