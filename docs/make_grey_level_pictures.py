"""Make the pictures of docs/grey_levels.md from the real plugin: translators are fitted in the Train dock, and one is used.

The images are the generated SEM-like and TEM-like samples. Models are kept in a temporary folder (on Linux).

    python docs/make_grey_level_pictures.py [OUTPUT_FOLDER]
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

from photographs import IMAGES, on_a_screen, photograph

from napari_pseudolabel.demo import wait_for
from napari_pseudolabel.labels.metrics import evaluate
from napari_pseudolabel.sample_data.contributions import layers_of
from napari_pseudolabel.sample_data.samples import SEM_LIKE, TEM_LIKE
from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.workspace import Workspace

CLASSES = {one.name: one.value for one in SEM_LIKE.classes if one.value}


def make(folder: Path) -> None:
    """Write both pictures into a folder and print the numbers."""
    import napari

    folder.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer(title="napari-pseudolabel")
    viewer.window.resize(1400, 860)
    for sample in (TEM_LIKE, SEM_LIKE):
        data, about, _ = layers_of(sample)[0]
        viewer.add_image(data, **about)
    tem, sem = viewer.layers
    tem.visible = False
    viewer.reset_view()
    _, dock = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Pseudo-label")
    _, train = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Train")
    dock.session.workspace = Workspace.open(Path(tempfile.mkdtemp()) / "workspace")

    picture = partial(photograph, viewer, folder)

    try:
        wait_for(lambda: not dock.controller.models.loading)
        train.view.subjects.buttons["translator"].click()
        page = train.view.translator
        wait_for(lambda: page.choice().pair is not None, patience_s=30)
        page.start.setCurrentIndex(page.start.findData("invert-match"))
        page.source.setCurrentText(tem.name)
        page.source_name.setText("TEM")
        page.source_objects.setValue(25)
        page.target_objects.setValue(20)
        train.parentWidget().raise_()
        train.view.start_button.click()
        wait_for(lambda: bool(train.view.status or train.view.error.sentence), patience_s=120)
        picture("grey-levels-1-made")
        print(train.view.status or train.view.error.sentence)

        dock.parentWidget().raise_()
        ref = "user:sem-to-tem-invert-match"
        dock.view.choose_strategy("adaptation")
        offered = dock.view.models["translator"]
        wait_for(lambda: offered.findData(ref) >= 0, patience_s=30)
        offered.setCurrentIndex(offered.findData(ref))
        wait_for(lambda: dock.view.run_button.isEnabled(), patience_s=30)
        dock.view.run_button.click()
        wait_for(lambda: not dock.controller.busy)
        wait_for(lambda: "objects" in dock.view.status, patience_s=30)
        picture("grey-levels-2-labels")
        labels, (_, truth) = find_layer(viewer, sem, "labels"), SEM_LIKE.draw()
        print(dock.view.status, evaluate(labels.data, truth, CLASSES).dice)
    finally:
        train.controller.shutdown()
        dock.controller.shutdown()
        viewer.close()


if __name__ == "__main__":
    os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    on_a_screen(lambda: make(where))
