"""Files for the shell command, and the two ways to run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from shell import Ran, start


@pytest.fixture(scope="module", autouse=True)
def _brief(brief_calibration: None) -> None:
    """Trainings in this process; what is killed does as much."""


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], one_thread: None, one_process: None) -> Callable[..., Ran]:
    """Run the command in this process."""
    from napari_pseudolabel.cli.running import run

    def call(*arguments: object) -> Ran:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        return Ran(code, *capfd.readouterr())

    return call


@pytest.fixture
def process() -> Callable[..., Ran]:
    """Run the command as a process of its own, to its end."""

    def call(*arguments: object) -> Ran:
        running = start(arguments)
        out, err = running.communicate(timeout=300)
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
