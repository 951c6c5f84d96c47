"""Measures as text: a table of objects and one of totals, of one image or of many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.measures.measure_columns import COLUMNS, TOTALS, Kind, MeasureColumn
from napari_pseudolabel.labels.measures.measures import Measures
from napari_pseudolabel.workspace.atomic import atomic_files, csv_text

_LONGEST_HEAD = 10_000


def measures_text(measured: Sequence[tuple[str, Measures]], *, files: bool = False) -> str:
    """Return a CSV with a line per object.

    Parameters
    ----------
    measured
        Names of images with their measures, all of one kind.
    files
        Whether the first column is the name. Where the pixel size of some is known and that of others is not, lengths have a column
        in micrometres and one in pixels, of which one is empty.
    """
    found = [(name, one, _lines(one.rows, one.count)) for name, one in measured]
    return _text(
        COLUMNS, [(name, one, line) for name, one, lines in found for line in lines], measured, files
    )


def totals_text(measured: Sequence[tuple[str, Measures]], *, files: bool = False) -> str:
    """Return a CSV of the totals; parameters as of `measures_text`."""
    return _text(
        TOTALS, [(name, one, line) for name, one in measured for line in one.totals], measured, files
    )


def totals_path(path: Path) -> Path:
    """Return where the totals beside a table go: ``a.csv`` has ``a.totals.csv``."""
    return path.with_name(f"{path.stem}.totals{path.suffix}")


def check_tables(path: Path) -> None:
    """Refuse to write over a table of something else.

    Raises
    ------
    InputError
        If one of the two files is there, and is no table of measures.
    """
    known = {"file", *(one.name for table in (COLUMNS, TOTALS) for kind in table.values() for one in kind)}
    for target in (path, totals_path(path)):
        if not target.is_file():
            continue
        with target.open(encoding="utf-8", errors="replace") as file:
            head = file.readline(_LONGEST_HEAD)
        if not {column.partition(" (")[0] for column in head.strip().split(",")} <= known:
            raise InputError(
                f"{target.name} is there already and holds no measures, so it is not replaced; move it away, or choose another name."
            )


def save_tables(
    path: Path, measured: Sequence[tuple[str, Measures]], *, files: bool = False
) -> tuple[Path, ...]:
    """Write both tables or none, the totals beside the other; parameters as of `measures_text`.

    Raises
    ------
    InputError
        If they cannot be written.
    """
    targets = path, totals_path(path)
    texts = measures_text(measured, files=files), totals_text(measured, files=files)
    with atomic_files(*targets) as temporaries:
        for temporary, text in zip(temporaries, texts, strict=True):
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return targets


def _lines(rows: Mapping[str, np.ndarray], count: int) -> Iterator[dict[str, object]]:
    for place in range(count):
        yield {name: values[place] for name, values in rows.items()}


def _text(
    declared: Mapping[Kind, tuple[MeasureColumn, ...]],
    lines: Sequence[tuple[str, Measures, Mapping[str, object]]],
    measured: Sequence[tuple[str, Measures]],
    files: bool,
) -> str:
    known = sorted({one.spacing is not None for _, one in measured}, reverse=True)
    kinds = dict.fromkeys(one.kind for _, one in measured)
    sure = any("mean_confidence" in one.rows for _, one in measured)
    columns = [one for kind in kinds for one in declared[kind] if sure or one.name != "mean_confidence"]
    heads = list(dict.fromkeys((one.header(size), one) for one in columns for size in known))

    def told(name: str, one: Measures, line: Mapping[str, object]) -> list[object]:
        there = one.spacing is not None
        cells: list[object] = [
            written(line.get(column.name)) if head == column.header(there) else "" for head, column in heads
        ]
        return [name, *cells] if files else cells

    return csv_text(["file"] * files + [head for head, _ in heads], [told(*line) for line in lines])


def written(value: object) -> str:
    """Return a value as tables have it: six digits, and nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return f"{value:.6g}" if np.isfinite(value) else ""
    return str(value)
