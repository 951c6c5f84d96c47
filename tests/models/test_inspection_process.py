"""What a file does to the process that reads it ends there, and becomes one sentence."""

from __future__ import annotations

import psutil
import pytest

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.inspection_process import InspectionProcess, Limits

SMALL = Limits(memory_bytes=2**28, cpu_s=1.5, wall_s=60)


def test_one_process_answers_again_and_again_and_ends():
    with InspectionProcess() as apart:
        pid = apart.call("os:getpid", name="a.pt")
        assert apart.call("os:getpid", name="b.pt") == pid
        assert apart.call("operator:add", "a", "b", name="c.pt") == "ab"
        assert psutil.pid_exists(pid)
    assert not psutil.pid_exists(pid)


def test_errors_are_sentences_and_the_process_lives_on():
    with InspectionProcess() as apart:
        pid = apart.call("os:getpid", name="a.pt")
        with pytest.raises(
            CheckpointError, match=r"^a\.pt cannot be read as a checkpoint \(JSONDecodeError\)"
        ):
            apart.call("json:loads", "[", name="a.pt")
        with pytest.raises(CheckpointError, match=r"There is no file"):
            apart.call("napari_pseudolabel.models.safe_load:load_weights", "nothing.pth", name="a.pt")
        assert apart.call("os:getpid", name="a.pt") == pid


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("math:factorial", [10**8], "a.pt was still not done after 1.5 s of computing"),
        ("builtins:bytearray", [2**33], "a.pt asks for more than 0.25 GiB of memory"),
        ("ctypes:string_at", [0], "a.pt made the process that reads it crash"),
        ("os:_exit", [0], "a.pt made the process that reads it crash"),
    ],
)
def test_what_takes_too_much_ends_in_a_sentence_and_the_next_call_is_answered(function, arguments, words):
    with InspectionProcess() as apart:
        with pytest.raises(CheckpointError) as error:
            apart.call(function, *arguments, name="a.pt", limits=SMALL)
        assert str(error.value).startswith(words)
        assert apart.call("operator:add", 1, 2, name="b.pt") == 3


def test_what_waits_for_ever_is_ended():
    with InspectionProcess() as apart, pytest.raises(CheckpointError, match="still not done"):
        apart.call("time:sleep", 1000, name="a.pt", limits=Limits(wall_s=0.5))


def test_it_writes_no_file(tmp_path):
    path = tmp_path / "made"
    with InspectionProcess() as apart, pytest.raises(CheckpointError):
        apart.call("shutil:copyfile", __file__, str(path), name="a.pt")
    assert not path.exists() or path.stat().st_size == 0


def test_limits_grow_with_the_files(tmp_path):
    (tmp_path / "fold_0").mkdir()
    (tmp_path / "fold_0" / "a.pth").write_bytes(bytes(1000))
    assert Limits.of(tmp_path).memory_bytes >= Limits().memory_bytes + 4000
    assert Limits.of(tmp_path / "fold_0" / "a.pth").cpu_s > Limits().cpu_s
