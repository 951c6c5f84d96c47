"""Live curves: values by name over the steps of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QWidget
from superqt.utils import qthrottled

from napari_pseudolabel.labels.classes import OKABE_ITO
from napari_pseudolabel.widgets.common.small_widgets import MessageLabel, column

_HEIGHT = 96
# Fast trainings tell more often than anybody can look.
_REDRAW_MS = 150
_AXIS_PX = 34
_LEAST_ROOM = 0.02


def load() -> None:
    """Import the plots, which takes too long for the window."""
    import pyqtgraph  # noqa: F401


@dataclass(eq=False)
class _Line:
    """One curve: its points, and the level of the model it is compared with."""

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    before: float | None = None


class Curves(QWidget):
    """A plot with a headline that names the curves in their colours and says their newest values.

    pyqtgraph is loaded with the first value at the latest, so that opening the dock does not wait for it.

    Parameters
    ----------
    title
        Begins the headline.
    tooltip
        What the values mean.
    limits
        The axis never reaches beyond these values.
    palette
        Colours of curves for which none was set.
    """

    def __init__(
        self,
        title: str,
        tooltip: str,
        *,
        limits: tuple[float, float] = (-np.inf, np.inf),
        palette: Sequence[str] = OKABE_ITO,
    ) -> None:
        super().__init__()
        self._title = title
        self._limits = limits
        self._palette = tuple(palette)
        self._ink = "#888888"
        self._given: dict[str, str] = {}
        self._colours: dict[str, str] = {}
        self.setToolTip(tooltip)
        self._lines: dict[str, _Line] = {}
        self._plot: Any = None
        self._items: dict[tuple[str, str], object] = {}
        self._headline = MessageLabel()
        self._headline.setTextFormat(Qt.TextFormat.RichText)
        self._layout = column(self._headline, parent=self, spacing=0)
        self._draw_later = qthrottled(self.draw, timeout=_REDRAW_MS, leading=False, parent=self)
        self.hide()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the curves."""
        return tuple(self._lines)

    @property
    def headline(self) -> str:
        """What stands above the plot, as HTML."""
        return self._headline.text()

    def points(self, name: str) -> tuple[list[int], list[float]]:
        """Return steps and values of a curve."""
        line = self._lines[name]
        return list(line.steps), list(line.values)

    def clear(self) -> None:
        """Forget all curves and hide."""
        self._lines.clear()
        self._colours = dict(self._given)
        for item in self._items.values():
            self._plot.removeItem(item)
        self._items.clear()
        self.hide()

    def set_colours(self, colours: Mapping[str, str]) -> None:
        """Colours by name, such as those of the classes; other curves get the next free one of the palette."""
        self._given = dict(colours)
        self._colours = dict(colours)

    def set_ink(self, ink: str) -> None:
        """Colour of the axes, which follows the theme."""
        self._ink = ink
        self._style_axes()

    def set_before(self, values: Mapping[str, float]) -> None:
        """Draw dashed lines where the model stood that the training started from."""
        for name, value in values.items():
            self._line(name).before = value
        self._later()

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point per name. A step that was there already, as after a kill, is drawn again."""
        for name, value in values.items():
            line = self._line(name)
            while line.steps and line.steps[-1] >= step:
                del line.steps[-1], line.values[-1]
            line.steps.append(step)
            line.values.append(float(value))
        self._later()

    def draw(self) -> None:
        """Draw what has come since the last time."""
        import pyqtgraph as pg

        if self._plot is None:
            self._make_plot(pg)
        last = max((line.steps[-1] for line in self._lines.values() if line.steps), default=1)
        for name, line in self._lines.items():
            colour = self._colour(name)
            # A single point is no line; it is drawn as a dot.
            dot = {"symbol": "o", "symbolSize": 4, "symbolBrush": colour, "symbolPen": None}
            self._item(name, "values", pg.mkPen(colour, width=2)).setData(
                np.array(line.steps, float),
                np.array(line.values, float),
                **(dot if len(line.steps) < 20 else {"symbol": None}),
            )
            if line.before is not None:
                dashed = pg.mkPen(colour, width=1, style=Qt.PenStyle.DashLine)
                self._item(name, "before", dashed).setData([0.0, float(last)], [line.before] * 2)
        self._zoom()
        self._headline.setText(self._words())

    def _zoom(self) -> None:
        """Show all values with some room, so that small steps are seen; inside of the limits."""
        values = [value for line in self._lines.values() for value in line.values]
        values += [line.before for line in self._lines.values() if line.before is not None]
        finite = [value for value in values if np.isfinite(value)]
        if finite:
            low, high = min(finite), max(finite)
            room = max((high - low) * 0.1, _LEAST_ROOM)
            self._plot.setYRange(
                max(low - room, self._limits[0]), min(high + room, self._limits[1]), padding=0
            )

    def _words(self) -> str:
        parts = []
        for name, line in self._lines.items():
            value = f" {line.values[-1]:.2f}" if line.values else ""
            # A curve that is what the title says already needs no name.
            shown = "" if name == self._title.lower() else escape(name.replace("_", " "))
            parts.append(f"<span style='color:{self._colour(name)}'>▬</span>&nbsp;{shown}{value}")
        dashed = any(line.before is not None for line in self._lines.values())
        return f"{escape(self._title)} &nbsp;{'  '.join(parts)}{' (dashed:&nbsp;before)' if dashed else ''}"

    def _colour(self, name: str) -> str:
        if name not in self._colours:
            free = [one for one in self._palette if one not in self._colours.values()]
            self._colours[name] = (free or self._palette)[0]
        return self._colours[name]

    def _line(self, name: str) -> _Line:
        return self._lines.setdefault(name, _Line())

    def _later(self) -> None:
        self.show()
        self._draw_later()

    def _item(self, name: str, what: str, pen: Any) -> Any:
        if (name, what) not in self._items:
            self._items[(name, what)] = self._plot.plot(pen=pen)
        return self._items[(name, what)]

    def _make_plot(self, pg: Any) -> None:
        plot = pg.PlotWidget(background=None)
        plot.setFixedHeight(_HEIGHT)
        # It is there to be looked at; wheels and drags belong to the dock.
        plot.setMouseEnabled(False, False)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        plot.getAxis("left").setWidth(_AXIS_PX)
        self._plot = plot
        self._style_axes()
        self._layout.addWidget(plot)

    def _style_axes(self) -> None:
        if self._plot is None:
            return
        for side in ("left", "bottom"):
            self._plot.getAxis(side).setPen(self._ink)
            self._plot.getAxis(side).setTextPen(self._ink)
