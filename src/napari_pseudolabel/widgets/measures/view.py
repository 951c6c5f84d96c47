"""Widgets of the Measure dock; what they do is in the controller."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QComboBox, QDoubleSpinBox, QTableView, QWidget

from napari_pseudolabel.labels.measures import Kind, MeasureColumn, Measures
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.dock_view import DockView
from napari_pseudolabel.widgets.common.layer_box import LayerBox
from napari_pseudolabel.widgets.common.small_widgets import (
    MessageLabel,
    Segments,
    button,
    column,
    combo,
    fill_combo,
    form,
    row,
)
from napari_pseudolabel.widgets.measures.measure_plots import Histogram, Scatter
from napari_pseudolabel.widgets.measures.measure_rows import MeasureRows

_KINDS: tuple[tuple[Kind, str, str], ...] = (
    ("fibres", "Fibres", "Axons with their myelin: g-ratio, diameters, areas, as AxonDeepSeg measures them"),
    ("objects", "Objects", "Size and shape of every object, whatever its class"),
)
_HISTOGRAM_PX, _SCATTER_PX, _TABLE_PX = 100, 140, 130
_LINE_PX, _COLUMN_PX = 20, 96
_LARGEST_UM = 1000.0
# What is shown first.
_FIRST: dict[Kind, tuple[str, str, str]] = {
    "fibres": ("gratio", "axon_diam", "gratio"),
    "objects": ("area", "equivalent_diameter", "eccentricity"),
}


class MeasureView(DockView):
    """Which labels, what is measured, two plots, a table.

    Attributes
    ----------
    changed
        Other labels, or another pixel size.
    redrawn
        Another column is to be plotted.
    picked, shown
        A line of the table was clicked, or clicked twice.
    """

    changed = Signal()
    redrawn = Signal()
    picked = Signal(int)
    shown = Signal(int)

    def __init__(self) -> None:
        super().__init__(cancel="Stop; what was measured before stays")
        self.labels = LayerBox("Labels layer that is measured; proposed is the active one", "none")
        self.kinds = Segments(_KINDS, "objects")
        self.pixel_size = QDoubleSpinBox()
        self.pixel_size.setDecimals(5)
        self.pixel_size.setRange(0, _LARGEST_UM)
        self.pixel_size.setSpecialValueText("unknown")
        self.pixel_size.setSuffix(" µm")
        self.pixel_size.setToolTip(
            "Side of a pixel in micrometres, which neither the layer nor its file tells; without it lengths are in pixels, and fibres "
            "are not measured"
        )
        self.measure_button = self.main_button = button(
            "Measure", f"Measure all objects ({shortcuts.shown(shortcuts.MEASURE)})", name="main"
        )
        self._stale = MessageLabel(
            "The labels have changed since they were measured; measure them again.", "warning"
        )
        self._totals = MessageLabel(name="done")
        self.results = self._make_results()
        self._form = form(("Labels", self.labels), ("Measure", self.kinds), ("Pixel size", self.pixel_size))
        self.place(self._form, self.measure_button, *self.messages, self._stale, self._totals, self.results)
        self.labels.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.pixel_size.valueChanged.connect(lambda _: self.changed.emit())
        self.set_stale(False)
        self._totals.hide()
        self.results.hide()

    @property
    def kind(self) -> Kind:
        """What a row shall be."""
        chosen: Kind = self.kinds.value
        return chosen

    @property
    def stale(self) -> bool:
        """Whether it is said that the labels are others now."""
        return not self._stale.isHidden()

    @property
    def totals(self) -> str:
        """What is said of all objects together."""
        return self._totals.message

    @property
    def plotted(self) -> tuple[str, str, str]:
        """Names of the columns of the histogram, and of X and Y."""
        return str(self.value.currentData()), str(self.across.currentData()), str(self.up.currentData())

    def set_size_asked(self, asked: bool) -> None:
        """Whether somebody has to tell the pixel size."""
        self.pixel_size.setVisible(asked)
        if (label := self._form.labelForField(self.pixel_size)) is not None:
            label.setVisible(asked)

    def set_stale(self, stale: bool) -> None:
        """Say that the labels are others now than those that were measured."""
        self._stale.setVisible(stale)

    def set_results(self, measures: Measures | None, totals: str) -> None:
        """Offer the columns of other measures; None hides everything."""
        self._totals.show_message(totals)
        self.results.setVisible(measures is not None and measures.count > 0)
        self.histogram.clear()
        self.scatter.clear()
        if measures is None:
            return
        known = measures.spacing is not None
        plotted = [one for one in measures.columns if one.plotted]
        names = {one.name for one in plotted}
        for box, first in zip((self.value, self.across, self.up), _FIRST[measures.kind], strict=True):
            chosen = box.currentData() if box.currentData() in names else first
            _fill_columns(box, plotted, known, chosen)

    def set_selected(self, sentence: str, *, some: bool) -> None:
        """Say what is selected; `some`: whether it can be cleared."""
        self._selected.setText(sentence)
        self.clear.setEnabled(some)

    def set_ink(self, ink: str) -> None:
        """Colour of the axes, which follows the theme."""
        self.histogram.set_ink(ink)
        self.scatter.set_ink(ink)

    def _make_results(self) -> QWidget:
        hint = "Draw a box to select objects, on the canvas as well; click to select none"
        self.histogram = Histogram(_HISTOGRAM_PX, f"How many objects have which value. {hint}")
        self.scatter = Scatter(_SCATTER_PX, f"A point per object. {hint}")
        self.value, self.across, self.up = combo(""), combo(""), combo("")
        for box in (self.value, self.across, self.up):
            box.currentIndexChanged.connect(lambda _, box=box: self._on_column(box))
        self._selected = MessageLabel()
        self.clear = button("Clear", "Select no object", name="small")
        self.save = button(
            "Save table …", "Write the table to a CSV file, with totals beside it", name="small"
        )
        self.as_layer = button(
            "As a layer",
            "Add a Labels layer with the numbers of the objects, whose features are the table: napari shows them under the mouse",
            name="small",
        )
        self.rows = MeasureRows()
        self.table = QTableView()
        self.table.setModel(self.rows)
        self.table.setSortingEnabled(True)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setMinimumHeight(_TABLE_PX)
        self.table.setToolTip(
            "Click a line to see the object on the canvas, twice to go there; click on a head to sort"
        )
        self.table.clicked.connect(lambda index: self.picked.emit(int(self.rows.places[index.row()])))
        self.table.doubleClicked.connect(lambda index: self.shown.emit(int(self.rows.places[index.row()])))
        if (side := self.table.verticalHeader()) is not None:
            side.hide()
            side.setDefaultSectionSize(_LINE_PX)
        if (head := self.table.horizontalHeader()) is not None:
            head.setDefaultSectionSize(_COLUMN_PX)
        results = QWidget()
        column(
            self.value,
            self.histogram,
            row((self.across, 1), (self.up, 1)),
            self.scatter,
            row((self._selected, 1), self.clear),
            (self.table, 1),
            row(None, self.as_layer, self.save),
            parent=results,
        )
        return results

    def _on_column(self, box: QComboBox) -> None:
        box.setToolTip(str(box.currentData(Qt.ItemDataRole.ToolTipRole) or ""))
        self.redrawn.emit()


def _fill_columns(box: QComboBox, columns: Sequence[MeasureColumn], known: bool, chosen: str) -> None:
    """Offer columns with their definitions as tooltips, without telling anybody."""
    fill_combo(box, [(one.name, one.spoken(known)) for one in columns], chosen)
    for number, one in enumerate(columns):
        box.setItemData(number, one.tooltip(known), Qt.ItemDataRole.ToolTipRole)
    box.setToolTip(str(box.currentData(Qt.ItemDataRole.ToolTipRole) or ""))
