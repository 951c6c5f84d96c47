"""How far a numbering of objects is, on the disk, so that one that was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from napari_pseudolabel.control import Stage
from napari_pseudolabel.imaging.plane_key import sum_of
from napari_pseudolabel.labels.objects.stitching import Step
from napari_pseudolabel.labels.windows import Index, Window, box_of
from napari_pseudolabel.types import Array, JsonObject

_Block = tuple[Index, tuple[int, int, int, int]]


class NumberingJournal:
    """Notes blocks of numbers before they are written, one line each, with a sum over them.

    The block of the last line may be there in part, so it is written again. Where any other does not hold what was noted,
    or the file is of other labels, the numbering begins anew.

    Parameters
    ----------
    path
        Of the file; made where it is missing.
    identity
        What decides about the numbers.
    read
        Reads a block as it is now; None where there are no numbers yet.
    """

    def __init__(
        self, path: Path, identity: JsonObject, read: Callable[[Index, Window], Array] | None
    ) -> None:
        self._reached: dict[tuple[Step, _Block], int] = {}
        lines = _lines(path) if read is not None else []
        self.goes_on = (
            bool(lines) and lines[0] == identity and read is not None and _is_there(lines[1:], read)
        )
        if self.goes_on:
            for line in lines[1:-1]:
                self._reached[line["step"], _block(line)] = line["number"]
        self._file: IO[bytes] = path.open("ab" if self.goes_on else "wb")
        if self.goes_on:
            self._file.write(b"\n")  # behind a line that was cut off
        else:
            self._write(identity)

    def reached(self, step: Step, block: _Block) -> int | None:
        """Return which number was free after a block; None for one that is to be written."""
        return self._reached.get((step, block))

    def note(self, step: Step, block: _Block, number: int, values: Array) -> None:
        """Say that a block is about to be written."""
        (index, box), summed = block, sum_of(values)
        self._write({"step": step, "plane": [*index], "box": [*box], "number": number, "sum": summed})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, line: JsonObject) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()


class PlaneLog:
    """What `number_objects` tells and asks about one plane."""

    def __init__(self, journal: NumberingJournal, index: Index, stage: Stage) -> None:
        self._journal, self._index, self._stage = journal, index, stage

    def expect(self, units: int) -> None:
        """Make the stage longer."""
        self._stage.expect(units)

    def advance(self, units: int) -> None:
        """Tell the progress."""
        self._stage.advance(units)

    def skip(self, units: int) -> None:
        """Count what was done earlier, which says nothing about how long the rest takes."""
        self._stage.skip(units)

    def reached(self, step: Step, window: Window) -> int | None:
        """Return the next free number after a block that was written earlier."""
        return self._journal.reached(step, (self._index, box_of(window)))

    def note(self, step: Step, window: Window, number: int, values: Array) -> None:
        """Say that a block is about to be written."""
        self._journal.note(step, (self._index, box_of(window)), number, values)


def _lines(path: Path) -> list[JsonObject]:
    found = []
    with suppress(OSError), path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                found.append(json.loads(line))
    return found


def _block(line: JsonObject) -> _Block:
    y0, x0, y1, x1 = line["box"]
    return tuple(line["plane"]), (y0, x0, y1, x1)


def _is_there(lines: list[JsonObject], read: Callable[[Index, Window], Array]) -> bool:
    """Whether all blocks but the last one hold what was noted of them last."""
    newest: dict[_Block, JsonObject] = {_block(line): line for line in lines}
    for (index, (y0, x0, y1, x1)), line in newest.items():
        if line is lines[-1]:
            continue
        if sum_of(read(index, (slice(y0, y1), slice(x0, x1)))) != line["sum"]:
            return False
    return True
