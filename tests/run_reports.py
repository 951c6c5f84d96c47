"""What a run says of itself."""

from __future__ import annotations

from typing import Any

from napari_pseudolabel.strategies import LabelSettings, ModelUse, RunReport

TRANSLATOR = ModelUse("translator", "sem-to-tem", "sample:sem-to-tem", "ab" * 32)
SEGMENTER = ModelUse("segmenter", "tem-axons", "sample:tem-axons", "cd" * 32)


def run_report(**changes: Any) -> RunReport:
    """The report of an adaptation of “sem_12” by the sample models."""
    given = {
        "strategy": "adaptation",
        "source": "sem_12",
        "source_path": None,
        "models": (TRANSLATOR, SEGMENTER),
        "settings": LabelSettings(),
        "factor": 1.0,
        "tile": None,
        "overlap": None,
        "batch": None,
        "device": "cpu",
        "shift_px": None,
        "agreement": None,
        "notes": (),
        "seconds": 1.0,
    }
    return RunReport(**{**given, **changes})
