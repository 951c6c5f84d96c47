"""How good measures are: perimeters of shapes whose perimeter is known, and fibres beside what AxonDeepSeg measures.

``python benchmarks/measured_objects.py`` prints the table of perimeters. ``python benchmarks/measured_objects.py MASK.png PIXEL_SIZE
THEIRS.csv`` compares fibres of a mask (1 myelin, 2 axon) with a table that AxonDeepSeg made of it, in an environment of its own, by

    from AxonDeepSeg.morphometrics.compute_morphometrics import get_axon_morphometrics
    get_axon_morphometrics(mask == 2, im_myelin=mask == 1, pixel_size=PIXEL_SIZE).to_csv("THEIRS.csv")
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from skimage.io import imread
from skimage.measure import perimeter

from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.labels.measures import COLUMNS, measure
from napari_pseudolabel.labels.measures.object_shapes import perimeters

TRIES = 60
SAME = 1e-4


def ellipse(long: float, short: float, rng: np.random.Generator) -> np.ndarray:
    """Of half axes in pixels, turned and moved at random."""
    along, across = _turned(max(long, short), rng)
    return (along / long) ** 2 + (across / short) ** 2 <= 1


def rectangle(long: float, short: float, rng: np.random.Generator) -> np.ndarray:
    """Of half sides in pixels, turned and moved at random."""
    along, across = _turned(np.hypot(long, short), rng)
    return (np.abs(along) <= long) & (np.abs(across) <= short)


def _turned(reach: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    half, angle = int(reach) + 4, rng.uniform(0, np.pi)
    y, x = np.mgrid[-half : half + 1, -half : half + 1] - rng.uniform(-0.5, 0.5, (2, 1, 1))
    return y * np.sin(angle) + x * np.cos(angle), y * np.cos(angle) - x * np.sin(angle)


def _ellipse_perimeter(long: float, short: float) -> float:
    """Second formula of Ramanujan, right within 1e-5 here."""
    h = 3 * ((long - short) / (long + short)) ** 2
    return float(np.pi * (long + short) * (1 + h / (10 + np.sqrt(4 - h))))


def print_perimeters() -> None:
    """Print errors in per cent: mean, and from least to most."""
    rng = np.random.default_rng(0)
    shapes: list[tuple[str, Callable[[], np.ndarray], float]] = [
        *((f"disc, radius {r}", lambda r=r: ellipse(r, r, rng), 2 * np.pi * r) for r in (3, 5, 8, 15, 40)),
        *(
            (f"ellipse {a} x {b}", lambda a=a, b=b: ellipse(a, b, rng), _ellipse_perimeter(a, b))
            for a, b in ((8, 4), (20, 8), (40, 8))
        ),
        *(
            (f"rectangle {2 * a} x {2 * b}", lambda a=a, b=b: rectangle(a, b, rng), 4.0 * (a + b))
            for a, b in ((10, 10), (30, 6))
        ),
    ]
    print("| shape, in pixels | here | `perimeter` of scikit-image |\n|---|---|---|")
    for name, draw, truth in shapes:
        masks = [draw() for _ in range(TRIES)]
        ours = [perimeters(mask.astype(np.int32), 1, (1.0, 1.0))[0] / truth - 1 for mask in masks]
        theirs = [perimeter(mask) / truth - 1 for mask in masks]
        print(f"| {name} | {_errors(ours)} | {_errors(theirs)} |")


def _errors(found: list[float]) -> str:
    return f"{100 * np.mean(found):+.1f} ({100 * min(found):+.1f} to {100 * max(found):+.1f})"


def print_comparison(mask: Path, pixel_size: float, table: Path) -> None:
    """Print how far every column is from that of AxonDeepSeg, for axons with the same middle."""
    found = measure(imread(mask), AXON_CLASSES, "fibres", spacing=(pixel_size, pixel_size))
    theirs = pd.read_csv(table)
    apart, place = cKDTree(theirs[["x0", "y0"]]).query(np.stack([found.rows["x0"], found.rows["y0"]], axis=1))
    same = apart < SAME
    print(f"{mask.stem}: {found.count} axons here, {len(theirs)} there, {same.sum()} with the same middle.")
    print(
        "| column | the same | mean here | mean there | difference, 5th to 95th percentile |\n|---|---|---|---|---|"
    )
    for one in COLUMNS["fibres"]:
        if one.name not in theirs:
            continue
        ours, others = found.rows[one.name][same].astype(float), theirs[one.name].to_numpy(float)[place[same]]
        both = np.isfinite(ours) & np.isfinite(others)
        ours, others = ours[both], others[both]
        away = (ours - others + np.pi / 2) % np.pi - np.pi / 2 if one.unit == "rad" else ours - others
        alike = np.mean(np.abs(away) <= SAME * np.maximum(np.abs(others), 1))
        relative = one.unit in ("length", "area") or one.name == "gratio"
        shown = 100 * away / np.where(others, others, np.nan) if relative else away
        low, high = np.nanpercentile(shown, (5, 95))
        ends = f"{low:+.2f} to {high:+.2f}{' %' * relative}"
        print(f"| `{one.name}` | {alike:.1%} | {ours.mean():.4g} | {others.mean():.4g} | {ends} |")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print_comparison(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
    else:
        print_perimeters()
