import os
import re
import subprocess
import sys
import textwrap

import pytest

from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.workspace import atomic_file, atomic_files, atomic_folder, write_text
from napari_pseudolabel.workspace.leftovers import name_for


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_complete(tmp_path):
    write_text(tmp_path / "a.txt", "grüße\n")
    assert (tmp_path / "a.txt").read_bytes() == "grüße\n".encode()
    assert names(tmp_path) == ["a.txt"]


def test_the_old_file_stays_until_the_block_ends(tmp_path):
    write_text(tmp_path / "a", "old")
    with atomic_file(tmp_path / "a") as temporary:
        assert temporary.parent == tmp_path
        temporary.write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, Cancelled, KeyboardInterrupt])
@pytest.mark.parametrize("existing", [True, False])
def test_nothing_changes_on_failure_or_cancel(tmp_path, error, existing):
    if existing:
        write_text(tmp_path / "a", "old")
        (tmp_path / "folder").mkdir()
        write_text(tmp_path / "folder" / "x", "old")
    before = names(tmp_path)

    def write_two_files():
        with atomic_files(tmp_path / "a", tmp_path / "b") as temporaries:
            for temporary in temporaries:
                temporary.write_text("new")
            raise error

    def write_a_folder():
        with atomic_folder(tmp_path / "folder") as folder:
            (folder / "x").write_text("new")
            raise error

    for write in (write_two_files, write_a_folder):
        with pytest.raises(error):
            write()
    assert names(tmp_path) == before
    if existing:
        assert (tmp_path / "a").read_text() == "old"
        assert (tmp_path / "folder" / "x").read_text() == "old"


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_rename_that_fails_takes_the_others_back(tmp_path, monkeypatch, failing):
    write_text(tmp_path / "a", "old a")
    write_text(tmp_path / "c", "old c")
    replace = os.replace
    calls = []

    def fail_once(source, target):
        calls.append(target)
        if len(calls) == failing + 1:
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_once)

    def write_all():
        with atomic_files(*(tmp_path / name for name in "abc")) as temporaries:
            for temporary in temporaries:
                temporary.write_text("new")

    with pytest.raises(InputError, match=r"a, b, c could not .*Permission denied.* nothing was changed"):
        write_all()
    assert names(tmp_path) == ["a", "c"]
    assert (tmp_path / "a").read_text() == "old a"
    assert (tmp_path / "c").read_text() == "old c"


def test_a_folder_replaces_the_old_one(tmp_path):
    for content in ("old", "new"):
        with atomic_folder(tmp_path / "run") as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / content).write_text(content)
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run" / "deep") == ["new"]


def test_a_folder_that_cannot_be_renamed_comes_back(tmp_path, monkeypatch):
    with atomic_folder(tmp_path / "run") as folder:
        (folder / "old").touch()
    replace = os.replace

    def fail_for_new(source, target):
        if (source / "new").exists():
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail_for_new)
    with pytest.raises(InputError, match="No space left"), atomic_folder(tmp_path / "run") as folder:
        (folder / "new").touch()
    assert names(tmp_path) == ["run"]
    assert names(tmp_path / "run") == ["old"]


def test_places_that_cannot_be_written_are_one_sentence(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="does not exist; create it"):
        write_text(tmp_path / "missing" / "a", "")
    with pytest.raises(InputError, match="is a folder"):
        write_text(tmp_path / "folder", "")
    with pytest.raises(InputError, match="is a file"), atomic_folder(tmp_path / "file"):
        pass
    with (
        pytest.raises(InputError, match="does not exist; create it"),
        atomic_folder(tmp_path / "missing" / "a"),
    ):
        pass
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_read_only_folder_is_one_sentence(tmp_path):
    # Root may write anywhere, so where the tests run as root the attempt is made as another user,
    # from within the folder, since that user may not enter the folders above it.
    program = textwrap.dedent(
        """
        import os
        from napari_pseudolabel.workspace import write_text
        from napari_pseudolabel.errors import InputError
        if os.geteuid() == 0:
            os.setuid(65534)
        try:
            write_text("a", "text")
        except InputError as error:
            print(error)
        """
    )
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    assert "could not be written" in result.stdout
    assert "Permission denied" in result.stdout


def test_a_process_killed_while_writing_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "a", "old")
    program = textwrap.dedent(
        """
        import os, signal, sys
        from napari_pseudolabel.workspace import atomic_file
        with atomic_file(sys.argv[1]) as temporary:
            temporary.write_text("half")
            os._exit(9)
        """
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path / "a")], check=False).returncode == 9
    assert (tmp_path / "a").read_text() == "old"


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_files_get_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_text(tmp_path / "a", "")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "usual").stat().st_mode


def leave(target, kind, process):
    """What a process under this name would have left."""
    own = name_for(target, kind)
    path = own.with_name(re.sub(r"-\d+-", f"-{process}-", own.name))
    path.write_text("left")
    return path


def test_what_killed_processes_left_goes_with_the_next_file_and_nothing_else_does(tmp_path):
    target = tmp_path / "labels.tif"
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    leave(target, "new", ended.pid)
    leave(target, "old", ended.pid)
    alive = leave(target, "new", sleeper.pid)
    only_copy = leave(tmp_path / "model", "old", ended.pid)
    foreign = alive.with_name(re.sub(r"\.[0-9a-f]{8}-\d+-", f".00000000-{ended.pid}-", alive.name))
    foreign.write_text("of another machine")
    mine = tmp_path / ".notes.tmp"
    mine.write_text("mine")
    target.write_text("before")
    write_text(target, "after")
    assert set(tmp_path.iterdir()) == {target, alive, only_copy, foreign, mine}
    sleeper.communicate()


def test_long_names_are_written(tmp_path):
    path = tmp_path / ("ü" * 120 + ".txt")
    write_text(path, "all of it")
    assert path.read_text() == "all of it"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("several", [False, True])
def test_a_link_to_a_device_is_refused_and_one_to_a_file_is_replaced_itself(tmp_path, several):
    device, link, real = tmp_path / "device.json", tmp_path / "link.json", tmp_path / "real.json"
    device.symlink_to("/dev/full")
    real.write_text("elsewhere")
    link.symlink_to(real)
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    other = [tmp_path / "other.tif"] if several else []
    for path in (device, pipe):
        refused = pytest.raises(InputError, match=r"is a (device|pipe), but a file is to be written")
        with refused, atomic_files(*other, path) as temporary:
            temporary[-1].write_text("new")
    with atomic_files(*other, link) as temporary:
        temporary[-1].write_text("new")
    assert not link.is_symlink()
    assert (link.read_text(), real.read_text()) == ("new", "elsewhere")
    assert len(list(tmp_path.iterdir())) == 4 + several


def test_a_link_comes_back_where_the_others_cannot_be_replaced(tmp_path, monkeypatch):
    real, link, other = tmp_path / "real", tmp_path / "link", tmp_path / "other"
    real.write_text("elsewhere")
    link.symlink_to(real)
    replace = os.replace

    def failing(source, target):
        if target == other:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(InputError), atomic_files(link, other) as temporary:
        temporary[0].write_text("new")
    assert link.readlink() == real
    assert {one.name for one in tmp_path.iterdir()} == {"real", "link"}
