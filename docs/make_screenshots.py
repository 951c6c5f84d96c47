"""Make the pictures of the documentation from the real plugin: ``make docs``.

Opens napari, on a virtual screen if there is none, and photographs the window before, during and
after a run, and after a correction with the Export dock open.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from photographs import IMAGES, on_a_screen, photograph
from skimage.measure import label, regionprops

from napari_pseudolabel.demo import open_demo, wait_for
from napari_pseudolabel.sample_data.samples import SEM_LIKE
from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.workspace import Workspace

if TYPE_CHECKING:
    from napari.viewer import Viewer


def make(folder: Path) -> None:
    """Write all pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    viewer, dock = open_demo()
    # What is done here shall not stay among the sessions of whoever makes the pictures.
    dock.session.workspace = Workspace.open(Path(tempfile.mkdtemp()) / "workspace")

    picture = partial(photograph, viewer, folder, pause_s=0.7)

    controller = dock.controller
    try:
        wait_for(lambda: not controller.models.loading)
        wait_for(lambda: dock.view.run_button.isEnabled())
        dock.view.regions.choose("all")
        picture("dock-before")
        dock.view.run_button.click()
        # The best so far is shown while others are tried.
        wait_for(lambda: len(viewer.layers) > 1 or not controller.busy)
        picture("dock-during")
        wait_for(lambda: not controller.busy)
        picture("dock-after")
        correct(viewer)
        _, export = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Export labels")
        export.view.set_path(str(Path("sem_like_axons_labels.ome.tif")))
        wait_for(lambda: False, patience_s=0.5)
        picture("correct-and-export")
        export.controller.shutdown()
    finally:
        controller.shutdown()
        viewer.close()


def correct(viewer: Viewer) -> None:
    """Paint the largest axon that the models missed, as a person would."""
    labels = find_layer(viewer, viewer.layers[0], "labels")
    _, truth = SEM_LIKE.draw()
    missed = max(regionprops(label((truth == 2) & (labels.data != 2))), key=lambda one: one.area)
    row, column = missed.centroid
    labels.mode = "paint"
    for value, size in ((1, missed.axis_minor_length * 1.5), (2, missed.axis_minor_length)):
        labels.selected_label = value
        labels.brush_size = size
        labels.paint((row, column), value)
    viewer.camera.zoom *= 2
    # As near to the middle as the border of the image allows.
    quarter = np.array(truth.shape) / 4
    centre = np.clip((row, column), quarter, 3 * quarter)
    viewer.camera.center = tuple(labels.data_to_world(centre))


def print_all() -> None:
    """Make them, and name them."""
    make(IMAGES)
    print("\n".join(str(path) for path in sorted(IMAGES.glob("*.png"))))


if __name__ == "__main__":
    on_a_screen(print_all)
