"""What can go wrong with a session on disk: a sentence each time, and nothing lost."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from session_cases import SHAPE, batches, labels_layer, saved, tile_of, tiles_of

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace import Workspace
from napari_pseudolabel.workspace.sessions import Batch, GoneError, Sessions, Summary

ARRAY = np.random.default_rng(3).integers(0, 4, SHAPE, np.uint8)
CHANGE = Batch(tiles=[tile_of(ARRAY + 1, "a", (1,), 1, 1)], summary=Summary(title="changed"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """Like tmp_path, but below folders that every user may enter."""
    path = Path(tempfile.mkdtemp(prefix="sessions-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def sessions(folder):
    return Workspace.open(folder / "effort").sessions


@contextmanager
def without_rights() -> Iterator[None]:
    """As a user whom the permissions of files apply to, which root is not."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def assert_as_saved(sessions: Sessions, id: str) -> None:
    content = sessions.read(id)
    np.testing.assert_array_equal(content.array("a", "labels"), ARRAY)
    assert content.summary().title == "sem_12"
    content.close()


def child(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


HOLDER = """
import sys
from napari_pseudolabel.workspace.sessions import Sessions
file = Sessions(sys.argv[1]).open(sys.argv[2])
print("open", flush=True)
sys.stdin.readline()
"""


def test_a_session_that_another_process_has_open_can_be_read_but_not_opened_or_removed(sessions):
    file = saved(sessions, ARRAY)
    file.close()
    other = child(HOLDER, sessions.folder, file.id)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        for action in (sessions.open, sessions.remove):
            with pytest.raises(InputError, match="is open in another napari"):
                action(file.id)
        assert [(one.in_use, one.clean, one.note) for one in sessions.list()] == [(True, False, "")]
        assert_as_saved(sessions, file.id)
        new = sessions.create()
        assert new.id != file.id
        new.close()
    finally:
        other.kill()
        other.communicate()
    again = sessions.open(file.id)
    assert [one.in_use for one in sessions.list() if one.id == file.id] == [True]
    again.close()


def test_a_session_is_open_once_within_a_process_as_well(sessions):
    file = saved(sessions, ARRAY)
    with pytest.raises(InputError, match="is open in another napari"):
        sessions.open(file.id)
    file.commit(CHANGE)
    file.close()


READER = """
import sys
from napari_pseudolabel.workspace.sessions import Sessions
sessions = Sessions(sys.argv[1])
for number in range(15):
    content = sessions.read(sys.argv[2])
    assert content.layers()[0].id == "a"
    content.array("a", "labels")
    content.close()
    assert [one.note for one in sessions.list()] == [""]
    print(number, flush=True)
"""


def test_another_process_reads_while_this_one_writes(sessions):
    file = sessions.create()
    steps = batches(5)
    file.commit(next(steps)[0])
    other = child(READER, sessions.folder, file.id)
    assert other.stdout is not None
    for number in range(15):
        for batch, array in islice(steps, 4):
            file.commit(batch)
            expected = array
        assert other.stdout.readline() == f"{number}\n"
    assert other.communicate()[0] == ""
    np.testing.assert_array_equal(file.array("a", "labels"), expected)
    file.close()


FULL = """
import resource, signal, sys
import numpy as np
from session_cases import batches
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.sessions import Batch, GoneError, Sessions
file = Sessions(sys.argv[1]).create()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
steps = batches(7)
batch, array = next(steps)
file.commit(batch)
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (file.path.stat().st_size + 30_000, limits[1]))
before = array.copy()
for batch, array in steps:
    try:
        file.commit(batch)
    except InputError as error:
        assert not isinstance(error, GoneError)
        print(error)
        break
    before = array.copy()
np.testing.assert_array_equal(file.array("a", "labels"), before)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)
file.commit(batch)
np.testing.assert_array_equal(file.array("a", "labels"), array)
file.close()
print("recovered")
"""


def test_a_full_disk_is_told_and_the_same_batch_goes_in_once_there_is_room(sessions):
    """A limit on the size of files stands for the disk: the system refuses the write either way."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(sessions.folder)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    sentence, recovered = done.stdout.splitlines()
    assert "make room" in sentence
    assert recovered == "recovered"


def test_no_page_left_is_a_full_disk_too(sessions):
    file = saved(sessions, ARRAY)
    connection = file._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    large = np.random.default_rng(0).integers(0, 2**63, SHAPE, np.int64)
    layer = labels_layer("b", dtype="int64")
    with pytest.raises(InputError, match="is full, so nothing more is saved; make room"):
        file.commit(Batch(layers=[layer], tiles=tiles_of(large, "b"), summary=Summary(title="no")))
    assert_as_saved(sessions, file.id)
    connection.execute("PRAGMA max_page_count = 1000000")
    file.commit(Batch(layers=[layer], tiles=tiles_of(large, "b")))
    np.testing.assert_array_equal(file.array("b", "labels"), large)
    file.close()


def test_a_read_only_folder_is_told_and_can_still_be_looked_at(sessions):
    file = saved(sessions, ARRAY)
    file.close()
    with without_rights():
        for action in (sessions.create, lambda: sessions.open(file.id), lambda: sessions.remove(file.id)):
            with pytest.raises(InputError, match=r"allow it|allow it, make room"):
                action()
        assert [(one.note, one.in_use) for one in sessions.list()] == [("", False)]
        assert_as_saved(sessions, file.id)
        with pytest.raises(InputError, match="cannot be made"):
            Workspace.open(sessions.folder.parent.parent / "other").sessions.create()


def test_a_folder_that_becomes_read_only_is_told_and_nothing_is_lost(sessions, folder):
    folder.chmod(0o777)
    with without_rights():
        file = saved(sessions, ARRAY)
        sessions.folder.chmod(0o555)
        for path in sessions.folder.iterdir():
            path.chmod(0o444)
        with pytest.raises(InputError, match="choose another") as caught:
            file.commit(CHANGE)
        assert not isinstance(caught.value, GoneError)
        assert_as_saved(sessions, file.id)
        sessions.folder.chmod(0o755)
        for path in sessions.folder.iterdir():
            path.chmod(0o644)
        file.commit(CHANGE)
        assert file.summary().title == "changed"
        file.close()


def test_a_file_in_place_of_the_folder_is_told(folder):
    (folder / "sessions").touch()
    with pytest.raises(InputError, match="cannot be made"):
        Workspace.open(folder).sessions.create()


def delete_file(sessions, file):
    file.path.unlink()


def delete_folder(sessions, file):
    shutil.rmtree(sessions.folder.parent)


def delete_lock(sessions, file):
    file.path.with_suffix(".lock").unlink()


def move_folder(sessions, file):
    sessions.folder.parent.rename(sessions.folder.parent.with_name("moved"))


def replace(sessions, file):
    copy = file.path.with_name("copy")
    shutil.copy(file.path, copy)
    copy.replace(file.path)


@pytest.mark.parametrize("harm", [delete_file, delete_folder, delete_lock, move_folder, replace])
def test_what_is_taken_away_is_noticed_and_made_anew(sessions, harm):
    file = saved(sessions, ARRAY)
    harm(sessions, file)
    for _ in range(2):
        with pytest.raises(GoneError, match="was deleted or replaced"):
            file.commit(CHANGE)
    file.recreate()
    assert file.layers() == ()
    file.commit(Batch(layers=[labels_layer()], tiles=tiles_of(ARRAY), summary=Summary(title="sem_12")))
    assert_as_saved(sessions, file.id)
    assert file.path == sessions.folder / f"{file.id}.sqlite"
    assert [one.in_use for one in sessions.list() if one.id == file.id] == [True]
    with pytest.raises(InputError, match="is open in another napari"):
        sessions.open(file.id)
    file.commit(CHANGE)
    file.close()
    assert [one.clean for one in sessions.list() if one.id == file.id] == [True]


def test_what_lies_in_the_place_of_a_session_is_left_alone(sessions):
    file = saved(sessions, ARRAY)
    id = file.id
    replace(sessions, file)
    with pytest.raises(GoneError):
        file.commit(CHANGE)
    file.recreate()
    assert file.id != id
    file.close()
    assert_as_saved(sessions, id)


def test_making_it_anew_can_fail_and_be_tried_again(sessions):
    file = saved(sessions, ARRAY)
    parent = sessions.folder.parent
    shutil.rmtree(parent)
    parent.touch()
    for _ in range(2):
        with pytest.raises(GoneError):
            file.commit(CHANGE)
        with pytest.raises(InputError, match="cannot be made"):
            file.recreate()
    parent.unlink()
    file.recreate()
    file.commit(Batch(layers=[labels_layer()], tiles=tiles_of(ARRAY), summary=Summary(title="sem_12")))
    assert_as_saved(sessions, file.id)
    file.close()


def test_closing_what_is_gone_lets_go_of_it(sessions):
    file = saved(sessions, ARRAY)
    delete_folder(sessions, file)
    file.close()
    with pytest.raises(InputError, match="is closed"):
        file.commit(CHANGE)


DAMAGES = {
    "empty": lambda data: b"",
    "text": lambda data: b"not a database at all" * 100,
    "header": lambda data: b"\0" * 100 + data[100:],
    "foreign": None,
    "newer": None,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_and_foreign_files_are_listed_with_a_sentence_and_left_alone(sessions, damage):
    good, bad = saved(sessions, ARRAY), saved(sessions, ARRAY)
    good.close()
    bad.close()
    if damage == "newer":
        with sqlite3.connect(bad.path) as connection:
            connection.execute("PRAGMA user_version = 99")
        connection.close()
    elif damage == "foreign":
        bad.path.unlink()
        with sqlite3.connect(bad.path) as connection:
            connection.execute("CREATE TABLE birds (name)")
        connection.close()
    else:
        bad.path.write_bytes(DAMAGES[damage](bad.path.read_bytes()))
    content = bad.path.read_bytes()
    with pytest.raises(InputError) as caught:
        sessions.open(bad.id)
    assert bad.path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value)
    notes = {one.id: one.note for one in sessions.list()}
    assert notes[good.id] == ""
    assert notes[bad.id]
    assert bad.path.read_bytes() == content
    assert_as_saved(sessions, good.id)
    sessions.remove(bad.id)
    assert [one.id for one in sessions.list()] == [good.id]


def test_one_damaged_tile_does_not_take_the_others_with_it(sessions):
    file = saved(sessions, ARRAY)
    file.close()
    with sqlite3.connect(file.path) as connection:
        where = """plane = '1' AND "row" = 0 AND "column" = 2"""
        (packed,) = connection.execute(f"SELECT packed FROM tiles WHERE {where}").fetchone()
        spoilt = packed[:50] + bytes([packed[50] ^ 1]) + packed[51:]
        connection.execute(f"UPDATE tiles SET packed = ? WHERE {where}", (spoilt,))
    connection.close()
    content = sessions.read(file.id)
    with pytest.raises(InputError, match="1 of 24 tiles"):
        content.array("a", "labels")
    notes: list[str] = []
    found = content.array("a", "labels", notes)
    assert len(notes) == 1
    expected = ARRAY.copy()
    expected[1, :128, 256:384] = 0
    np.testing.assert_array_equal(found, expected)
    content.close()


def test_a_state_that_cannot_be_understood_is_a_sentence(sessions):
    file = saved(sessions, ARRAY)
    file.close()
    with sqlite3.connect(file.path) as connection:
        connection.execute("UPDATE layers SET state = '{}'")
        connection.execute("UPDATE outlines SET state = '{}'")
    connection.close()
    with pytest.raises(InputError, match="is damaged or was written by another version"):
        sessions.open(file.id)


def test_what_a_killed_process_was_making_is_no_session_and_goes_at_the_next_start(sessions):
    file = saved(sessions, ARRAY)
    kept = set(sessions.folder.iterdir())
    beside_open = sessions.folder / f".{file.path.name}.tmp"
    for name in (
        ".2026-01-01-9.sqlite.tmp",
        "2026-01-01-9.lock",
        "2026-01-01-8.lock",
        "2026-01-01-7.sqlite-journal",
    ):
        (sessions.folder / name).write_bytes(b"half")
    beside_open.write_bytes(b"of the process that has it open")
    notes = sessions.folder / "notes.lock.txt"
    notes.touch()
    assert len(sessions.list()) == 1
    Workspace(sessions.folder.parent).clear()
    assert set(sessions.folder.iterdir()) == {*kept, notes, beside_open}
    file.close()
    sessions.clear()
    assert set(sessions.folder.iterdir()) == {*kept, notes}
    assert_as_saved(sessions, file.id)
