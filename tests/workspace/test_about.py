"""The name and the settings of a workspace, and which folders are one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace import Workspace


def test_a_new_workspace_knows_its_name_and_its_settings(tmp_path):
    begin = datetime.now(UTC) - timedelta(seconds=1)
    made = Workspace.create(tmp_path / "nerves", " Sciatic nerve ", target_quality=0.95)
    again = Workspace.open(made.folder)
    assert again.about.name == "Sciatic nerve"
    assert again.about.target_quality == 0.95
    assert again.about.created is not None
    assert begin <= again.about.created <= datetime.now(UTC)
    assert Workspace.is_workspace(made.folder)


def test_a_workspace_without_the_file_is_as_good(tmp_path):
    workspace = Workspace.open(tmp_path / "old")
    assert (workspace.about.name, workspace.about.target_quality) == ("old", 0.9)
    assert workspace.about.created is None
    assert not Workspace.is_workspace(workspace.folder)
    workspace.sessions.create().close()
    assert Workspace.is_workspace(workspace.folder)
    workspace.about.write(target_quality=0.8)
    assert (workspace.about.name, workspace.about.target_quality) == ("old", 0.8)
    assert Workspace.is_workspace(workspace.folder)


def test_settings_and_name_change_one_at_a_time(tmp_path):
    about = Workspace.create(tmp_path / "w", "first").about
    created = about.created
    about.write(target_quality=1.0)
    about.write(name="second")
    assert (about.name, about.target_quality, about.created) == ("second", 1.0, created)


@pytest.mark.parametrize("change", [{"target_quality": 0}, {"target_quality": 1.5}, {"name": "  "}])
def test_values_that_mean_nothing_are_refused(tmp_path, change):
    about = Workspace.create(tmp_path / "w", "w").about
    with pytest.raises(InputError, match=";"):
        about.write(**change)
    assert (about.name, about.target_quality) == ("w", 0.9)


def test_a_workspace_is_made_once(tmp_path):
    Workspace.create(tmp_path / "w", "first")
    with pytest.raises(InputError, match="is a workspace already"):
        Workspace.create(tmp_path / "w", "second")
    assert Workspace.open(tmp_path / "w").about.name == "first"


def test_other_folders_are_none(tmp_path):
    (tmp_path / "sessions").mkdir()
    (tmp_path / "sessions" / "notes.sqlite").touch()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for text in (json.dumps({"version": 1, "projects": {}, "kind": "web"}), "{}", "{", ""):
        (foreign / "workspace.json").write_text(text)
        assert not Workspace.is_workspace(foreign)
    for path in (tmp_path, tmp_path / "missing", foreign / "workspace.json"):
        assert not Workspace.is_workspace(path)


def test_where_it_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "w"):
        with pytest.raises(InputError):
            Workspace.create(path, "w")
