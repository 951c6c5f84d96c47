"""A napari that edits labels until it is killed; run by a test.

Arguments: folder of the workspace, file for the number of edits that are done, seed, "model" or "window", and the
milliseconds between two edits.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from recording_edits import Edits

from napari_pseudolabel.widgets.common.autosave import Autosave
from napari_pseudolabel.workspace import Workspace

SHAPE = (400, 300)


def main(folder: Path, log: Path, seed: int, kind: str, pause_ms: int) -> None:
    workspace = Workspace(folder)
    app = QApplication.instance() or QApplication([])
    viewer: Any
    if kind == "window":
        import napari

        viewer = napari.Viewer(show=True)
        viewer.add_image(np.zeros(SHAPE, np.float32), name="sem_12")
        _, dock = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Export labels")
        dock.session.workspace = workspace
        autosave = dock.session.autosave
    else:
        from napari.components import ViewerModel

        viewer = ViewerModel()
        autosave = Autosave(viewer, workspace)
    sessions = workspace.sessions.list()
    if sessions:
        autosave.resume(workspace.sessions.open(sessions[0].id))
    else:
        viewer.add_labels(np.zeros(SHAPE, np.uint8), name="mine")
        autosave.start()
    edits = Edits(viewer.layers["mine"], seed, announced=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    count = 0

    def one() -> None:
        nonlocal count
        edits.one()
        count += 1
        os.write(handle, f"{count} {time.time()}\n".encode())

    timer = QTimer()
    timer.timeout.connect(one)
    timer.start(pause_ms)
    app.exec()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
