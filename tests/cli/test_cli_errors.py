"""From errors to exit codes, without a command of its own."""

from __future__ import annotations

import pytest

from napari_pseudolabel.cli import running
from napari_pseudolabel.cli.progress import duration, interruptible, shown_progress
from napari_pseudolabel.errors import Cancelled, CheckpointError


@pytest.fixture
def failing(monkeypatch):
    """Makes the command raise something."""

    def arrange(error):
        def fail(words):
            raise error

        monkeypatch.setattr(running, "_run", fail)

    return arrange


@pytest.mark.parametrize(
    ("error", "code", "part"),
    [
        (CheckpointError("It is\n  broken."), 2, "It is broken."),
        (PermissionError(13, "Permission denied", "x.tif"), 2, "x.tif: Permission denied"),
        (Cancelled(), 130, "Cancelled; nothing was changed."),
        (KeyboardInterrupt(), 130, "Cancelled; nothing was changed."),
        (running.Stopped("Stopped."), 130, "Stopped."),
        (ZeroDivisionError("by zero"), 1, "(ZeroDivisionError: by zero)"),
    ],
)
def test_every_error_is_one_sentence_and_an_exit_code(failing, capsys, monkeypatch, error, code, part):
    monkeypatch.delenv(running.DEBUG_VARIABLE, raising=False)
    failing(error)
    assert running.run(["label"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert part in err
    assert running.run(["label", "--verbose"]) == code
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv(running.DEBUG_VARIABLE, "1")
    assert running.run(["label"]) == code
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["segment", "", "o.tif"], ["segment", "a.tif", "o.tif", "--axes", " "]])
def test_an_empty_argument_is_not_the_folder_that_one_stands_in(capsys, words):
    assert running.run(words) == 2
    assert f"Argument {[*map(str.strip, words)].index('') + 1} is empty" in capsys.readouterr().err


def test_no_progress_is_written_where_there_is_no_terminal(capsys):
    with shown_progress() as control:
        control.stage("Counting", 3).advance(3)
    assert capsys.readouterr() == ("", "")


def test_the_first_interrupt_asks_and_the_second_insists():
    import signal

    before = signal.getsignal(signal.SIGINT)
    with interruptible() as control:
        stage = control.stage("Counting", 3)
        stage.advance()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Cancelled):
            stage.advance()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_no_arguments_show_the_help(capsys):
    assert running.run([]) == 0
    assert "label" in capsys.readouterr().out


def test_durations_read_well():
    assert [duration(s) for s in (3.4, 240, 7200)] == ["3 s", "4 min", "2.0 h"]


def test_an_interrupt_inside_of_a_command_is_told(cli, monkeypatch):
    from napari_pseudolabel import models

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(models, "named_checkpoints", interrupted)
    ran = cli("models")
    assert ran.code == 130
    assert ran.sentence == "Cancelled; nothing was changed."
