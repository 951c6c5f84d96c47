"""Files for the shell command, and the two ways to run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

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


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], one_thread: None) -> Callable[..., Ran]:
    """Run the command in this process."""
    from napari_pseudolabel.cli.running import run

    def call(*arguments: object) -> Ran:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        return Ran(code, *capfd.readouterr())

    return call


def start(arguments: Sequence[object], **options: Any) -> subprocess.Popen[str]:
    """Run the command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", SHELL, *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


@pytest.fixture
def process() -> Callable[..., Ran]:
    """Run the command as a process of its own, to its end."""

    def call(*arguments: object) -> Ran:
        running = start(arguments)
        out, err = running.communicate(timeout=120)
        return Ran(running.returncode, out, err)

    return call


@pytest.fixture
def image(tmp_path: Path, disc_image: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Path:
    """An OME-TIFF with pixels of 0.2 um."""
    path = tmp_path / "image.ome.tif"
    tifffile.imwrite(
        path,
        disc_image((40, 52), 1)[0],
        metadata={
            "axes": "YX",
            **{f"PhysicalSize{axis}": 0.2 for axis in "XY"},
            **{f"PhysicalSize{axis}Unit": "µm" for axis in "XY"},
        },
    )
    return path


@pytest.fixture
def training_set(tmp_path: Path, disc_image: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Path:
    """Folders a (images), labels, b (images with inverted contrast), four files each."""
    for seed in range(4):
        for folder, data in (
            ("a", disc_image((48, 48), seed)[0]),
            ("labels", disc_image((48, 48), seed)[1]),
            ("b", disc_image((48, 48), seed, inverted=True)[0]),
        ):
            (tmp_path / folder).mkdir(exist_ok=True)
            tifffile.imwrite(tmp_path / folder / f"field_{seed}.tif", data)
    return tmp_path
