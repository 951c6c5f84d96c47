"""Opening a dock beside what was opened, as the menu does it: napari opens none, and nothing is saved without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from napari_pseudolabel.widgets.common.dock import Dock

    _Dock = TypeVar("_Dock", bound=Dock)

PLUGIN = "napari-pseudolabel"


def show_dock(viewer: Any, kind: type[_Dock], name: str) -> _Dock:
    """Open a dock in the window of a viewer, or show the one that is open.

    Parameters
    ----------
    name
        Of the dock in the menu. By it the menu knows that the dock is open, and does not open a second one.
    """
    from napari.plugins import menu_item_template

    from napari_pseudolabel.widgets.common.dock import IN_MENUS

    window = viewer.window
    for widget in window.dock_widgets.values():
        if isinstance(widget, kind):
            widget.show_again()
            return widget
    made = kind(viewer)  # type: ignore[call-arg]  # docks take the viewer alone
    window.add_dock_widget(made, name=menu_item_template.format(IN_MENUS, name))
    return made


def beside_layers(show: Callable[[Any], object]) -> None:
    """Call a function with the viewer that is opening something, once its layers are there; not without a window."""
    from napari import current_viewer
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    viewer = current_viewer()
    if viewer is not None and QApplication.instance() is not None and hasattr(viewer, "window"):
        QTimer.singleShot(0, lambda: show(viewer))
