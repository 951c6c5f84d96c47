"""Does the confidence mean something? How often labels are right by how sure they are, whole regions, and images that fail.

    python benchmarks/reliability.py [--data DIR] [--runs DIR] [--only TEXT] [--json FILE] [--markdown]

Images are labelled in the ways of ``tools/recipes/ways.py``: as they should be, with and without the size of a pixel, in wrong
scales, and with models of other images, by one look and three mirrors (without leaving out specks). Of large images the middle of 448
pixels on the grid of the first model is taken. Rows are of images that constants were chosen on (rats 1 and 2, mice 366A, 367A, 368A and
369B, two of three images of nuclei), of all others, and of all. Images of nuclei are all there are; of the fluorescence those that no
training has seen, every fourth.

ECE       expected calibration error of the probability of the chosen class, ten bins, all pixels together; without and with the
          temperature of the card
gap       largest difference between mean confidence and share of right pixels, of bins with at least 1 % of the pixels; in brackets
          what it is in nine of ten sets of as many images that are drawn again from these (seeded)
bias      confidence minus accuracy, all pixels
regions   mean quality of the regions of the review queue minus their true Dice, those with something in the prediction or the truth
warned    images of which is said that their labels are probably not usable, and their mean Dice; the others, and theirs

Temperatures behind translators, and that of fluorescence, are fitted on images of the table (`tools/recipes/carried.py`). An image that is
among them is judged by the temperature of all others but those of its animal, so no number is of images that it was fitted to; the rest by
that of the card.

What was labelled is kept in RUNS by the weights of the models.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
import torch
import typer
from numpy.typing import NDArray
from recipes.carried import LEAST_SHARE, answers, binned, fitted_ways, left_out
from recipes.ways import WAYS, Looked, looked
from rich.console import Console
from rich.table import Table

from napari_pseudolabel.labels.confidence import class_confidence, entropy, mean_dice, tempered
from napari_pseudolabel.labels.evidence import Evidence
from napari_pseudolabel.labels.review import measure
from napari_pseudolabel.labels.usability import usability
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.loaded import LoadedModels

COLUMNS = (
    "way",
    "images",
    "n",
    "Dice",
    "ECE raw",
    "ECE",
    "gap raw",
    "gap",
    "bias",
    "regions",
    "warned",
    "not",
)
DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Judged:
    """What an image adds to the tables.

    Attributes
    ----------
    bins
        (2, 3, 10): without and with the temperature, the sums of pixels, of confidence and of right ones in each bin.
    regions
        Quality and true Dice of each region.
    reasons
        Why its labels are probably not usable.
    """

    name: str
    chosen: bool
    dice: float
    bins: NDArray[np.float64]
    regions: list[tuple[float, float]]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    way: str
    images: str
    n: int
    dice: float
    ece_raw: float
    ece: float
    gap_raw: float
    gap: float
    gap_within: tuple[float, float]
    bias: float
    regions: float
    warned: int
    warned_dice: float | None
    passed_dice: float | None
    curve: list[tuple[float, float, float]]
    reasons: dict[str, list[str]]

    def cells(self) -> list[str]:
        """Return what the table shows."""
        numbers = [self.dice, self.ece_raw, self.ece, self.gap_raw]
        low, high = self.gap_within
        signed = [self.bias, self.regions]
        of_warned = "0" if not self.warned else f"{self.warned} ({self.warned_dice:.2f})"
        passed = self.n - self.warned
        return [
            self.way,
            self.images,
            str(self.n),
            *(f"{number:.3f}" for number in numbers),
            f"{self.gap:.3f} ({low:.2f}-{high:.2f})",
            *(f"{number:+.3f}" for number in signed),
            of_warned,
            "0" if not passed else f"{passed} ({self.passed_dice:.2f})",
        ]


def judged(image: Looked, card: Card, temperature: float) -> Judged:
    """Compare what was said of an image with the truth."""
    values = np.array([label_class.value for label_class in image.classes], np.uint8)
    mean = image.members.mean(axis=0)
    labels, candidates = values[mean.argmax(axis=0)], values[image.members.argmax(axis=1)]
    sure = class_confidence(tempered(mean, image.classes, temperature), image.classes)
    right = labels == image.truth
    found = []
    for score in measure(labels, confidence=sure, candidates=candidates):
        y0, x0, y1, x1 = score.box
        here = np.s_[y0:y1, x0:x1]
        if labels[here].any() or image.truth[here].any():
            found.append((score.quality, mean_dice(labels[here], image.truth[here])))
    doubt = entropy(mean, image.classes)
    evidence = Evidence.of(
        labels,
        doubt=doubt,
        unshared=doubt - np.mean([entropy(one, image.classes) for one in image.members], axis=0),
        candidates=candidates,
        seen=image.seen,
        counted=np.ones(labels.shape, bool),
    )
    typical = None if card.calibration is None else card.calibration.typical
    return Judged(
        image.name,
        image.chosen,
        mean_dice(labels, image.truth),
        np.stack([binned(one, right) for one in (class_confidence(mean, image.classes), sure)]),
        found,
        usability(evidence, image.classes, typical, image.grid_per_px).doubts,
    )


def row(way: str, images: str, found: Sequence[Judged]) -> Row:
    """Put images together."""
    raw, ours = sum(one.bins for one in found)
    regions = np.array([pair for one in found for pair in one.regions]).reshape(-1, 2)
    warned = [one.dice for one in found if one.reasons]
    passed = [one.dice for one in found if not one.reasons]
    count, sure, right = ours
    return Row(
        way,
        images,
        len(found),
        float(np.mean([one.dice for one in found])),
        *_errors(raw, ours),
        _by_chance(np.stack([one.bins[1] for one in found])),
        float((sure.sum() - right.sum()) / count.sum()),
        float((regions[:, 0] - regions[:, 1]).mean()) if len(regions) else 0.0,
        len(warned),
        float(np.mean(warned)) if warned else None,
        float(np.mean(passed)) if passed else None,
        [(s / n, r / n, n / count.sum()) for n, s, r in ours.T.tolist() if n],
        {one.name: list(one.reasons) for one in found if one.reasons},
    )


def _errors(raw: NDArray[np.float64], ours: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Expected calibration errors without and with the temperature, then the largest gaps."""
    errors, gaps = [], []
    for count, sure, right in (raw, ours):
        share = count / count.sum()
        off = abs(sure - right) / np.maximum(count, 1)
        errors.append(float((share * off).sum()))
        gaps.append(float(off[share >= LEAST_SHARE].max()))
    return errors[0], errors[1], gaps[0], gaps[1]


