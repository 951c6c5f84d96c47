"""An nnU-Net model folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from nnunet_files import ModelFolder


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    """A plain U-Net for one channel and three labels."""
    return ModelFolder(tmp_path / "nnUNetTrainer__nnUNetPlans__2d")
