"""Curves of a training as CSV files that never hold a step twice, whatever was killed when."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_pseudolabel.workspace import write_text


@dataclass(frozen=True)
class CurveFile:
    """A CSV file with one row per reported step.

    Attributes
    ----------
    path
        Made with the first row.
    columns
        Names; the first is ``step``.
    """

    path: Path
    columns: Sequence[str]

    def cut(self, step: int) -> None:
        """Drop the rows after `step`, which will be trained again, and a row that a kill left half written."""
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8").split("\n")
        # Without a newline behind it, the last row is not whole.
        whole = [line.rstrip("\r") for line in lines[:-1]]
        kept = [
            line for line in whole[1:] if line.split(",")[0].isdecimal() and int(line.split(",")[0]) <= step
        ]
        wanted = [",".join(self.columns), *kept]
        if [*wanted, ""] != lines:
            write_text(self.path, "".join(f"{line}\n" for line in wanted))

    def append(self, row: Mapping[str, float]) -> None:
        """Add a row; what has no column is left out, what is missing stays empty."""
        new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(
                file, self.columns, restval="", extrasaction="ignore", lineterminator="\n"
            )
            if new:
                writer.writeheader()
            writer.writerow(row)
