"""What the parts of `gpu.py` are told and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Options:
    """What a part is told.

    Attributes
    ----------
    device
        Where to compute.
    quick
        Whether small networks and images are enough, to see that the part runs.
    golden
        Folder of the recorded runs of the original networks.
    """

    device: torch.device
    quick: bool
    golden: Path

    @property
    def on_cuda(self) -> bool:
        """Whether there is a limit of GPU memory, and so on."""
        return self.device.type == "cuda"


@dataclass(frozen=True)
class Outcome:
    """What a part says.

    Attributes
    ----------
    numbers
        Everything that was measured, JSON-able.
    rows
        The table for people, one dictionary per row, all with the same keys.
    met
        Whether the goal was met; None where there is no goal, or it could not be tested.
    says
        Sentences below the table.
    """

    numbers: dict[str, Any]
    rows: Sequence[dict[str, str]] = ()
    met: bool | None = None
    says: Sequence[str] = ()


def needs_cuda() -> Outcome:
    """The outcome of a part that makes no sense on this device."""
    return Outcome({}, says=("Needs CUDA: not run.",))


def markdown(title: str, record: dict[str, Any]) -> str:
    """Show one written record as a section of Markdown."""
    goal = {True: "goal met", False: "goal **missed**", None: "no goal tested"}[record["met"]]
    lines = [f"## {title}", "", f"{record['status']}, {goal}, {record['seconds']:.0f} s", ""]
    rows = record["rows"]
    if rows:
        lines += ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
        lines += ["| " + " | ".join(row.values()) + " |" for row in rows] + [""]
    return "\n".join([*lines, *(f"- {sentence}" for sentence in record["says"]), ""])
