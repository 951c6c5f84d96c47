"""The shell command as a process of its own, and options that make trainings tiny."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from few_looks import few_looks
from killed_process import killed

TRANSLATOR = [
    "--preset", "small", "--image-size", 32, "--width", 8, "--batch", 2, "--steps", 2, "--device", "cpu",
    "--set", "ch_mult=1,1", "--set", "nz=4", "--set", "z_emb_dim=8", "--set", "n_mlp=1", "--set", "critic_width=4",
    "--set", "one_pass_width=4", "--set", "attn-resolutions=", "--set", "num_timesteps=2",
]  # fmt: skip
SEGMENTER = [
    "--class", "disc=1", "--patch", 32, "--batch", 2, "--width", 4, "--steps", 2, "--validate-every", 2,
    "--device", "cpu",
]  # fmt: skip

SHELL = "from napari_pseudolabel.cli import main; main()"


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one line on standard error; nothing may be on standard output."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        assert line.strip() == line
        assert line.endswith((".", "?"))
        return line


def start(arguments: Sequence[object], **options: Any) -> subprocess.Popen[str]:
    """Run the command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", SHELL, *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def kill(*commands: Sequence[object]) -> None:
    """Run commands that are killed while they write their third state, which is half there."""
    for command in commands:
        killed(partial(command_line, *map(str, command)), 3)


def command_line(*words: str) -> None:
    """Run the command as its program does; trainings measure with few looks, as those of the tests."""
    from napari_pseudolabel.cli import main

    sys.argv[1:] = words
    with few_looks():
        main()


def interrupted(words: Sequence[object]) -> Ran:
    """Run the command at a terminal, with Ctrl+C as soon as it translates; `err` is what the terminal showed."""
    import pty

    terminal, end = pty.openpty()
    running = start(words, stderr=end)
    os.close(end)
    shown = b""
    try:
        while b"Translating" not in shown:  # the progress bar, because there is a terminal
            shown += os.read(terminal, 4096)
        running.send_signal(signal.SIGINT)
        while part := os.read(terminal, 4096):
            shown += part
    except OSError:  # the other end is closed
        pass
    out, _ = running.communicate(timeout=60)
    return Ran(running.returncode, out, shown.decode())
