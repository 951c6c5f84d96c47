"""What every dock is: a view in napari's colours, and a controller that ends when the dock does."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from napari.plugins import menu_item_template
from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QSize, Qt, QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import (
    QDockWidget,
    QFrame,
    QLabel,
    QMainWindow,
    QScrollArea,
    QStyle,
    QTabBar,
    QVBoxLayout,
    QWidget,
)
from typing_extensions import override

from napari_pseudolabel.imports import search_once
from napari_pseudolabel.widgets.common.overlay import Overlay
from napari_pseudolabel.widgets.common.quitting import QuitGuard
from napari_pseudolabel.widgets.common.restore_banner import RestoreBanner
from napari_pseudolabel.widgets.common.session import Session
from napari_pseudolabel.widgets.common.style import style_sheet

if TYPE_CHECKING:
    import napari

    from napari_pseudolabel.widgets.common.dock_controller import DockController
    from napari_pseudolabel.widgets.common.dock_view import DockView

IN_MENUS = "Pseudo-label"
"""The plugin as its menu calls it, see napari.yaml."""
_LEAST_HEIGHT = 160
_LONG_WIDTH = 304
_TABS = "QTabBar::tab { padding: 3px 1px; border-right: 0px; min-width: 0px; }"
# The dock and its models are there by then, and nobody paints yet.
_LOOKED_AT_MS = 800
# Workers take a second or two to end; the window does not wait for them, and they end without it.
_AT_ONCE = 0.0


class Dock(QWidget):
    """Base of the docks.

    The work ends when the dock is closed, which in napari only takes it out of the window, when the
    window is closed, or when Qt deletes the dock. Hiding the dock lets the work go on.

    Attributes
    ----------
    session
        What the docks of the viewer share; it is gone with the last of them.
    view, controller
        How it looks, and what it does.
    """

    tab: ClassVar[str]
    """What its tab says where several docks share a place: one word, so that all of them can be read."""

    def __init__(self, viewer: napari.viewer.Viewer, view: DockView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.session = Session.of(viewer)
        self.controller: DockController | None = None
        self._placed = False
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        # Where several docks share the height of the window each of them scrolls; a dock that has it
        # to itself shows everything.
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Before it is placed the dock is lower than it will be, and Qt would leave a bar over its right edge for a moment.
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(view)
        self.view, self._area = view, area
        self._column.addWidget(area)
        self._restyle()
        viewer.events.theme.connect(self._restyle)
        get_settings().appearance.events.font_size.connect(self._on_font_size)

    def begin(self, controller: DockController) -> None:
        """Start the controller, and end it together with the dock."""
        self.controller = controller
        # Must not reach for this widget, which is half gone by then.
        self.destroyed.connect(lambda *_: _end(controller))
        controller.start()

    def canvas_px(self) -> tuple[int, int] | None:
        """Height and width of what napari shows in the middle of its window, None if there is none."""
        window = self._main_window()
        centre = window.centralWidget() if window is not None else None
        return (centre.height(), centre.width()) if centre is not None else None

    @override
    def showEvent(self, event: QShowEvent | None) -> None:
        if self.controller is not None:
            self.controller.start()
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            self._name_tab()
            self._guard()
            QTimer.singleShot(0, self._on_placed)

    @override
    def sizeHint(self) -> QSize:
        hint: QSize = self.view.sizeHint()
        return hint

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(self.view.minimumSizeHint().width(), _LEAST_HEIGHT)

    @override
    def hideEvent(self, event: QHideEvent | None) -> None:
        super().hideEvent(event)
        window = self._main_window()
        ours = event is None or not event.spontaneous()
        closing = window is not None and not window.isVisible() and ours
        if closing and self.controller is not None:
            self.controller.shutdown(_AT_ONCE)

    @override
    def event(self, event: QEvent | None) -> bool:
        if (
            event is not None
            and event.type() == QEvent.Type.ParentChange
            and self.parent() is None
            and self.controller is not None
        ):
            self.controller.shutdown(_AT_ONCE)
        return super().event(event)

    def show_again(self) -> None:
        """Bring the dock to the front, where it is hidden or lies behind another tab."""
        dock = self._dock_widget()
        if dock is not None:
            dock.show()
            dock.raise_()

    @property
    def doing(self) -> str:
        """What would be lost if the window were closed now; empty if nothing."""
        return str(self.controller.doing) if self.controller is not None else ""

    def make_overlay(self) -> Overlay | None:
        """Return a new sheet over the canvas of the window, None if the dock is not in one yet."""
        window = self._main_window()
        centre = window.centralWidget() if window is not None else None
        canvas = centre.findChild(QOpenGLWidget) if centre is not None else None
        return Overlay(self.viewer, canvas) if canvas is not None else None

    def _guard(self) -> None:
        """Have the work saved, and let the window ask before it closes on some; once for all docks of a window."""
        window = self._main_window()
        if window is None:
            return
        session = self.session
        if window.findChild(QuitGuard) is None:
            QuitGuard(window, lambda: [dock.doing for dock in window.findChildren(Dock)], session)
        if session.autosave is not None:
            # In every dock: whichever the person looks at first offers what was not closed.
            self._column.insertWidget(0, RestoreBanner(session.autosave))

    def _name_tab(self) -> None:
        """Name tab and title; the name by which napari knows the dock stays, because saved layouts and scripts have it."""
        dock = self._dock_widget()
        if dock is not None:
            dock.setWindowTitle(self.tab)
            self._name_title()
            # napari makes another title wherever the dock goes.
            dock.dockLocationChanged.connect(self._name_title)
            dock.topLevelChanged.connect(self._name_title)

    def _name_title(self, *_: object) -> None:
        dock = self._dock_widget()
        bar = None if dock is None else dock.titleBarWidget()
        for label in [] if bar is None else bar.findChildren(QLabel):
            label.setText(menu_item_template.format(IN_MENUS, self.tab))

    def _on_placed(self) -> None:
        self._join_others()
        # Before anybody paints: Python would do it sooner or later.
        QTimer.singleShot(_LOOKED_AT_MS, search_once)
        self._show_whole_tabs()
        self._area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)

    def _join_others(self) -> None:
        """Become a tab of the plugin's other docks in the same place, instead of sharing their height."""
        window, own = self._main_window(), self._dock_widget()
        if window is None or own is None or own.isFloating():
            return
        for other in window.findChildren(Dock):
            dock = other._dock_widget()
            if other is self or dock is None or dock.isFloating() or dock in window.tabifiedDockWidgets(own):
                continue
            if window.dockWidgetArea(dock) == window.dockWidgetArea(own):
                window.tabifyDockWidget(dock, own)
                own.raise_()
                return

    def _show_whole_tabs(self) -> None:
        """Let the words on the tabs be read in a narrow window: nearer to each other, and with arrows where they still do not fit."""
        window = self._main_window()
        for bar in [] if window is None else window.findChildren(QTabBar):
            if self.tab in [bar.tabText(number) for number in range(bar.count())]:
                bar.setElideMode(Qt.TextElideMode.ElideNone)
                bar.setStyleSheet(_TABS)

    def _dock_widget(self) -> QDockWidget | None:
        parent = self.parentWidget()
        return parent if isinstance(parent, QDockWidget) else None

    def _main_window(self) -> QMainWindow | None:
        widget: QWidget | None = self
        while widget is not None and not isinstance(widget, QMainWindow):
            widget = widget.parentWidget()
        return widget

    def _restyle(self, event: object = None) -> None:
        self.setStyleSheet(style_sheet(self.viewer.theme))

    def _on_font_size(self, event: object = None) -> None:
        with suppress(RuntimeError):  # settings outlive docks whose widgets are gone
            self._restyle()


class LongDock(Dock):
    """A dock whose content may be longer than the window, and draws in the colour of the text: it has `set_ink`."""

    @override
    def sizeHint(self) -> QSize:
        return super().sizeHint().expandedTo(QSize(_LONG_WIDTH, 0))

    @override
    def minimumSizeHint(self) -> QSize:
        # Nothing shall lie behind the scroll bar.
        style = self.style()
        bar = style.pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent) if style is not None else 0
        hint = super().minimumSizeHint()
        return QSize(max(hint.width() + bar, _LONG_WIDTH), hint.height())

    def _restyle(self, event: object = None) -> None:
        super()._restyle(event)
        self.view.set_ink(str(get_theme(self.viewer.theme).text.as_hex("long"))[:7])


def _end(controller: DockController) -> None:
    """End a controller whose dock Qt has deleted."""
    # Where both are deleted at once, after the window was closed, it was ended before, and its timers are gone.
    with suppress(RuntimeError):
        controller.shutdown(_AT_ONCE)
