"""An nnU-Net model folder, and a process in which files are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from nnunet_files import ModelFolder

from napari_pseudolabel.models.inspection_process import InspectionProcess


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    """A plain U-Net for one channel and three labels."""
    return ModelFolder(tmp_path / "nnUNetTrainer__nnUNetPlans__2d")


@pytest.fixture(scope="session")
def process_apart() -> Iterator[InspectionProcess]:
    """One process in which files are looked at."""
    with InspectionProcess() as apart:
        yield apart


@pytest.fixture
def one_process(process_apart: InspectionProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at TorchScript files in one process: starting one for each takes longer than all else in a test."""
    from napari_pseudolabel.models.segmenters.torchscript import examining

    monkeypatch.setattr(examining, "call_in_process", process_apart.call)
