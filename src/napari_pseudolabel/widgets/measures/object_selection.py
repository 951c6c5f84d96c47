"""Which of the measured objects are selected, and which one is marked: one truth for plots, table and canvas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.labels.measures import Measures


class ObjectSelection(QObject):
    """Objects by their rows in the measures.

    Attributes
    ----------
    changed
        Others are selected or marked, or there are other measures.
    measures
        None as long as nothing was measured.
    chosen
        (n,) bool; None where nobody has selected any, which is another thing than none of them.
    marked
        Row of the one object that is looked at, None if there is none.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.measures: Measures | None = None
        self.chosen: NDArray[np.bool_] | None = None
        self.marked: int | None = None

    def begin(self, measures: Measures | None) -> None:
        """Take other measures, of which nothing is selected."""
        self.measures, self.chosen, self.marked = measures, None, None
        self.changed.emit()

    def choose(self, chosen: NDArray[np.bool_] | None) -> None:
        """Select objects; what is marked and not among them is marked no more."""
        self.chosen = chosen
        if self.marked is not None and chosen is not None and not chosen[self.marked]:
            self.marked = None
        self.changed.emit()

    def mark(self, row: int | None) -> None:
        """Mark one object; where others are selected it is marked alone."""
        if row == self.marked:
            return
        self.marked = row
        if row is not None and self.chosen is not None and not self.chosen[row]:
            self.chosen = None
        self.changed.emit()

    def values(self, name: str) -> NDArray[np.float64]:
        """Return a column of numbers."""
        assert self.measures is not None
        return np.asarray(self.measures.rows[name], float)

    def row_at(self, index: tuple[int, ...]) -> int | None:
        """Return the row of the object at a pixel; None where there is none."""
        measures = self.measures
        if measures is None or len(index) != measures.instances.ndim:
            return None
        if not all(0 <= at < size for at, size in zip(index, measures.instances.shape, strict=True)):
            return None
        rows = np.flatnonzero(measures.rows["number"] == measures.instances[index])
        return int(rows[0]) if rows.size else None
