"""What a person does is saved without their doing, whatever happens to the disk."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton

from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.recording import layer_data, restore
from napari_pseudolabel.widgets.common import quitting, saving
from napari_pseudolabel.widgets.common.autosave import Autosave
from napari_pseudolabel.widgets.common.restore_banner import RestoreBanner
from napari_pseudolabel.widgets.common.save_dot import SaveDot
from napari_pseudolabel.workspace import Workspace

PATIENCE_MS = 20000


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "effort")


@pytest.fixture(autouse=True)
def warnings(monkeypatch):
    """What is told as a notification of napari; failures are tried again at once."""
    told: list[str] = []
    monkeypatch.setattr(saving, "show_warning", told.append)
    monkeypatch.setattr(saving, "_RETRY_S", 0.05)
    return told


@pytest.fixture
def start(qtbot, workspace):
    """Begins to save a viewer."""
    begun = []

    def begin(viewer, folder=workspace):
        autosave = Autosave(viewer, folder)
        begun.append(autosave)
        autosave.start()
        return autosave

    yield begin
    for autosave in begun:
        autosave.close()


@pytest.fixture
def painted(viewer):
    """A viewer with an image, and labels on which something is painted."""
    layer = viewer.add_labels(np.zeros((300, 200), np.uint8), name="mine")
    layer.paint((50, 60), 2)
    return viewer


def stored(path, name="mine"):
    """Labels of a layer as they are on disk."""
    workspace = Workspace(path.parents[1])
    with closing(workspace.sessions.read(path.stem)) as content:
        for layer in content.layers():
            if layer.attributes["name"] == name:
                return content.array(layer.id, "labels")
    raise AssertionError(f"no layer {name}")


def on_disk(autosave, layer):
    return lambda: (
        autosave.path is not None
        and autosave.path.exists()
        and autosave.state == "saved"
        and np.array_equal(stored(autosave.path, layer.name), layer.data)
    )


def test_nothing_is_written_without_labels(viewer, workspace, start, qtbot):
    autosave = start(viewer)
    autosave.flush()
    qtbot.wait(2 * saving.TICK_MS)
    assert autosave.close()
    assert not workspace.folder.exists()


def test_everything_is_saved_while_the_person_works(painted, start, qtbot):
    autosave = start(painted)
    states = []
    autosave.state_changed.connect(lambda state, _: states.append(state))
    layer = painted.layers["mine"]
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    layer.paint((100, 100), 3)
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    assert not set(states) - {"saving", "saved"}
    assert autosave.path.stem in autosave.sentence
    layer.undo()
    assert layer.data[100, 100] == 0
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)


def test_whoever_never_stops_painting_is_saved(viewer, start, qtbot):
    layer = viewer.add_labels(np.ones((3000, 3000), np.uint8), name="mine")
    Corrections.of(layer)
    autosave = start(viewer)
    states = []
    autosave.state_changed.connect(lambda state, _: states.append(state))
    strokes = itertools.count(2)
    steps = np.arange(0, 3000, 10)
    painting = QTimer()
    painting.timeout.connect(lambda: layer.data_setitem((steps, steps), next(strokes) % 200))
    painting.start(0)
    qtbot.waitUntil(lambda: "saved" in states[1:], timeout=PATIENCE_MS)
    assert next(strokes) > 10
    painting.stop()
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)


def test_what_nothing_tells_of_is_found(painted, start, qtbot):
    autosave = start(painted)
    layer = painted.layers["mine"]
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    layer.data[200:, 150:] = 7
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)


def test_images_come_after_labels_and_follow_their_changes(painted, start, qtbot):
    autosave = start(painted)
    image = painted.layers["sem_12"]
    image.data[3:5, 3:5] = 9

    def same():
        if autosave.path is None:
            return False
        with closing(Workspace(autosave.path.parents[1]).sessions.read(autosave.path.stem)) as content:
            found = [one for one in content.layers() if one.attributes["name"] == "sem_12"]
            return bool(found) and np.array_equal(content.array(found[0].id, "data"), image.data)

    qtbot.waitUntil(same, timeout=PATIENCE_MS)
    image.data[7, 7] = 4
    qtbot.waitUntil(same, timeout=PATIENCE_MS)


def test_closing_saves_the_last_stroke_and_ends_the_session(painted, workspace, start):
    autosave = start(painted)
    layer = painted.layers["mine"]
    layer.paint((250, 150), 4)
    expected = layer.data.copy()
    painted.layers.clear()  # napari does so when a viewer is closed
    assert autosave.close()
    (info,) = workspace.sessions.list()
    assert info.clean
    assert not info.in_use
    np.testing.assert_array_equal(stored(info.path), expected)
    again = ViewerModel()
    with closing(workspace.sessions.read(info.id)) as content:
        restored = restore(again, content)
    assert [one.name for one in again.layers] == ["sem_12", "mine"]
    assert restored.removed == ()


def test_labels_that_the_person_deletes_are_kept_aside(painted, workspace, start, qtbot):
    autosave = start(painted)
    layer = painted.layers["mine"]
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    layer.paint((250, 150), 4)
    painted.layers.remove(layer)
    painted.add_labels(np.ones((20, 20), np.uint8), name="other")
    assert autosave.close()
    np.testing.assert_array_equal(stored(autosave_path(workspace)), layer.data)
    with closing(workspace.sessions.read(autosave_path(workspace).stem)) as content:
        viewer = ViewerModel()
        assert restore(viewer, content).removed == ("mine",)
        assert [one.name for one in viewer.layers] == ["sem_12", "other"]
        viewer.layers.clear()
        restore(viewer, content, removed=True)
    assert [one.name for one in viewer.layers] == ["sem_12", "other", "mine"]


def autosave_path(workspace):
    (info,) = workspace.sessions.list()
    return info.path


def limited(autosave, pragma):
    """Let SQLite fail as it does on a full or read-only disk."""
    connection = autosave._saving.writer._file._connection
    with autosave._saving.writer._file._lock:
        connection.execute(pragma)


@pytest.mark.parametrize(
    ("pragma", "cure", "word"),
    [
        ("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", "full"),
        ("PRAGMA query_only = 1", "PRAGMA query_only = 0", "cannot be written"),
    ],
)
def test_a_disk_that_refuses_loses_nothing(painted, start, qtbot, warnings, pragma, cure, word):
    autosave = start(painted)
    layer = painted.layers["mine"]
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    limited(autosave, pragma)
    noise = np.random.default_rng(0).integers(0, 200, layer.data.shape).astype(np.uint8)
    layer.data_setitem(np.nonzero(noise), noise[noise > 0])
    qtbot.waitUntil(lambda: autosave.state == "problem", timeout=PATIENCE_MS)
    assert word in autosave.sentence
    layer.paint((5, 5), 3)
    qtbot.wait(300)
    assert autosave.state == "problem"
    assert len(warnings) == 1
    limited(autosave, cure)
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)


def test_a_deleted_workspace_is_made_anew_with_everything(painted, workspace, start, qtbot, warnings):
    autosave = start(painted)
    layer = painted.layers["mine"]
    Corrections.of(layer).confirm((), (slice(0, 90), slice(0, 90)))
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    shutil.rmtree(workspace.folder)
    layer.paint((150, 150), 3)
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    assert len(warnings) == 1
    shutil.rmtree(workspace.folder)
    assert autosave.close()
    viewer = ViewerModel()
    with closing(workspace.sessions.read(autosave_path(workspace).stem)) as content:
        restore(viewer, content)
        assert len(content.edits()) == 1  # the one before `start` is no edit of this session
    corrections = Corrections.of(viewer.layers["mine"])
    np.testing.assert_array_equal(viewer.layers["mine"].data, layer.data)
    np.testing.assert_array_equal(corrections.confirmed, Corrections.of(layer).confirmed)


def test_a_workspace_that_cannot_be_made_is_a_problem_until_it_can(painted, workspace, start, qtbot):
    workspace.folder.write_text("in the way")
    autosave = start(painted)
    qtbot.waitUntil(lambda: autosave.state == "problem", timeout=PATIENCE_MS)
    workspace.folder.unlink()
    qtbot.waitUntil(on_disk(autosave, painted.layers["mine"]), timeout=PATIENCE_MS)


def test_a_session_that_cannot_be_closed_in_time_is_offered_again(painted, workspace, start, qtbot):
    autosave = start(painted)
    layer = painted.layers["mine"]
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    limited(autosave, "PRAGMA query_only = 1")
    layer.paint((150, 150), 3)
    assert not autosave.close()
    (info,) = workspace.sessions.list()
    assert not info.clean


def test_two_viewers_have_their_own_sessions(painted, workspace, start, qtbot):
    other = ViewerModel()
    mine, theirs = painted.layers["mine"], other.add_labels(np.full((40, 40), 5, np.int32), name="mine")
    one, two = start(painted), start(other)
    qtbot.waitUntil(on_disk(one, mine), timeout=PATIENCE_MS)
    qtbot.waitUntil(on_disk(two, theirs), timeout=PATIENCE_MS)
    assert one.path != two.path
    assert all(info.in_use for info in workspace.sessions.list())
    assert one.offer() is two.offer() is None


def test_another_workspace_gets_everything(painted, workspace, start, qtbot, tmp_path):
    autosave = start(painted)
    layer = painted.layers["mine"]
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    before = autosave.path
    other = Workspace(tmp_path / "other")
    autosave.use(other)
    layer.paint((9, 9), 1)
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    assert autosave.path.parents[1] == other.folder
    (info,) = workspace.sessions.list()
    assert info.path == before
    assert info.clean


def killed(viewer, start, qtbot):
    """What a viewer leaves behind that was killed: its session is not clean and nobody has it open."""
    autosave = start(viewer)
    qtbot.waitUntil(on_disk(autosave, viewer.layers["mine"]), timeout=PATIENCE_MS)
    path = autosave.path
    assert autosave.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE facts SET value = '0' WHERE name = 'clean'")
    return path


def test_a_session_that_was_not_closed_is_offered_and_gone_on_with(painted, start, qtbot):
    path = killed(painted, start, qtbot)
    viewer = ViewerModel()
    autosave = start(viewer)
    offer = RestoreBanner(autosave)
    qtbot.addWidget(offer)
    qtbot.waitUntil(lambda: autosave.offer() is not None, timeout=PATIENCE_MS)
    assert "sem_12, saved" in offer.sentence
    offer._accept.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    assert offer.sentence == ""
    layer = viewer.layers["mine"]
    np.testing.assert_array_equal(layer.data, painted.layers["mine"].data)
    layer.paint((250, 100), 1)
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    assert autosave.path == path


@pytest.mark.parametrize("where", ["reading", "showing"])
def test_a_session_that_does_not_fit_into_memory_is_a_sentence_and_the_window_goes_on(
    painted, start, qtbot, monkeypatch, where
):
    def no_memory(*_, **__):
        raise MemoryError

    killed(painted, start, qtbot)
    viewer = ViewerModel()
    autosave = start(viewer)
    offer = RestoreBanner(autosave)
    qtbot.addWidget(offer)
    qtbot.waitUntil(lambda: autosave.offer() is not None, timeout=PATIENCE_MS)
    place = "restoring.StoredLayer" if where == "reading" else "restoring.look_at"
    with monkeypatch.context() as broken:
        broken.setattr(f"napari_pseudolabel.viewer.recording.{place}", no_memory)
        offer._accept.click()
        qtbot.waitUntil(lambda: "memory" in offer.sentence, timeout=PATIENCE_MS)
    assert "close" in offer.sentence
    layer = viewer.add_labels(np.zeros((30, 20), np.uint8), name="new")
    layer.paint((5, 5), 1)
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)


def test_an_offer_that_was_declined_does_not_come_again(painted, start, qtbot, workspace):
    killed(painted, start, qtbot)
    autosave = start(ViewerModel())
    offer = RestoreBanner(autosave)
    qtbot.addWidget(offer)
    qtbot.waitUntil(lambda: autosave.offer() is not None, timeout=PATIENCE_MS)
    other = RestoreBanner(autosave)  # of another dock
    qtbot.addWidget(other)
    assert other.sentence
    dismiss = next(one for one in offer.findChildren(QPushButton) if one.text() == "Dismiss")
    dismiss.click()
    assert offer.sentence == other.sentence == ""
    qtbot.waitUntil(lambda: workspace.sessions.list()[0].clean, timeout=PATIENCE_MS)


def test_a_session_beside_what_is_open_goes_on_with_both(painted, start, qtbot, workspace):
    path = killed(painted, start, qtbot)
    viewer = ViewerModel()
    viewer.add_labels(np.full((30, 30), 3, np.uint8), name="before")
    camera = (0.0, 11.0, 12.0)
    viewer.camera.center = camera
    autosave = start(viewer)
    qtbot.waitUntil(on_disk(autosave, viewer.layers["before"]), timeout=PATIENCE_MS)
    left = autosave.path
    restored = autosave.resume(workspace.sessions.open(path.stem))
    assert [one.name for one in viewer.layers] == ["before", "sem_12", "mine"]
    assert [one.name for one in restored.layers] == ["sem_12", "mine"]
    assert viewer.camera.center == camera
    for layer in (viewer.layers["before"], viewer.layers["mine"]):
        qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    assert autosave.path == path
    qtbot.waitUntil(lambda: {one.id: one.clean for one in workspace.sessions.list()}[left.stem])


def test_layers_that_napari_has_read_from_a_session_go_on_in_it(painted, start, qtbot, workspace):
    Corrections.of(painted.layers["mine"]).confirm((), (slice(0, 9), slice(0, 9)))
    path = killed(painted, start, qtbot)
    viewer = ViewerModel()
    with closing(workspace.sessions.read(path.stem)) as content:
        for data in layer_data(content):
            viewer._add_layer_from_data(*data)
    autosave = start(viewer)
    layer = viewer.layers["mine"]
    assert Corrections.of(layer).confirmed.sum() == 81
    layer.paint((250, 100), 1)
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    assert autosave.path == path
    assert len(workspace.sessions.list()) == 1
    with closing(workspace.sessions.read(path.stem)) as content:
        assert len(content.layers()) == 2


def test_the_dot_shows_the_state(painted, start, qtbot, workspace):
    workspace.folder.write_text("in the way")
    autosave = start(painted)
    dot = SaveDot(autosave)
    qtbot.addWidget(dot)
    dot.show()
    qtbot.waitUntil(lambda: dot.state == "problem", timeout=PATIENCE_MS)
    assert dot.toolTip() == autosave.sentence
    problem = dot.grab().toImage()
    workspace.folder.unlink()
    qtbot.waitUntil(lambda: dot.state == "saved", timeout=PATIENCE_MS)
    assert dot.grab().toImage() != problem


@pytest.fixture
def asked(monkeypatch):
    """What the person is asked when the window is to be closed; they always want to."""
    sentences: list[str] = []
    monkeypatch.setattr(quitting, "confirm_quit", lambda _, sentence: sentences.append(sentence) or True)
    return sentences


def test_a_window_is_saved_from_its_first_dock_on_also_when_that_is_closed(
    make_napari_viewer, own_workspace, qtbot, asked
):
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_labels(np.zeros((60, 50), np.uint8), name="mine")
    around, dock = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Export labels")
    autosave = dock.session.autosave
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    around.destroyOnClose()
    layer.paint((20, 20), 2)
    qtbot.waitUntil(on_disk(autosave, layer), timeout=PATIENCE_MS)
    _, again = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Export labels")
    assert again.session.autosave is autosave
    layer.paint((40, 40), 1)
    expected = layer.data.copy()
    viewer.close()
    (info,) = Workspace(own_workspace).sessions.list()
    assert info.clean
    np.testing.assert_array_equal(stored(info.path), expected)
    assert asked == []


def test_every_dock_of_a_window_offers_what_was_killed_until_one_brings_it_back(
    make_napari_viewer, own_workspace, painted, start, qtbot
):
    painted.scene.camera.center, painted.scene.camera.zoom = (0.0, 30.0, 40.0), 9.0
    killed(painted, lambda viewer: start(viewer, Workspace(own_workspace)), qtbot)
    viewer = make_napari_viewer(show=True)
    docks = [
        viewer.window.add_plugin_dock_widget("napari-pseudolabel", name)[1]
        for name in ("Export labels", "Labelling sessions")
    ]
    window = docks[0].window()
    qtbot.waitUntil(lambda: all(dock._placed for dock in docks), timeout=PATIENCE_MS)
    offers = window.findChildren(RestoreBanner)
    assert len(offers) == 2
    offer = offers[0]
    for one in offers:
        qtbot.waitUntil(lambda one=one: "was not closed: sem_12" in one.sentence, timeout=PATIENCE_MS)
    offer._accept.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=PATIENCE_MS)
    np.testing.assert_array_equal(viewer.layers["mine"].data, painted.layers["mine"].data)
    assert [one.sentence for one in offers] == ["", ""]
    qtbot.wait(200)
    assert viewer.scene.camera.zoom == pytest.approx(9)
    assert viewer.scene.camera.center == pytest.approx((0, 30, 40))


def test_closing_a_window_on_unsaved_work_asks(make_napari_viewer, own_workspace, qtbot, asked):
    own_workspace.mkdir(parents=True)
    (own_workspace / "sessions").write_text("in the way")
    viewer = make_napari_viewer(show=True)
    viewer.add_labels(np.ones((60, 50), np.uint8), name="mine")
    _, dock = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Export labels")
    qtbot.waitUntil(lambda: dock.session.autosave.state == "problem", timeout=PATIENCE_MS)
    viewer.close()
    assert "Your last changes are not saved" in asked[0]
