"""File > Open Sample: the samples, with the Pseudo-label dock beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_pseudolabel.sample_data import contributions

if TYPE_CHECKING:
    from napari_pseudolabel.sample_data.contributions import LayerDataTuple

PLUGIN = "napari-pseudolabel"
DOCK = "Pseudo-label"


def sem_like_axons() -> list[LayerDataTuple]:
    """Generated SEM-like axons."""
    return _with_dock(contributions.sem_like_axons())


def tem_like_axons() -> list[LayerDataTuple]:
    """Generated TEM-like axons."""
    return _with_dock(contributions.tem_like_axons())


def sem_like_axons_with_labels() -> list[LayerDataTuple]:
    """Generated SEM-like axons and their exact labels."""
    return _with_dock(contributions.sem_like_axons_with_labels())


def tem_like_axons_with_labels() -> list[LayerDataTuple]:
    """Generated TEM-like axons and their exact labels."""
    return _with_dock(contributions.tem_like_axons_with_labels())


def purple_like_nuclei() -> list[LayerDataTuple]:
    """Generated nuclei in a purple stain."""
    return _with_dock(contributions.purple_like_nuclei())


def fluorescence_like_nuclei() -> list[LayerDataTuple]:
    """Generated nuclei in fluorescence."""
    return _with_dock(contributions.fluorescence_like_nuclei())


def purple_like_nuclei_with_labels() -> list[LayerDataTuple]:
    """Generated nuclei in a purple stain and their exact labels."""
    return _with_dock(contributions.purple_like_nuclei_with_labels())


def fluorescence_like_nuclei_with_labels() -> list[LayerDataTuple]:
    """Generated nuclei in fluorescence and their exact labels."""
    return _with_dock(contributions.fluorescence_like_nuclei_with_labels())


def real_sem() -> list[LayerDataTuple]:
    """A real SEM image, downloaded the first time."""
    return _with_dock(contributions.real_sem())


def real_tem() -> list[LayerDataTuple]:
    """A real TEM image, downloaded the first time."""
    return _with_dock(contributions.real_tem())


def open_dock(viewer: Any) -> Any:
    """Open the Pseudo-label dock in the window of a viewer, or show the one that is open.

    Returns
    -------
    PseudoLabelDock
        The widget in the dock.
    """
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
    return widget


def _with_dock(layers: list[LayerDataTuple]) -> list[LayerDataTuple]:
    """Hand on the layers; the dock opens once napari has added them."""
    from napari import current_viewer
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    viewer = current_viewer()
    if viewer is not None and QApplication.instance() is not None and hasattr(viewer, "window"):
        QTimer.singleShot(0, lambda: open_dock(viewer))
    return layers
