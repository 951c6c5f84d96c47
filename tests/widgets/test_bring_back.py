"""Sessions with images from files come back in a real window, and nothing of Qt is made beside its thread."""

from __future__ import annotations

import gc
import sqlite3
import threading
from contextlib import closing

import numpy as np
import pytest
import tifffile
from napari.utils import progress
from npe2 import DynamicPlugin
from qt_objects import made_elsewhere
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QProgressBar

from napari_pseudolabel.widgets.common.autosave import Autosave
from napari_pseudolabel.workspace import Workspace

PATIENCE_MS = 20000
SHAPE = (60, 50)
TIMES = 8


@pytest.fixture
def image_file(tmp_path):
    path = tmp_path / "sem_12.tif"
    tifffile.imwrite(path, np.random.default_rng(0).integers(0, 255, SHAPE).astype(np.uint8))
    return path


@pytest.fixture
def window(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def foreign_reader():
    """A plugin that shows how far it is, as readers may in the thread of the window."""
    threads = []
    with DynamicPlugin("somebody-elses") as plugin:

        @plugin.contribute.reader(filename_patterns=["*.tif"])
        def reader(path):
            def read(path):
                threads.append(threading.current_thread())
                (pixels,) = [tifffile.imread(path) for _ in progress(range(1))]
                return [(np.stack([pixels, pixels[::-1]]), {"channel_axis": 0, "name": ["a", "b"]})]

            return read

        yield threads


def saved(viewer, workspace, qtbot):
    """File of a session that everything in a viewer is in, closed again."""
    autosave = Autosave(viewer, workspace)
    autosave.start()
    qtbot.waitUntil(
        lambda: (
            autosave.path is not None
            and autosave.state == "saved"
            and autosave._saving._recorder.unprinted() is None
        ),
        timeout=PATIENCE_MS,
    )
    path = autosave.path
    assert autosave.close()
    return path


def bring_back(viewer, workspace, path, layers, qtbot):
    """As after a kill: the session is offered, and the person takes it. What is told to be missing."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE facts SET value = '0' WHERE name = 'clean'")
    autosave = Autosave(viewer, workspace)
    told = []
    autosave.resumed.connect(lambda restored: told.extend(restored.missing))
    autosave.start()
    try:
        qtbot.waitUntil(lambda: autosave.offer() is not None, timeout=PATIENCE_MS)
        autosave.bring_back(autosave.offer())
        qtbot.waitUntil(lambda: len(viewer.layers) == layers, timeout=PATIENCE_MS)
    finally:
        assert autosave.close()
    return told


class Bar(QProgressBar):
    def __init__(self):
        super().__init__()


@pytest.mark.parametrize("make", [QTimer, Bar])
def test_the_watch_sees_what_is_made_in_a_thread_and_nothing_else(qtbot, make):
    def work():
        made = make()
        made.deleteLater()

    with made_elsewhere() as made:
        work()
        assert made == []
        thread = threading.Thread(target=work, name="elsewhere")
        thread.start()
        thread.join()
    assert made
    assert made[0].startswith("elsewhere")


def test_time_after_time_an_image_from_a_file_comes_back(window, image_file, tmp_path, qtbot, monkeypatch):
    monkeypatch.setattr(gc, "collect", lambda *_: 0)  # napari calls it for every layer that goes
    workspace = Workspace(tmp_path / "effort")
    window.open(image_file, plugin="napari")
    labels = np.random.default_rng(1).integers(0, 3, SHAPE).astype(np.uint8)
    window.add_labels(labels, name="mine")
    path = saved(window, workspace, qtbot)
    with made_elsewhere() as made:
        for _ in range(TIMES):
            window.layers.clear()
            assert bring_back(window, workspace, path, 2, qtbot) == []
            image, mine = window.layers
            assert image.source.path == str(image_file)
            np.testing.assert_array_equal(image.data, tifffile.imread(image_file))
            np.testing.assert_array_equal(mine.data, labels)
    assert made == []


def test_the_reader_of_another_plugin_is_called_in_the_thread_of_the_window(
    window, image_file, foreign_reader, tmp_path, qtbot
):
    workspace = Workspace(tmp_path / "effort")
    window.open(image_file, plugin="somebody-elses")
    window.add_labels(np.ones(SHAPE, np.uint8), name="mine")
    path = saved(window, workspace, qtbot)
    del foreign_reader[:]
    window.layers.clear()
    with made_elsewhere() as made:
        assert bring_back(window, workspace, path, 3, qtbot) == []
    assert made == []
    assert set(foreign_reader) == {threading.current_thread()}
    assert [layer.name for layer in window.layers] == ["a", "b", "mine"]
    np.testing.assert_array_equal(window.layers["b"].data, tifffile.imread(image_file)[::-1])
