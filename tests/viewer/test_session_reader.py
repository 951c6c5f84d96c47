"""A workspace opened by napari's own File > Open."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from npe2 import PluginManager
from npe2 import read as npe2_read
from recorded_session import corrected_viewer, record

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.recording import SESSION_KEY
from napari_pseudolabel.widgets.project.reader import session_reader
from napari_pseudolabel.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace.create(tmp_path / "nerves", "Nerves")


@pytest.fixture
def installed():
    """What napari does when it starts."""
    PluginManager.instance().discover()


@pytest.fixture
def told():
    """Sentences that the person is told while the test runs."""
    found = []

    def note(notification):
        found.append(notification.message)

    notification_manager.notification_ready.connect(note)
    yield found
    notification_manager.notification_ready.disconnect(note)


def test_the_settings_file_opens_with_the_plugin(workspace, told, installed):
    before = corrected_viewer()
    id = record(before, workspace.sessions)
    viewer = ViewerModel()
    viewer.open(str(workspace.folder / "workspace.json"), plugin="napari-pseudolabel")
    assert [layer.name for layer in viewer.layers] == [layer.name for layer in before.layers]
    for layer, original in zip(viewer.layers, before.layers, strict=True):
        np.testing.assert_array_equal(layer.data, original.data)
        np.testing.assert_array_equal(layer.scale, original.scale)
        assert layer.metadata[SESSION_KEY]["path"] == str(workspace.sessions.folder / f"{id}.sqlite")
    corrections = Corrections.of(viewer.layers[-1])
    np.testing.assert_array_equal(corrections.mask, Corrections.of(before.layers[-1]).mask)
    np.testing.assert_array_equal(corrections.confirmed, Corrections.of(before.layers[-1]).confirmed)
    assert not told


def test_the_settings_file_stands_for_its_folder(workspace, installed):
    record(corrected_viewer(), workspace.sessions)
    layers = npe2_read(
        [str(workspace.folder / "workspace.json")], stack=False, plugin_name="napari-pseudolabel"
    )
    assert [kind for _, _, kind in layers] == ["image", "image", "image", "labels"]


def test_of_several_sessions_the_newest_opens_and_the_others_are_told_of(workspace, told):
    record(corrected_viewer("tem_1"), workspace.sessions)
    record(corrected_viewer("sem_2"), workspace.sessions)
    read = session_reader(str(workspace.folder))
    assert read is not None
    assert read(str(workspace.folder))[0][1]["name"] == "sem_2"
    (sentence,) = told
    assert "Nerves holds one more session" in sentence


def test_one_that_is_open_elsewhere_or_damaged_is_left_alone(workspace):
    record(corrected_viewer("tem_1"), workspace.sessions)
    newest = workspace.sessions.open(record(corrected_viewer("sem_2"), workspace.sessions))
    (workspace.sessions.folder / "2099-01-01-1.sqlite").write_bytes(b"rubbish" * 999)
    read = session_reader([str(workspace.folder)])
    assert read is not None
    assert read([str(workspace.folder)])[0][1]["name"] == "tem_1"
    newest.close()


def test_nothing_to_open_is_told(workspace):
    read = session_reader(str(workspace.folder))
    assert read is not None
    with pytest.raises(InputError, match="There is no session"):
        read(str(workspace.folder))
    file = workspace.sessions.create()
    with pytest.raises(InputError, match="open in another napari"):
        read(str(workspace.folder))
    file.close()


def test_other_folders_and_files_are_refused(tmp_path, workspace):
    (tmp_path / "images").mkdir()
    (tmp_path / "image.tif").touch()
    (tmp_path / "workspace.json").write_text("{}")
    for path in (tmp_path / "images", tmp_path / "image.tif", tmp_path / "workspace.json", tmp_path / "none"):
        assert session_reader(str(path)) is None
    assert session_reader([str(workspace.folder), str(workspace.folder)]) is None
