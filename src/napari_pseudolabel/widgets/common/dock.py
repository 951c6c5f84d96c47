"""What every dock is: a view in napari's colours, and a controller that ends when the dock does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from qtpy.QtCore import QEvent
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from napari_pseudolabel.widgets.common.style import style_sheet

if TYPE_CHECKING:
    import napari


class Controller(Protocol):
    """What a dock needs of its controller; both may be called any number of times."""

    def start(self) -> None: ...

    def shutdown(self, timeout: float = ...) -> bool: ...


class Dock(QWidget):
    """Base of the docks.

    The work ends when the dock is closed, which in napari only takes it out of the window, when the
    window is closed, or when Qt deletes the dock. Hiding the dock lets the work go on.
    """

    def __init__(self, viewer: napari.viewer.Viewer, view: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._controller: Controller | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(view)
        self._restyle()
        viewer.events.theme.connect(self._restyle)

    def begin(self, controller: Controller) -> None:
        """Start the controller, and end it together with the dock."""
        self._controller = controller
        # Must not reach for this widget, which is half gone by then.
        self.destroyed.connect(lambda *_: controller.shutdown())
        controller.start()

    def canvas_px(self) -> tuple[int, int] | None:
        """Height and width of what napari shows in the middle of its window, None if there is none."""
        window = self._main_window()
        centre = window.centralWidget() if window is not None else None
        return (centre.height(), centre.width()) if centre is not None else None

    def showEvent(self, event: QShowEvent) -> None:
        if self._controller is not None:
            self._controller.start()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        window = self._main_window()
        closing = window is not None and not window.isVisible() and not event.spontaneous()
        if closing and self._controller is not None:
            self._controller.shutdown()

    def event(self, event: QEvent) -> bool:
        if (
            event.type() == QEvent.Type.ParentChange
            and self.parent() is None
            and self._controller is not None
        ):
            self._controller.shutdown()
        return super().event(event)

    def _main_window(self) -> QMainWindow | None:
        widget: QWidget | None = self
        while widget is not None and not isinstance(widget, QMainWindow):
            widget = widget.parentWidget()
        return widget

    def _restyle(self, event: object = None) -> None:
        self.setStyleSheet(style_sheet(self._viewer.theme))
