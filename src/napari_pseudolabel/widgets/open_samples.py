"""File > Open Sample: the samples, with the Pseudo-label dock beside them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.sample_data import contributions

if TYPE_CHECKING:
    from napari_pseudolabel.sample_data.contributions import LayerDataTuple
    from napari_pseudolabel.widgets.pseudo_label.dock import PseudoLabelDock

DOCK = "Pseudo-label"


def open_dock(viewer: Any) -> PseudoLabelDock:
    """Open the Pseudo-label dock in the window of a viewer, or show the one that is open."""
    from napari_pseudolabel.widgets.common.opening import show_dock
    from napari_pseudolabel.widgets.pseudo_label.dock import PseudoLabelDock

    return show_dock(viewer, PseudoLabelDock, DOCK)


def _opened(key: str) -> list[LayerDataTuple]:
    """Hand on the layers of a sample; the dock opens once napari has added them."""
    from napari_pseudolabel.widgets.common.opening import beside_layers

    layers = contributions.opened(key)
    beside_layers(open_dock)
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
