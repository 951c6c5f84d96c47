"""Make the pictures of the loop in the README from the real plugin: predict, correct one region, train, see it improve.

The image is the generated SEM-like sample as another microscope might have taken it: darker (gamma 2.5), blurred
(sigma 2.5 px), with noise. A simulated person corrects one region, with the truth the sample was drawn from, confirms it, trains
with the dock's own settings and runs again. Dice is measured outside of the region and printed.

    python docs/make_loop_pictures.py [OUTPUT_FOLDER]
"""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from photographs import IMAGES, on_a_screen, photograph, say
from scipy.ndimage import gaussian_filter

from napari_pseudolabel.demo import wait_for
from napari_pseudolabel.sample_data.samples import SEM_LIKE
from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.workspace import Workspace

if TYPE_CHECKING:
    from napari.layers import Labels

CORRECTED = (slice(128, 320), slice(128, 320))


def make(folder: Path) -> None:
    """Write all pictures into a folder and print the numbers."""
    import napari

    folder.mkdir(parents=True, exist_ok=True)
    image, truth = other_microscope()
    viewer = napari.Viewer(title="napari-pseudolabel")
    viewer.window.resize(1400, 860)
    scale = (SEM_LIKE.pixel_size_um,) * 2
    viewer.add_image(image, name="another SEM", scale=scale, units="um", metadata={"modality": "SEM"})
    _, dock = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Pseudo-label")
    # What is learned here shall not stay among the models of whoever makes the pictures.
    dock.session.workspace = Workspace.open(Path(tempfile.mkdtemp()) / "workspace")

    picture = partial(photograph, viewer, folder)

    try:
        wait_for(lambda: not dock.controller.models.loading)
        run(dock)
        layer = find_layer(viewer, viewer.layers[0], "labels")
        say_outside("shipped model", layer.data, truth)
        picture("loop-1-predicted")

        correct(layer, truth)
        corners = [[CORRECTED[i].start - 0.5, CORRECTED[i].stop - 0.5] for i in (0, 1)]
        (top, bottom), (left, right) = corners
        rectangle = [[top, left], [top, right], [bottom, right], [bottom, left]]
        shapes = viewer.add_shapes(
            [rectangle],
            name="corrected",
            face_color="transparent",
            edge_color="white",
            edge_width=3,
            scale=scale,
            units="um",
        )
        _, train = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Train")
        wait_for(lambda: train.controller.settled, patience_s=30)
        viewer.layers.selection.active = layer
        train.view.segmenter.confirm["shape"].click()
        wait_for(lambda: train.view.start_button.isEnabled(), patience_s=60)
        picture("loop-2-corrected")

        train.view.start_button.click()
        wait_for(lambda: train.view.stage.startswith("Training") or not train.controller.busy)
        wait_for(lambda: train.view.progress.value() > 100 or not train.controller.busy)
        picture("loop-3-training")
        wait_for(lambda: not train.controller.busy)
        wait_for(lambda: train.controller.settled, patience_s=60)
        picture("loop-4-trained")
        print(train.view.status)
        shapes.visible = False

        dock.parentWidget().raise_()
        wait_for(lambda: not dock.controller.models.loading)
        run(dock)
        say_outside("after one region", layer.data, truth)
        picture("loop-5-improved")
        train.controller.shutdown()
    finally:
        dock.controller.shutdown()
        viewer.close()


def other_microscope() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The image (H, W) in [0, 1] and its true labels."""
    image, truth = SEM_LIKE.draw()
    low, high = np.percentile(image, [0.5, 99.5])
    plain = np.clip((image.astype(np.float32) - low) / (high - low), 0, 1)
    changed = gaussian_filter(plain**2.5, 2.5) + np.random.default_rng(0).normal(0, 0.05, plain.shape)
    return changed.astype(np.float32), truth


def run(dock: Any) -> None:
    """Press Run and wait until the objects are counted."""
    dock.view.run_button.click()
    wait_for(lambda: not dock.controller.busy)
    if dock.view.error.sentence:
        raise SystemExit(dock.view.error.sentence)
    wait_for(lambda: "objects" in dock.view.status, patience_s=30)


def correct(layer: Labels, truth: NDArray[np.uint8]) -> None:
    """Change every wrong pixel of the region, as a person would with many strokes."""
    wrong = np.zeros(truth.shape, bool)
    wrong[CORRECTED] = layer.data[CORRECTED] != truth[CORRECTED]
    with layer.block_history():
        layer.data_setitem(np.nonzero(wrong), truth[wrong])


def say_outside(what: str, labels: NDArray[Any], truth: NDArray[np.uint8]) -> None:
    """Print the Dice outside of the corrected region."""
    outside = np.ones(truth.shape, bool)
    outside[CORRECTED] = False
    say(what, np.where(outside, labels, 0), np.where(outside, truth, 0))


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    on_a_screen(lambda: make(where))
