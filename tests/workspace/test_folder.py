"""The folder of one labelling effort."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace import Workspace
from napari_pseudolabel.workspace.lock import locked


def test_opening_writes_nothing(tmp_path):
    workspace = Workspace.open(tmp_path / "new")
    assert not workspace.split.validation("k", (4, 4)).any()
    assert workspace.history.entries() == ()
    assert not workspace.folder.exists()


def test_what_is_written_is_seen_by_whoever_has_it_open(tmp_path):
    first, second = Workspace.open(tmp_path / "w"), Workspace.open(tmp_path / "w")
    first.split.assign("k", (0, 0, 4, 4))
    assert second.split.assigned("k", (4, 4)).all()
    second.history.add(b"one", name="a", parent="", promoted=True)
    assert first.history.current() == str(tmp_path / "w" / "models" / "0001-a.safetensors")


def test_the_default_is_in_the_users_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "napari_pseudolabel.workspace.folder.user_data_path", lambda *args, **kwargs: tmp_path / "data"
    )
    assert Workspace.default().folder == tmp_path / "data" / "workspace"


def test_a_file_is_no_workspace(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a workspace is a folder"):
        Workspace.open(tmp_path / "file")


def test_every_run_has_a_folder_of_its_own(tmp_path):
    workspaces = [Workspace.open(tmp_path / "w") for _ in range(2)]
    runs = [workspaces[number % 2].new_run("segmenter") for number in range(4)]
    assert len(set(runs)) == 4
    assert all(run.is_dir() and run.parent == tmp_path / "w" / "runs" for run in runs)
    assert runs[0].name.startswith("segmenter-20")


def test_a_place_where_no_folder_can_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    workspace = Workspace(tmp_path / "file" / "w")
    for write in (
        lambda: workspace.new_run("segmenter"),
        lambda: workspace.split.assign("k", (0, 0, 4, 4)),
        lambda: workspace.history.add(b"", name="a", parent=""),
    ):
        with pytest.raises(InputError, match=r"cannot be made|cannot be read"):
            write()


def test_a_writer_that_never_ends_is_told_and_a_killed_one_is_no_obstacle(tmp_path):
    path = tmp_path / ".lock"
    code = (
        "import sys, time; from pathlib import Path\n"
        "from napari_pseudolabel.workspace.lock import locked\n"
        "with locked(Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match="Another program"), locked(path, patience_s=0.05):
            pass
    finally:
        other.kill()
        other.wait()
    with locked(path, patience_s=5):
        assert path.exists()
