"""The table of measures: a row per object, of all or of those that are selected; places are for the canvas and for files."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from typing_extensions import override

from napari_pseudolabel.labels.measures import MeasureColumn, Measures
from napari_pseudolabel.labels.measures.measure_tables import written

_Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class MeasureRows(QAbstractTableModel):
    """What a table shows of measures; `places` says which object stands in which line."""

    def __init__(self) -> None:
        super().__init__()
        self.places: NDArray[np.intp] = np.zeros(0, np.intp)
        self._measures: Measures | None = None
        self._kept: NDArray[np.bool_] | None = None
        self._by: tuple[int, bool] | None = None
        self.columns: tuple[MeasureColumn, ...] = ()

    def show(self, measures: Measures | None, kept: NDArray[np.bool_] | None) -> None:
        """Show the objects that are kept; None for all of them."""
        self.beginResetModel()
        if measures is not self._measures:
            self._by = None
        self._measures, self._kept = measures, kept
        self.columns = () if measures is None else _listed(measures)
        self._order()
        self.endResetModel()

    def line_of(self, place: int) -> int | None:
        """Return the line in which an object stands; None where it is left out."""
        found = np.flatnonzero(self.places == place)
        return int(found[0]) if found.size else None

    @override
    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self.layoutAboutToBeChanged.emit()
        self._by = column, order == Qt.SortOrder.DescendingOrder
        self._order()
        self.layoutChanged.emit()

    @override
    def rowCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.places)

    @override
    def columnCount(self, parent: _Index = _ROOT) -> int:
        return 0 if parent.isValid() or self._measures is None else len(self.columns)

    @override
    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if self._measures is None or role not in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.TextAlignmentRole,
        ):
            return None
        values = self._measures.rows[self.columns[index.column()].name]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignLeft if values.dtype.kind in "Ob" else Qt.AlignmentFlag.AlignRight
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        value = values[self.places[index.row()]]
        return ("yes" if value else "no") if values.dtype.kind == "b" else written(value)

    @override
    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if self._measures is None or orientation != Qt.Orientation.Horizontal:
            return None
        column, known = self.columns[section], self._measures.spacing is not None
        if role == Qt.ItemDataRole.DisplayRole:
            return column.spoken(known)
        return column.tooltip(known) if role == Qt.ItemDataRole.ToolTipRole else None

    def _order(self) -> None:
        count = 0 if self._measures is None else self._measures.count
        self.places = np.arange(count) if self._kept is None else np.flatnonzero(self._kept)
        if self._by is None or self._measures is None:
            return
        column, descending = self._by
        values = self._measures.rows[self.columns[column].name][self.places]
        order = np.argsort(values.astype(str) if values.dtype.kind == "O" else values, kind="stable")
        if descending:
            order = order[::-1]
        if values.dtype.kind == "f":  # what there is none of comes last, whichever way
            order = np.concatenate([order[np.isfinite(values[order])], order[~np.isfinite(values[order])]])
        self.places = self.places[order]


def _listed(measures: Measures) -> tuple[MeasureColumn, ...]:
    """Columns that a person reads: not where an object is, which the canvas shows, but the plane where there are several."""
    several = len(set(measures.planes)) > 1
    return tuple(
        one
        for one in measures.columns
        if one.unit != "px" and not one.name.startswith("bbox") and (one.name != "plane" or several)
    )