def _by_chance(bins: NDArray[np.float64]) -> tuple[float, float]:
    """Fifth and 95th percentile of the largest gap, of (N, 3, 10) of as many images drawn again from these."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(bins), (DRAWS, len(bins)))
    gaps = [_errors(summed, summed)[3] for summed in (bins[one].sum(axis=0) for one in drawn)]
    low, high = np.percentile(gaps, (5, 95))
    return float(low), float(high)


def rows(data: Path, runs: Path, only: str) -> Iterator[Row]:
    """One row per way for the images that constants were chosen on, and one for the others."""
    models = LoadedModels()
    for way in WAYS:
        if only.lower() not in way.name.lower():
            continue
        card = models.segmenter(way.segmenter).card
        calibration = card.calibration
        usual = 1.0 if calibration is None else calibration.of(translated=way.translator is not None)
        fitted_to = answers(fitted_ways(way), data, runs, models)
        groups = {one.group for one in fitted_to}
        found = [
            judged(
                image,
                card,
                left_out(way, fitted_to, image.group, usual) if image.group in groups else usual,
            )
            for image in looked(way, data, runs, models)
        ]
        for name, part in (
            ("chosen on", [one for one in found if one.chosen]),
            ("others", [one for one in found if not one.chosen]),
            ("all", found),
        ):
            if part:
                yield row(way.name, name, part)


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/looks"),
    only: str = typer.Option("", help="Only ways whose name holds this text."),
    json_path: Path = typer.Option(Path("runs/reliability.json"), "--json"),
    markdown: bool = typer.Option(False, "--markdown", help="Print the table as Markdown."),
) -> None:
    """Measure, print the table and write it as JSON."""
    if not data.is_dir():
        typer.echo(
            f"{data} is missing; give the folder with axon_sem, axon_tem and nuclei by --data.", err=True
        )
        raise typer.Exit(2)
    torch.set_num_threads(1)
    found = list(rows(data, runs, only))
    if markdown:
        print("\n".join(f"| {' | '.join(cells)} |" for cells in (COLUMNS, *(one.cells() for one in found))))
    else:
        shown = Table(title="Without (raw) and with the temperature of the card")
        for name in COLUMNS:
            shown.add_column(name, justify="left" if name in ("way", "images") else "right")
        for one in found:
            shown.add_row(*one.cells())
        Console(width=150).print(shown)
    machine = f"{platform.machine()}, 1 thread, torch {torch.__version__}"
    kept = {
        "date": date.today().isoformat(),
        "machine": machine,
        "rows": [asdict(one) for one in found],
    }
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
