"""Are labels called mirrored, turned or moved where they are not, and where they are?

    python benchmarks/misplaced.py --data DIR [--markdown]

Every labelled image of DIR, on the grid of its model, as trainings look at it (`labels.misplaced`): with its labels as people drew
them, where nothing should be said; mirrored and turned; and moved by a few pixels. Of numbers in a row, *right* are those where the
way that was done is the one that is told (moves: to within a pixel), *other* those where anything else is. A training speaks where
most of its images say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from quality_cases import FLUORESCENCE, PURPLE, SEM, TEM, Case
from quality_mito import FIBSEM, SSTEM, cases
from quality_tables import Sheet

from napari_pseudolabel.labels.misplaced import moved_on, unlike

TURNED = {
    "mirrored left to right": lambda plane: plane[:, ::-1],
    "turned upside down": lambda plane: plane[::-1],
    "turned by half a turn": lambda plane: plane[::-1, ::-1],
}
MOVED = ((6, 0), (0, -10), (20, 20))


def main(
    data: Annotated[Path, typer.Option(help="Labelled images.")],
    markdown: Annotated[bool, typer.Option(help="As a table of a page.")] = False,
) -> None:
    """Print one row for what was done to the labels."""
    found = list(_cases(data))
    asked: list[tuple[str, str, list[NDArray[np.generic]]]] = [
        ("as they are", "", [one.plane.labels for one in found])
    ]
    for way, turn in TURNED.items():
        asked.append((way, way, [np.ascontiguousarray(turn(one.plane.labels)) for one in found]))
    for down, right in MOVED:
        moved = [np.roll(one.plane.labels, (down, right), (0, 1)) for one in found]
        asked.append((f"moved by {down} down, {right} to the right", "", moved))
    rows = []
    for number, (title, way, labels) in enumerate(asked):
        images = [one.plane.image for one in found]
        told = [unlike(image, one) for image, one in zip(images, labels, strict=True)]
        moves = [moved_on(image, one) for image, one in zip(images, labels, strict=True)]
        by = MOVED[number - len(TURNED) - 1] if number > len(TURNED) else None
        right = [
            (by is None and one == way != "")
            or (by is not None and not one and move is not None and np.abs(np.subtract(move, by)).max() <= 1)
            for one, move in zip(told, moves, strict=True)
        ]
        spoken = [bool(one) or move is not None for one, move in zip(told, moves, strict=True)]
        other = sum(said and not well for said, well in zip(spoken, right, strict=True))
        rows.append((title, str(len(found)), "" if not number else str(sum(right)), str(other)))
    Sheet("Labels on their images", ("labels", "images", "right", "other"), rows).show(markdown=markdown)


def _cases(data: Path) -> Iterator[Case]:
    for side in (TEM, SEM, FLUORESCENCE, PURPLE):
        yield from side.cases(data)
    for modality in (SSTEM, FIBSEM):
        yield from cases(data, modality)


if __name__ == "__main__":
    typer.run(main)
