"""Make the pictures of docs/many_images.md: ten generated images are labelled, two corrected, all exported, in a real window.

Prints what came of it: that what was corrected comes back, and leaves, as it was.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import tifffile
from photographs import IMAGES, on_a_screen, photograph

from napari_pseudolabel.demo import wait_for
from napari_pseudolabel.imaging import read_labels
from napari_pseudolabel.sample_data.samples import SEM_LIKE
from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.widgets.open_samples import open_dock
from napari_pseudolabel.workspace import Workspace

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

COUNT, SIDE = 10, 256


def make(folder: Path) -> None:
    """Do it all, and write the pictures into a folder."""
    import napari

    work = Path(tempfile.mkdtemp())
    images = drawn(work / "sem")
    viewer = napari.Viewer(title="napari-pseudolabel")
    viewer.window.resize(1400, 860)
    dock = open_dock(viewer)
    dock.session.workspace = Workspace.open(work / "workspace")
    many, view = dock.controller.many, dock.view.many
    picture = partial(photograph, viewer, folder, pause_s=0.7)

    def settle() -> None:
        waited_for(lambda: many.settled and not many.run.busy)

    try:
        waited_for(lambda: not dock.controller.models.loading)
        dock.view.many_fold.set_open(True)
        many.add_folder(images)
        settle()
        started = time.monotonic()
        view.label_all.click()
        waited_for(lambda: many.run.done.labelled > 2 or not many.run.busy)
        picture("many-1-labelling")
        settle()
        print(f"{view.status} {time.monotonic() - started:.0f} s")
        corrected = {}
        for _ in range(2):
            view.next.click()
            settle()
            name, labels = shown(viewer, many.opened.names[-1])
            labels.brush_size = 9
            labels.paint((SIDE // 2, SIDE // 2), 2)
            corrected[name] = np.array(labels.data)
            print(view.status)
        view.next.click()
        settle()
        picture("many-2-next")
        for name, decided in corrected.items():
            many.open(name)
            settle()
            print(f"{name} comes back as it was: {np.array_equal(shown(viewer, name)[1].data, decided)}")
        _, export = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Export labels")
        waited_for(lambda: export.controller.many.ready)
        export.view.what.choose("all")
        export.view.set_path(str(work / "out"))
        export.view.export_button.click()
        waited_for(lambda: export.view.status.startswith("Wrote"))
        picture("many-3-exported")
        left = {name: read_labels(work / "out" / f"{name}_labels.ome.tif").data for name in corrected}
        print(f"{export.view.status.partition(' to ')[0]}.")
        print(
            f"They leave as they are: {all(np.array_equal(left[name], corrected[name]) for name in corrected)}"
        )
        export.controller.shutdown()
    finally:
        dock.controller.shutdown()
        viewer.close()


def drawn(folder: Path) -> Path:
    """Write generated images of a known pixel size."""
    folder.mkdir()
    size = SEM_LIKE.pixel_size_um
    assert size is not None
    for number in range(COUNT):
        pixels, _ = replace(SEM_LIKE, seed=100 + number, shape=(SIDE, SIDE)).draw()
        values = np.rint(255 * pixels).astype(np.uint8) if pixels.dtype.kind == "f" else pixels
        path = folder / f"sem_{number}.tif"
        tifffile.imwrite(path, values, imagej=True, resolution=(1 / size, 1 / size), metadata={"unit": "um"})
    return folder


def shown(viewer: Viewer, name: str) -> tuple[str, Labels]:
    """Name and labels of an image that is open."""
    labels = find_layer(viewer, viewer.layers[name], "labels")
    assert labels is not None
    return name, labels


def waited_for(done: Callable[[], object]) -> None:
    """Let the window live until something is done."""
    wait_for(lambda: bool(done()))


if __name__ == "__main__":
    on_a_screen(partial(make, IMAGES))
