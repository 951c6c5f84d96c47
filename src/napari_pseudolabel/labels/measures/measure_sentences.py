"""Measures in words, for docks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.measures.measure_columns import SPOKEN_UNITS, TOTALS, MeasureColumn
from napari_pseudolabel.labels.measures.measures import Measures

_DIGITS = 3


def totals_sentence(measures: Measures) -> str:
    """Return the totals, a line for fibres, or for each class that has objects.

    Such as "Axons 1,380; axon fraction 0.281; aggregate g-ratio 0.672; mean axon diameter 2.76 µm."
    """
    lines = []
    for line in measures.totals:
        if not line.get("objects", 1):
            continue
        said = [_said(measures, name, value) for name, value in line.items() if value == value]  # NaN is not
        lines.append(f"{'; '.join([said[0], *(one[:1].lower() + one[1:] for one in said[1:])])}.")
    return "\n".join(lines)


def selected_text(measures: Measures, chosen: NDArray[np.bool_] | None) -> str:
    """Return how many objects are selected."""
    if chosen is None:
        return f"{measures.count:,} {measures.kind}"
    return f"{np.count_nonzero(chosen):,} of {measures.count:,} {measures.kind} selected"


def object_text(measures: Measures, row: int) -> str:
    """Return what is most asked of one object: such as "g-ratio 0.717"."""
    column = next(one for one in measures.columns if one.plotted and one.unit != "px")
    value = float(measures.rows[column.name][row])
    return _valued(measures, column, value) if np.isfinite(value) else f"{column.title} unknown"


def _said(measures: Measures, name: str, value: object) -> str:
    column = next(one for one in TOTALS[measures.kind] if one.name == name)
    if isinstance(value, float):
        return _valued(measures, column, value)
    return f"{column.title} {value:,}" if isinstance(value, int) else f"{column.title} {value}"


def _valued(measures: Measures, column: MeasureColumn, value: float) -> str:
    unit = column.unit_in(measures.spacing is not None)
    number = f"{value:,.0f}" if abs(value) >= 10**_DIGITS else f"{value:.{_DIGITS}g}"
    return " ".join(filter(None, (column.title, number, SPOKEN_UNITS.get(unit, unit))))
