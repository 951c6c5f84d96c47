"""A napari window that brings its last session back, checks it, and paints on until it is killed; run by a test.

Arguments: file of the image, and which round it is. The workspace is the default one, below ``$XDG_DATA_HOME``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
import tifffile
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_pseudolabel.widgets.common.restore_banner import RestoreBanner

PATIENCE_S = 60


def wait_until(reached: Callable[[], Any], what: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not reached():
        QApplication.processEvents()
        time.sleep(0.01)
        assert time.monotonic() < until, what


def place(number: int) -> tuple[int, int]:
    """What round `number` paints, and every later one has to find."""
    return 10 + 8 * number, 20


def main(image: Path, number: int) -> None:
    viewer = napari.Viewer(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Export labels")
    autosave = dock.session.autosave
    pixels = tifffile.imread(image)
    if number == 0:
        viewer.open(image, plugin="napari")
        viewer.add_labels(np.zeros(pixels.shape, np.uint8), name="mine")
    else:
        offers: Callable[[], list[RestoreBanner]] = lambda: dock.window().findChildren(RestoreBanner)  # noqa: E731
        wait_until(lambda: any("was not closed" in one.sentence for one in offers()), "nothing is offered")
        (offer,) = offers()
        offer._accept.click()
        wait_until(lambda: len(viewer.layers) == 2, "the layers do not come back")
        assert offer.sentence == "", offer.sentence
        np.testing.assert_array_equal(viewer.layers[image.stem].data, pixels)
    labels = viewer.layers["mine"]
    for before in range(number):
        assert labels.data[place(before)] == before + 1, f"what round {before} painted is lost"
    labels.brush_size = 3
    labels.paint(place(number), number + 1)
    time_of_stroke = time.time()
    wait_until(
        lambda: (
            autosave.path is not None
            and autosave.state == "saved"
            and not autosave._saving._recorder.dirty
            and autosave.path.stat().st_mtime > time_of_stroke
            and autosave._saving._recorder.unprinted() is None
        ),
        "it is not saved",
    )
    print("saved", flush=True)
    rng = np.random.default_rng(number)
    timer = QTimer()
    timer.timeout.connect(lambda: labels.paint(rng.integers((0, 60), pixels.shape), int(rng.integers(1, 9))))
    timer.start(5)
    QApplication.instance().exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
