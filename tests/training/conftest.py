"""What all trainings share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def _brief(brief_calibration: None) -> None:
    """A file that judges the calibration overrules `brief_calibration`."""
