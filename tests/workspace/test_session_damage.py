"""Damaged and hostile session files: what comes back is right or named as lost, and no file is a program."""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from damaged_session import DAMAGES, NAMES, cut, outcome_of, session, try_one
from session_cases import SHAPE, labels_layer, saved, tiles_of

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace import Workspace
from napari_pseudolabel.workspace.sessions import Batch, Sessions, Summary

ARRAY = np.random.default_rng(3).integers(0, 4, SHAPE, np.uint8)


@pytest.fixture
def sessions(tmp_path):
    return Workspace.open(tmp_path / "effort").sessions


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A session, what it holds, and its bytes."""
    folder = tmp_path_factory.mktemp("damaged")
    id, expected = session(folder, 0)
    return folder, id, expected, (folder / f"{id}.sqlite").read_bytes()


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_comes_back_of_a_damaged_file_is_right_or_named(whole, damage):
    folder, id, expected, data = whole
    refused = 0
    for seed in range(10):
        outcome = try_one(folder, id, expected, damage(data, random.Random(seed)))
        assert outcome.wrong == (), seed
        refused += bool(outcome.refused)
    assert refused <= (3 if damage is cut else 0)


def test_a_cut_leaves_what_lies_before_it(whole):
    folder, id, expected, data = whole
    before = None
    (folder / f"{id}.sqlite").write_bytes(data[: int(0.9 * len(data))])
    (info,) = Sessions(folder).list()
    assert (info.state, info.layers) == ("damaged", 2)
    assert "open it to bring back what is left" in info.note
    for share in (0.95, 0.8, 0.6):
        outcome = try_one(folder, id, expected, data[: int(share * len(data))])
        assert (outcome.refused, outcome.wrong) == ("", ())
        assert before is None or outcome.pixels >= before
        before = outcome.pixels
    assert before < 0.7 * 2 * len(NAMES) * np.prod(expected.arrays["a", "labels"].shape)


def test_a_sound_file_is_opened_as_it_is(whole):
    folder, id, expected, data = whole
    path = folder / f"{id}.sqlite"
    path.write_bytes(data)
    with closing(Sessions(folder).read(id)) as content:
        assert outcome_of(content, expected).pixels == 0
        assert content.lost == ()
    assert path.read_bytes() == data


def test_the_loss_is_told_until_the_session_is_closed_and_the_damaged_file_is_kept(sessions):
    file = saved(sessions, ARRAY)
    file.close()
    data = file.path.read_bytes()
    at = data.rindex(b"sem_12")
    spoilt = data[:at] + b"tem" + data[at + 3 :]
    file.path.write_bytes(spoilt)
    for finished in (False, True):
        file = sessions.open(file.id)
        assert "notes about the view and the session" in " ".join(file.lost)
        np.testing.assert_array_equal(file.array("a", "labels"), ARRAY)
        file.close(finished=finished)
    assert file.path.with_suffix(".damaged").read_bytes() == spoilt
    with closing(sessions.read(file.id)) as content:
        assert content.lost == ()
    assert [one.note for one in sessions.list()] == [""]


def test_pixels_that_are_lost_are_not_taken_for_confirmed_ones(tmp_path):
    id, _ = session(tmp_path, 1)
    with closing(sqlite3.connect(tmp_path / f"{id}.sqlite")) as connection, connection:
        where = """layer = 'b' AND array = 'labels' AND plane = '1' AND "row" = 0 AND "column" = 2"""
        assert connection.execute(f"UPDATE tiles SET packed = x'00' WHERE {where}").rowcount == 1
    with closing(Sessions(tmp_path).read(id)) as content:
        notes: list[str] = []
        for name in NAMES:
            assert not content.array("b", name, notes)[1, :128, 256:384].any()
        assert len(notes) == 1
        assert "1 of 24 tiles" in notes[0]
        assert "plane 1, rows 0 to 127, columns 256 to 383" in notes[0]


def test_a_layer_whose_attributes_are_damaged_comes_back_with_its_pixels_and_its_place(sessions):
    file = saved(sessions, ARRAY)
    attributes = {"name": "mine", "scale": [1.0, 0.2, 0.2], "metadata": {"long": "y" * 1000}}
    layer = labels_layer().model_copy(update={"attributes": attributes})
    file.commit(Batch(layers=[layer]))
    file.close()
    data = file.path.read_bytes()
    at = data.rindex(b"yyyy")
    file.path.write_bytes(data[:at] + b"z" + data[at + 1 :])
    file = sessions.open(file.id)
    assert [one.attributes for one in file.layers()] == [{"name": "mine", "scale": [1.0, 0.2, 0.2]}]
    np.testing.assert_array_equal(file.array("a", "labels"), ARRAY)
    assert "What mine is besides its pixels is damaged" in " ".join(file.lost)
    file.close()


FIRST_VERSION = """
PRAGMA application_id = 0x50534C42; PRAGMA user_version = 1; BEGIN;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE layers (id TEXT PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE tiles (
    layer TEXT NOT NULL, array TEXT NOT NULL, plane TEXT NOT NULL, "row" INTEGER NOT NULL,
    "column" INTEGER NOT NULL, packed BLOB NOT NULL, PRIMARY KEY (layer, array, plane, "row", "column")
);
CREATE TABLE edits (
    number INTEGER PRIMARY KEY, "at" REAL NOT NULL, layer TEXT NOT NULL, tool TEXT NOT NULL,
    plane TEXT NOT NULL, y0 INTEGER NOT NULL, x0 INTEGER NOT NULL, y1 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    pixels INTEGER NOT NULL, seconds REAL NOT NULL
);
COMMIT;
"""


def as_first_version(path):
    """Write a session as the first version of the plugin did."""
    import zlib

    with closing(sqlite3.connect(path)) as connection:
        kept = {
            "facts": connection.execute("SELECT name, value FROM facts").fetchall(),
            "layers": connection.execute("SELECT id, state FROM layers").fetchall(),
            "tiles": [
                (*key, zlib.crc32(packed).to_bytes(4, "little") + packed)
                for *key, packed in connection.execute(
                    'SELECT layer, array, plane, "row", "column", packed FROM tiles'
                )
            ],
            "edits": connection.execute(
                'SELECT number, "at", layer, tool, plane, y0, x0, y1, x1, pixels, seconds FROM edits'
            ).fetchall(),
        }
    path.unlink()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(FIRST_VERSION)
        for table, rows in kept.items():
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)


@pytest.mark.parametrize("spoilt", [False, True])
def test_sessions_of_the_first_version_open_and_can_be_gone_on_with(tmp_path, spoilt):
    id, expected = session(tmp_path, 2)
    path = tmp_path / f"{id}.sqlite"
    as_first_version(path)
    if spoilt:
        with closing(sqlite3.connect(path)) as connection, connection:
            where = """layer = 'b' AND array = 'labels' AND plane = '0' AND "row" = 1 AND "column" = 1"""
            connection.execute(f"UPDATE tiles SET packed = x'0011223344' WHERE {where}")
    data = path.read_bytes()
    sessions = Sessions(tmp_path)
    assert [(one.note, one.layers, one.edits) for one in sessions.list()] == [("", 2, 12)]
    with closing(sessions.read(id)) as content:
        outcome = outcome_of(content, expected)
        assert outcome.wrong == ()
        assert (outcome.pixels > 0) == spoilt
    assert path.read_bytes() == data
    file = sessions.open(id)
    assert outcome_of(file, expected) == outcome
    file.commit(Batch(layers=[labels_layer("c")], tiles=tiles_of(ARRAY, "c"), summary=Summary(title="on")))
    file.close()
    file = sessions.open(id)
    assert file.summary().title == "on"
    np.testing.assert_array_equal(file.array("c", "labels"), ARRAY)
    file.close()


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT"
PROGRAMS = {
    "endless view": f"""
        ALTER TABLE tiles RENAME TO gone; DROP TABLE gone;
        CREATE VIEW tiles AS {ENDLESS} 'a' AS layer, 'labels' AS array, '' AS plane, i AS "row", 0 AS "column",
        x'00' AS packed, 1 AS turn, x'00' AS sum FROM n""",
    "view beside": f"CREATE VIEW more AS {ENDLESS} i FROM n",
    "trigger": "CREATE TRIGGER t AFTER INSERT ON tiles BEGIN DELETE FROM layers; END",
    "facts as a view": """
        DROP TABLE facts; CREATE VIEW facts AS SELECT 'clean' AS name, hex(zeroblob(1000000000)) AS value""",
    "generated column": """
        ALTER TABLE layers ADD COLUMN more TEXT AS (hex(zeroblob(200000000))) VIRTUAL""",
    "another table": "CREATE TABLE more (name)",
    "index on an expression": "CREATE INDEX i ON layers (hex(zeroblob(200000000)))",
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("first_version", [False, True])
def test_a_file_that_holds_a_program_is_refused(sessions, program, first_version):
    file = saved(sessions, ARRAY)
    file.close()
    if first_version:
        with closing(sqlite3.connect(file.path)) as connection, connection:
            connection.execute("INSERT INTO edits VALUES (1, 1, 'a', 'b', '', 0, 0, 0, 0, 0, 0, 0, x'')")
        as_first_version(file.path)
    with closing(sqlite3.connect(file.path)) as connection:
        rows = (
            connection.execute("SELECT * FROM layers").fetchall() if "zeroblob" in PROGRAMS[program] else []
        )
        if rows and "INDEX" in PROGRAMS[program]:
            connection.execute("DELETE FROM layers")
        connection.executescript(PROGRAMS[program])
    data = file.path.read_bytes()
    for action in (sessions.read, sessions.open):
        with pytest.raises(InputError, match="no labelling session does"):
            action(file.id)
    (info,) = sessions.list()
    assert "no labelling session does" in info.note
    assert file.path.read_bytes() == data


def test_what_claims_to_be_huge_is_refused(sessions):
    file = sessions.create()
    file.commit(Batch(layers=[labels_layer(shape=(10**6, 10**6, 10**4), dtype="float64")]))
    with pytest.raises(InputError, match="more than there is"):
        file.array("a", "labels")
    file.close()


def test_a_file_of_holes_is_refused(sessions):
    file = saved(sessions, ARRAY)
    file.close()
    data = file.path.read_bytes()
    with file.path.open("r+b") as hollow:
        hollow.write(b"\1" + data[1:])
        hollow.truncate(2**40)
    for action in (sessions.read, sessions.open):
        with pytest.raises(InputError, match="much larger than what it holds"):
            action(file.id)


def test_a_tile_that_unpacks_to_more_than_its_place_is_damaged(sessions):
    import imagecodecs

    from napari_pseudolabel.workspace.sessions.ledger import Ledger
    from napari_pseudolabel.workspace.sessions.rows import TILES

    file = saved(sessions, ARRAY)
    bomb = bytes(imagecodecs.blosc_encode(bytes(2**20), compressor="zstd"))
    with file._changing() as ledger:
        assert isinstance(ledger, Ledger)
        ledger.put(TILES, ("a", "labels", "0", 0, 0, bomb))
    with pytest.raises(InputError, match="1 of 24 tiles"):
        file.array("a", "labels")
    file.close()


def pipe(path, target):
    os.mkfifo(path)


def link(path, target):
    path.symlink_to(target)


def device(path, target):
    path.symlink_to("/dev/zero")


def folder(path, target):
    path.mkdir()


@pytest.mark.parametrize("make", [pipe, link, device, folder])
@pytest.mark.parametrize("suffix", [".sqlite", ".lock", ".sqlite-journal", ".sqlite-wal"])
def test_what_is_no_plain_file_is_refused_at_once(sessions, tmp_path, make, suffix):
    file = saved(sessions, ARRAY)
    file.close()
    path = file.path.with_name(file.id + suffix)
    target = tmp_path / "elsewhere"
    if path.exists():
        path.rename(target)
    else:
        target.touch()
    before = target.read_bytes()
    make(path, target)
    with pytest.raises(InputError):
        sessions.open(file.id)
    if suffix != ".lock":
        with pytest.raises(InputError):
            sessions.read(file.id)
    for one in sessions.list():
        assert one.note or suffix == ".lock"
    assert target.read_bytes() == before


def test_a_journal_that_names_another_file_is_refused(sessions, tmp_path):
    file = saved(sessions, ARRAY)
    file.close()
    other = tmp_path / "important"
    other.write_text("mine")
    name = str(other).encode()
    journal = file.path.with_name(f"{file.path.name}-journal")
    checksum = sum(name).to_bytes(4, "big")
    journal.write_bytes(
        bytes.fromhex("d9d505f920a163d7")
        + bytes(504)
        + bytes(4)
        + name
        + len(name).to_bytes(4, "big")
        + checksum
        + bytes.fromhex("d9d505f920a163d7")
    )
    with pytest.raises(InputError, match="was not written by this plugin"):
        sessions.open(file.id)
    assert other.read_text() == "mine"
