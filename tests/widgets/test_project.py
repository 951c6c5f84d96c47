"""The dock of labelling sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from npe2 import PluginManager
from qtpy.QtCore import Qt
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox
from recorded_session import corrected_viewer, record

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.viewer.recording import Restored, StoredSession, show
from napari_pseudolabel.widgets.project.controller import ProjectController
from napari_pseudolabel.widgets.project.view import ProjectView
from napari_pseudolabel.workspace import SessionFile, Workspace


@dataclass
class FakeAutosave:
    """Shows sessions, and records nothing."""

    viewer: ViewerModel = field(default_factory=ViewerModel)
    file: SessionFile | None = None
    error: Exception | None = None

    @property
    def path(self) -> Path | None:
        return None if self.file is None else self.file.path

    def resume(self, file: SessionFile, stored: StoredSession | None = None) -> Restored:
        if self.error is not None:
            raise self.error
        assert stored is not None
        if self.file is not None:
            self.file.close()
        self.file = file
        return show(self.viewer, stored)


@dataclass
class FakeSession:
    workspace: Workspace
    autosave: FakeAutosave = field(default_factory=FakeAutosave)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "napari_pseudolabel.workspace.folder.user_data_path", lambda *_, **__: tmp_path / "home"
    )


@pytest.fixture
def shared(tmp_path):
    session = FakeSession(Workspace.create(tmp_path / "nerves", "Sciatic nerve"))
    yield session
    if session.autosave.file is not None:
        session.autosave.file.close()


@pytest.fixture
def make(qtbot, shared, remembered):
    """Makes a dock that has read the list."""
    made = []

    def call() -> ProjectController:
        view = ProjectView()
        qtbot.addWidget(view)
        controller = ProjectController(view, session=shared, autosave=shared.autosave, recent=remembered)
        made.append(controller)
        controller.start()
        settle(qtbot, controller)
        return controller

    yield call
    assert all(controller.shutdown() for controller in made)


def settle(qtbot, dock):
    qtbot.waitUntil(lambda: dock.settled, timeout=20000)


def press(qtbot, dock, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    settle(qtbot, dock)


def lines(dock):
    items = [dock.view.sessions.item(row) for row in range(dock.view.sessions.count())]
    return [item.text().split("\n") for item in items]


def test_an_empty_workspace_says_how_sessions_begin(make):
    dock = make()
    assert lines(dock) == []
    assert "begins with the first Labels layer" in dock.view.hint
    assert not dock.view.open_button.isEnabled()
    assert not dock.view.remove_button.isEnabled()
    assert dock.view._name.text() == "Sciatic nerve"
    assert dock.view._folder.toolTip().endswith("nerves")


def test_the_default_workspace_is_called_so(make, shared, tmp_path):
    shared.workspace = Workspace.default()
    assert make().view._name.text() == "Default workspace"
    assert not (tmp_path / "home").exists()


def test_the_list_tells_what_each_session_is_and_in_which_state(make, shared):
    sessions = shared.workspace.sessions
    record(corrected_viewer("tem_1"), sessions)
    killed = sessions.open(record(corrected_viewer("sem_2"), sessions))
    killed.close(finished=False)
    busy = sessions.open(record(corrected_viewer("sem_3"), sessions))
    (sessions.folder / "broken.sqlite").write_bytes(b"rubbish" * 999)
    own = sessions.open(record(corrected_viewer("sem_4"), sessions))
    shared.autosave.file = own
    dock = make()
    found = dict(lines(dock))
    assert found["tem_1"].startswith("0% confirmed, saved ")
    assert ":" in found["tem_1"]
    assert found["tem_1"].count(",") == 1
    assert found["sem_2"].startswith("not closed properly")
    assert found["sem_3"].startswith("open in another napari")
    assert found["sem_4"].startswith("open here")
    assert found["broken"] == "damaged"
    assert lines(dock)[-1][0] == "broken"
    for id, hint, removable in [
        (killed.id, "", True),
        (busy.id, "open in another napari; close it there", False),
        (own.id, "open here", False),
        ("broken", "is not a labelling session", True),
    ]:
        dock.view.select(id)
        assert hint in dock.view.hint
        assert dock.view.open_button.isEnabled() == (not dock.view.hint) == (not hint)
        assert dock.view.remove_button.isEnabled() == removable
    busy.close()


def test_opening_brings_everything_back_beside_what_is_there(make, shared, qtbot):
    before = corrected_viewer()
    id = record(before, shared.workspace.sessions)
    shared.autosave.viewer.add_image(np.zeros((4, 4)), name="mine")
    dock = make()
    press(qtbot, dock, dock.view.open_button)
    layers = shared.autosave.viewer.layers
    assert [layer.name for layer in layers] == ["mine", *(layer.name for layer in before.layers)]
    np.testing.assert_array_equal(layers[-1].data, before.layers[-1].data)
    assert shared.autosave.path == shared.workspace.sessions.folder / f"{id}.sqlite"
    assert dock.view.status == "Opened sem_12; everything you do is saved in it."
    assert lines(dock)[0][1].startswith("open here")
    assert not dock.view.open_button.isEnabled()
    assert dock.doing == ""


def test_what_could_not_be_restored_is_told(make, shared, qtbot, tmp_path):
    PluginManager.instance().discover()  # as napari does when it starts
    viewer = ViewerModel()
    np.save(tmp_path / "sem_12.npy", np.zeros((20, 20)))
    viewer.open(tmp_path / "sem_12.npy", plugin="napari")
    viewer.add_labels(np.ones((20, 20), np.uint8))
    record(viewer, shared.workspace.sessions)
    (tmp_path / "sem_12.npy").unlink()
    dock = make()
    press(qtbot, dock, dock.view.open_button)
    assert "sem_12.npy is not there any more" in dock.view.status
    assert [layer.name for layer in shared.autosave.viewer.layers] == ["Labels"]


def test_a_session_that_was_taken_meanwhile_is_told_and_the_list_is_up_to_date(make, shared, qtbot):
    id = record(corrected_viewer(), shared.workspace.sessions)
    dock = make()
    other = shared.workspace.sessions.open(id)
    press(qtbot, dock, dock.view.open_button)
    assert "is open in another napari" in dock.view.error.sentence
    assert dock.view.status == ""
    assert lines(dock)[0][1].startswith("open in another napari")
    other.close()
    dock.refresh()
    settle(qtbot, dock)
    press(qtbot, dock, dock.view.open_button)
    assert dock.view.error.sentence == ""
    assert shared.autosave.path is not None


def test_a_session_that_cannot_be_shown_does_not_stay_locked(make, shared, qtbot):
    id = record(corrected_viewer(), shared.workspace.sessions)
    shared.autosave.error = InputError("Out of memory; close something.")
    dock = make()
    press(qtbot, dock, dock.view.open_button)
    assert dock.view.error.sentence == "Out of memory; close something."
    shared.workspace.sessions.open(id).close()


def test_removing_asks_first(make, shared, qtbot, monkeypatch):
    sessions = shared.workspace.sessions
    kept, gone = (record(corrected_viewer(name), sessions) for name in ("sem_1", "sem_2"))
    dock = make()
    dock.view.select(gone)
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    asked = []

    def question(parent, title, text):
        asked.append(text)
        return answers[len(asked) - 1]

    monkeypatch.setattr(QMessageBox, "question", question)
    press(qtbot, dock, dock.view.remove_button)
    assert len(sessions.list()) == 2
    press(qtbot, dock, dock.view.remove_button)
    assert [one.id for one in sessions.list()] == [kept]
    assert "sem_2" in asked[0]
    assert "cannot be brought back" in asked[0]
    assert dock.view.status == "Removed sem_2."
    assert [title for title, _ in lines(dock)] == ["sem_1"]


def test_a_new_workspace_is_made_and_used(make, shared, qtbot, monkeypatch, tmp_path):
    (tmp_path / "brain").mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "brain"))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, text: (f"My {text}", True))
    dock = make()
    press(qtbot, dock, dock.view.new_button)
    assert shared.workspace.folder == tmp_path / "brain"
    assert shared.workspace.about.name == "My brain"
    assert dock.view._name.text() == "My brain"
    press(qtbot, dock, dock.view.new_button)
    assert "is a workspace already" in dock.view.error.sentence


def test_nothing_happens_where_the_person_cancels(make, shared, qtbot, monkeypatch, tmp_path):
    before = shared.workspace
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    dock = make()
    press(qtbot, dock, dock.view.new_button)
    dock.view.browse_pressed.emit()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("", False))
    press(qtbot, dock, dock.view.new_button)
    assert shared.workspace is before
    assert not (tmp_path / "workspace.json").exists()


def test_another_workspace_is_chosen_from_those_used_lately(make, shared, qtbot, monkeypatch, tmp_path):
    other = Workspace.create(tmp_path / "brain", "Brain")
    record(corrected_viewer("brain_1"), other.sessions)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(other.folder))
    dock = make()
    dock.view.browse_pressed.emit()
    settle(qtbot, dock)
    assert shared.workspace.folder == other.folder
    assert [title for title, _ in lines(dock)] == ["brain_1"]
    names = [action.text() for action in dock.view._menu.actions() if action.text()]
    assert names == ["Default workspace", "Brain", "Choose folder …"]
    dock.view._menu.actions()[0].trigger()
    settle(qtbot, dock)
    assert shared.workspace.folder == Workspace.default().folder
    dock.view._menu.actions()[1].trigger()
    settle(qtbot, dock)
    assert shared.workspace.folder == other.folder


def test_a_folder_that_is_no_workspace_is_told_and_not_used(make, shared, qtbot, monkeypatch, tmp_path):
    before = shared.workspace
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    dock = make()
    dock.view.browse_pressed.emit()
    settle(qtbot, dock)
    assert "is no workspace; press New" in dock.view.error.sentence
    assert shared.workspace is before


def test_the_folder_is_shown_once_it_is_there(make, shared, qtbot, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    dock = make()
    press(qtbot, dock, dock.view.reveal_button)
    assert opened == [str(shared.workspace.folder)]
    shared.workspace = Workspace.default()
    press(qtbot, dock, dock.view.reveal_button)
    assert len(opened) == 1
    assert "is made with the first session" in dock.view.status


def test_a_workspace_that_cannot_be_read_is_a_sentence(make, shared):
    (shared.workspace.folder / "workspace.json").write_text("{")
    assert "is damaged" in make().view.error.sentence


def test_it_is_narrow_and_every_button_says_what_it_does(make):
    view = make().view
    assert view.minimumSizeHint().width() <= 320
    for widget in (
        view.open_button,
        view.remove_button,
        view.reveal_button,
        view.new_button,
        view.change_button,
    ):
        assert widget.toolTip()


def test_it_opens_from_the_menu_in_a_window(make_napari_viewer_proxy, script, monkeypatch, tmp_path, qtbot):
    """The dock as napari makes it, with the real autosave."""
    monkeypatch.setattr(
        "napari_pseudolabel.widgets.common.recent_choices.user_config_path", lambda *_, **__: tmp_path
    )
    before = corrected_viewer()
    workspace = Workspace.create(tmp_path / "brain", "Brain")
    id = record(before, workspace.sessions)
    record(corrected_viewer("tem_3"), workspace.sessions)
    viewer = make_napari_viewer_proxy(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-pseudolabel", "Labelling sessions")
    dock.open_session(workspace, id)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4, timeout=20000)
    np.testing.assert_array_equal(viewer.layers[-1].data, before.layers[-1].data)
    assert dock.session.workspace.folder == workspace.folder
    qtbot.waitUntil(lambda: dock.view.selected == id, timeout=20000)
    assert dock.session.autosave.path == workspace.sessions.folder / f"{id}.sqlite"
    viewer.layers[-1].data_setitem((np.array([3]), np.array([4])), 1)
    content = workspace.sessions.read(id)
    labels = next(layer for layer in content.layers() if layer.kind == "labels")
    qtbot.waitUntil(lambda: content.array(labels.id, "labels")[3, 4] == 1, timeout=20000)
    content.close()


def test_what_is_done_in_an_opened_session_is_saved_at_once(make_napari_viewer, tmp_path, monkeypatch, qtbot):
    """With the dock of sessions, which opens beside it: without any dock nothing would be recorded."""
    monkeypatch.setattr(
        "napari_pseudolabel.widgets.common.recent_choices.user_config_path", lambda *_, **__: tmp_path
    )
    workspace = Workspace.create(tmp_path / "nerves", "Nerves")
    id = record(corrected_viewer(), workspace.sessions)
    viewer = make_napari_viewer(show=True)
    viewer.open(str(workspace.folder / "workspace.json"), plugin="napari-pseudolabel")
    qtbot.waitUntil(lambda: "Labelling sessions (Pseudo-label)" in viewer.window.dock_widgets, timeout=20000)
    dock = viewer.window.dock_widgets["Labelling sessions (Pseudo-label)"]
    assert dock.session.workspace.folder == workspace.folder
    viewer.layers[-1].data_setitem((np.array([3]), np.array([4])), 1)
    content = workspace.sessions.read(id)
    labels = next(layer for layer in content.layers() if layer.kind == "labels")
    qtbot.waitUntil(lambda: content.array(labels.id, "labels")[3, 4] == 1, timeout=20000)
    content.close()
