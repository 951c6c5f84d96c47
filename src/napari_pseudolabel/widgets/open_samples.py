"""File > Open Sample: the samples, with the Pseudo-label dock beside them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.sample_data import contributions

if TYPE_CHECKING:
    from napari_pseudolabel.sample_data.contributions import LayerDataTuple
    from napari_pseudolabel.widgets.pseudo_label.dock import PseudoLabelDock

PLUGIN = "Pseudo-label"
DOCK = "Pseudo-label"
"""Names of the plugin and of its dock in the menus, see napari.yaml."""


def open_dock(viewer: Any) -> PseudoLabelDock:
    """Open the Pseudo-label dock in the window of a viewer, or show the one that is open."""
    from napari.plugins import menu_item_template

    from napari_pseudolabel.widgets.pseudo_label.dock import PseudoLabelDock

    window = viewer.window
    for widget in window.dock_widgets.values():
        if isinstance(widget, PseudoLabelDock):
            widget.show_again()
            return widget
    made = PseudoLabelDock(viewer)
    # By this name the menu knows that it is open, and does not open a second one.
    window.add_dock_widget(made, name=menu_item_template.format(PLUGIN, DOCK))
    return made


def _opened(key: str) -> list[LayerDataTuple]:
    """Hand on the layers of a sample; the dock opens once napari has added them."""
    from napari import current_viewer
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    viewer = current_viewer()
    layers = contributions.opened(key)
    if viewer is not None and QApplication.instance() is not None and hasattr(viewer, "window"):
        QTimer.singleShot(0, lambda: open_dock(viewer))
    return layers


# Commands of the manifest.
sem_like_axons = partial(_opened, "sem_like_axons")
sem_like_axons_with_labels = partial(_opened, "sem_like_axons_with_labels")
tem_like_axons = partial(_opened, "tem_like_axons")
tem_like_axons_with_labels = partial(_opened, "tem_like_axons_with_labels")
purple_like_nuclei = partial(_opened, "purple_like_nuclei")
purple_like_nuclei_with_labels = partial(_opened, "purple_like_nuclei_with_labels")
fluorescence_like_nuclei = partial(_opened, "fluorescence_like_nuclei")
fluorescence_like_nuclei_with_labels = partial(_opened, "fluorescence_like_nuclei_with_labels")
real_sem = partial(_opened, "real_sem")
real_tem = partial(_opened, "real_tem")
