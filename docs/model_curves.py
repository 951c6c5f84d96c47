"""Curves of a training as one SVG file, from the CSV files that the training leaves."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

from napari_pseudolabel.labels.classes import OKABE_ITO

Curve = tuple[Sequence[float], Sequence[float]]
"""Steps and values."""

LOSSES = "losses.csv"
# File, headline, columns to draw (none: all); of `measures.csv` those that say most.
FILES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (LOSSES, "Losses (running median, log scale)", ()),
    ("measures.csv", "Measures on fixed crops", ("quality", "content", "look", "sharpness", "contrast")),
    ("validation.csv", "Validation Dice", ()),
)
_NOT_DRAWN = ("step", "loss")
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 380, 230, 44, 44, 26
_MEDIAN = 9  # rows of a loss curve, which is noisy
_MOST_POINTS = 300
_LEAST_LOSS = 1e-4


def folder_of(runs: Path, name: str) -> Path | None:
    """The folder in which a checkpoint was trained: named like it, or holding it; None if there is none."""
    holding = (path.parent for path in sorted(runs.rglob(f"{name}.safetensors")))
    named = (path for path in sorted(runs.rglob(name)) if path.is_dir())
    return next((folder for folder in (*holding, *named) if _found(folder)), None)


def write_curves(folder: Path, path: Path) -> None:
    """Draw all curves of a training folder side by side."""
    panels = [
        _panel(number, headline, _curves(file, columns, smooth=file.name == LOSSES), log=file.name == LOSSES)
        for number, (file, headline, columns) in enumerate(_found(folder))
    ]
    width = _WIDTH * len(panels)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" width="{width}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="11">\n'
        f'<rect width="{width}" height="{_HEIGHT}" fill="white"/>\n' + "\n".join(panels) + "\n</svg>\n",
        encoding="utf-8",
    )


def _found(folder: Path) -> list[tuple[Path, str, tuple[str, ...]]]:
    """CSV files in a folder or, as those of a tutorship, below it."""
    files = []
    for name, headline, columns in FILES:
        path = next(iter(sorted(folder.rglob(name))), None)
        # One row is no curve.
        if path is not None and len(path.read_text(encoding="utf-8").splitlines()) > 2:
            files.append((path, headline, columns))
    return files


def _curves(path: Path, columns: Sequence[str], *, smooth: bool) -> dict[str, Curve]:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = columns or [name for name in (rows[0] if rows else ()) if name not in _NOT_DRAWN]
    curves = {}
    for name in names:
        points = [(float(row["step"]), float(row[name])) for row in rows if row.get(name)]
        if points:
            steps, values = np.array(points).T
            curves[name] = _thinned(steps, _median(values) if smooth else values)
    return curves


def _median(values: np.ndarray) -> np.ndarray:
    half = _MEDIAN // 2
    return np.array([np.median(values[max(i - half, 0) : i + half + 1]) for i in range(len(values))])


def _thinned(steps: np.ndarray, values: np.ndarray) -> Curve:
    every = max(1, len(steps) // _MOST_POINTS)
    return [*steps[::every]], [*values[::every]]


def _panel(number: int, headline: str, curves: Mapping[str, Curve], *, log: bool) -> str:
    """One plot: axes with their ends named, a line per curve, names in the colours of the lines."""
    x0, x1 = number * _WIDTH + _LEFT, (number + 1) * _WIDTH - 12
    y0, y1 = _HEIGHT - _BOTTOM, _TOP
    steps = [step for curve in curves.values() for step in curve[0]] or [0.0]
    values = [value for curve in curves.values() for value in curve[1]] or [0.0]
    low, high = min(values), max(values)
    last = max(steps) or 1.0
    # A loss can be 0, which no log scale shows.
    bend = (lambda value: np.log10(max(value, _LEAST_LOSS))) if log else float
    span = (bend(high) - bend(low)) or 1.0
    lines = [
        f'<text x="{x0}" y="15" font-weight="bold">{escape(headline)}</text>',
        f'<path d="M{x0} {y1}V{y0}H{x1}" fill="none" stroke="#999"/>',
        f'<text x="{x0 - 4}" y="{y0}" text-anchor="end">{low:.2f}</text>',
        f'<text x="{x0 - 4}" y="{y1 + 8}" text-anchor="end">{high:.2f}</text>',
        f'<text x="{x0}" y="{y0 + 16}">0</text>',
        f'<text x="{x1}" y="{y0 + 16}" text-anchor="end">step {last:.0f}</text>',
    ]
    at = float(x0)
    for (name, (xs, ys)), colour in zip(curves.items(), OKABE_ITO, strict=False):
        points = " ".join(
            f"{x0 + (x1 - x0) * x / last:.1f},{y0 - (y0 - y1) * (bend(y) - bend(low)) / span:.1f}"
            for x, y in zip(xs, ys, strict=True)
        )
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        lines.append(f'<text x="{at:.0f}" y="32" fill="{colour}">{escape(name)}</text>')
        at += 6.2 * len(name) + 10
    return "\n".join(lines)
