"""A histogram and a scatter plot in which objects are selected by drawing a box."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QObject, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QRubberBand, QWidget
from typing_extensions import override

from napari_pseudolabel.widgets.common.small_widgets import column

Values = NDArray[np.float64]
_AXIS_PX = 40
_LEAST_DRAG_PX = 4
_MOST_BARS = 48
# More points than that draw slowly, and nobody tells them apart.
MOST_POINTS = 4000
_PLAIN, _CHOSEN, _MARKED = "#8a929b", "#e69f00", "#f0e442"
_POINT_PX = 5


def load() -> None:
    """Import the plots, which takes too long for the window."""
    import pyqtgraph  # noqa: F401


class BrushedPlot(QWidget):
    """Base of the plots.

    Attributes
    ----------
    brushed
        A box was drawn: its least and largest x and y.
    cleared
        The person has clicked beside everything.
    """

    brushed = Signal(float, float, float, float)
    cleared = Signal()

    def __init__(self, height: int, tooltip: str) -> None:
        super().__init__()
        self.setToolTip(tooltip)
        self._height = height
        self._ink = "#888888"
        self._plot: Any = None
        self._start: QPoint | None = None
        self._band: QRubberBand | None = None
        self._layout = column(parent=self, spacing=0)
        self.setFixedHeight(height)

    def set_ink(self, ink: str) -> None:
        """Colour of the axes, which follows the theme."""
        self._ink = ink
        self._style_axes()

    def prepare(self) -> None:
        """Make the plot, once `load` was called."""
        self._made()

    def clear(self) -> None:
        """Show nothing."""
        if self._plot is not None:
            self._plot.clear()

    @override
    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if not isinstance(event, QMouseEvent) or self._band is None:
            return False
        kind, place = event.type(), event.position().toPoint()
        if kind == QEvent.Type.MouseButtonPress and event.button() == Qt.MouseButton.LeftButton:
            self._start = place
        elif kind == QEvent.Type.MouseMove and self._start is not None:
            self._band.setGeometry(QRect(self._start, place).normalized())
            self._band.show()
        elif kind == QEvent.Type.MouseButtonRelease and self._start is not None:
            start, self._start = self._start, None
            self._band.hide()
            self.brush(start, place)
        return True  # nothing is left for pyqtgraph, which would move the axes

    def brush(self, start: QPoint, end: QPoint) -> None:
        """Select what lies between two places of the widget; where they are about the same, nothing."""
        if (start - end).manhattanLength() < _LEAST_DRAG_PX:
            self.cleared.emit()
            return
        view = self._plot.getPlotItem().getViewBox()
        corners = [view.mapSceneToView(self._plot.mapToScene(place)) for place in (start, end)]
        (x0, x1), (y0, y1) = sorted(one.x() for one in corners), sorted(one.y() for one in corners)
        self.brushed.emit(x0, x1, y0, y1)

    def _made(self) -> Any:
        """Return the plot; made with the first values, so that opening the dock does not wait for it."""
        if self._plot is None:
            import pyqtgraph as pg

            plot = self._plot = pg.PlotWidget(background=None)
            plot.setMenuEnabled(False)
            plot.hideButtons()
            plot.setToolTip(self.toolTip())
            plot.getAxis("left").setWidth(_AXIS_PX)
            viewport = plot.viewport()
            viewport.installEventFilter(self)
            viewport.setCursor(Qt.CursorShape.CrossCursor)
            self._band = QRubberBand(QRubberBand.Shape.Rectangle, viewport)
            self._style_axes()
            self._layout.addWidget(plot)
        return self._plot

    def _style_axes(self) -> None:
        if self._plot is not None:
            for side in ("left", "bottom"):
                self._plot.getAxis(side).setPen(self._ink)
                self._plot.getAxis(side).setTextPen(self._ink)

    @override
    def sizeHint(self) -> QSize:
        return QSize(0, self._height)


class Histogram(BrushedPlot):
    """How many objects have which value."""

    def draw(self, values: Values, chosen: NDArray[np.bool_] | None, marked: int | None) -> None:
        """Draw values (n,), those that are chosen before the others, and a line where one object is."""
        import pyqtgraph as pg

        plot = self._made()
        plot.clear()
        finite = np.isfinite(values)
        if not finite.any():
            return
        bars = int(np.clip(2 * np.sqrt(finite.sum()), 5, _MOST_BARS))
        all_counts, edges = np.histogram(values[finite], bars)
        plot.addItem(pg.BarGraphItem(x0=edges[:-1], x1=edges[1:], height=all_counts, brush=_PLAIN, pen=None))
        if chosen is not None:
            counts, _ = np.histogram(values[finite & chosen], edges)
            plot.addItem(pg.BarGraphItem(x0=edges[:-1], x1=edges[1:], height=counts, brush=_CHOSEN, pen=None))
        if marked is not None and finite[marked]:
            plot.addItem(pg.InfiniteLine(values[marked], pen=pg.mkPen(_MARKED, width=2)))
        plot.setRange(xRange=(edges[0], edges[-1]), yRange=(0, max(int(all_counts.max()), 1)), padding=0.03)


class Scatter(BrushedPlot):
    """One value over another, a point per object."""

    def draw(self, x: Values, y: Values, chosen: NDArray[np.bool_] | None, marked: int | None) -> bool:
        """Draw points (n,), those that are chosen over the others; False where only some of them are drawn."""
        import pyqtgraph as pg

        plot = self._made()
        plot.clear()
        places = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
        some = len(places) > MOST_POINTS
        drawn = places[:: -(-len(places) // MOST_POINTS)] if some else places
        apart = np.zeros(len(x), bool) if chosen is None else chosen
        for which, colour in ((drawn[~apart[drawn]], _PLAIN), (drawn[apart[drawn]], _CHOSEN)):
            plot.addItem(
                pg.ScatterPlotItem(x=x[which], y=y[which], size=_POINT_PX, pen=None, brush=pg.mkBrush(colour))
            )
        if marked is not None:
            ring = pg.mkPen(_MARKED, width=2)
            plot.addItem(pg.ScatterPlotItem(x=[x[marked]], y=[y[marked]], size=11, pen=ring, brush=None))
        if places.size:
            ends = [(float(one[places].min()), float(one[places].max())) for one in (x, y)]
            plot.setRange(xRange=ends[0], yRange=ends[1], padding=0.05)
        return not some
