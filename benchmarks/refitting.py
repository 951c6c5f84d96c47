"""What do a few confirmed regions do for the confidence of the rest of an image?

    python benchmarks/refitting.py [--data DIR] [--runs DIR] [--only TEXT] [--json FILE]

Images are labelled in the ways of `tools/recipes/ways.py`. Of each some regions of 64 x 64 pixels are drawn and confirmed as people
labelled them, three times; a temperature is fitted on them as a run does (`labels/refitting.py`). The table compares it with that of the
card on all other pixels of the image: expected calibration error, and the largest difference between confidence and accuracy in a bin of
at least 1 % of these pixels; means over draws and images. Images with fewer than twice as many regions are left out.

What was labelled is kept in RUNS, as by `reliability.py`.
"""

from __future__ import annotations

import json
import platform
from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
import torch
import typer
from recipes.carried import LEAST_SHARE, binned
from recipes.ways import WAYS, looked

from napari_pseudolabel.labels.confidence import class_confidence, tempered
from napari_pseudolabel.labels.refitting import ConfirmedRegion, refitted
from napari_pseudolabel.models.loaded import LoadedModels

SIDE, DRAWS = 64, 3
REGIONS = (3, 6, 10)
NAMES = ("SEM adaptation", "SEM proxy", "purple adaptation", "purple proxy", "lavender proxy")


def errors(sums: np.ndarray) -> tuple[float, float]:
    """Expected calibration error and largest gap of what `binned` returns."""
    count, sure, right = sums
    share, off = count / count.sum(), abs(sure - right) / np.maximum(count, 1)
    return float((share * off).sum()), float(off[share >= LEAST_SHARE].max())


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/looks"),
    only: str = typer.Option("", help="Only ways whose name holds this text."),
    json_path: Path = typer.Option(Path("runs/refitting.json"), "--json"),
) -> None:
    """Measure, print the table as Markdown and write it as JSON."""
    torch.set_num_threads(1)
    models, rng, kept = LoadedModels(), np.random.default_rng(0), {}
    print(
        "| labelled by | images | regions | ECE: card | refitted | gap: card | refitted |\n|---|---|---|---|---|---|---|"
    )
    for way in (one for one in WAYS if one.name in NAMES and only in one.name):
        card = models.segmenter(way.segmenter).card
        assert card.calibration is not None
        usual = card.calibration.of(translated=way.translator is not None)
        found = defaultdict(list)
        for image in looked(way, data, runs, models):
            mean, classes = image.members.mean(axis=0), image.classes
            values = np.array([label_class.value for label_class in classes])
            right = values[mean.argmax(axis=0)] == image.truth
            sure = class_confidence(tempered(mean, classes, usual), classes)
            height, width = right.shape
            places = [
                (y, x)
                for y in range(0, height - SIDE + 1, SIDE)
                for x in range(0, width - SIDE + 1, SIDE)
            ]  # fmt: skip
            for _ in range(DRAWS):
                drawn = [places[number] for number in rng.permutation(len(places))]
                for number in REGIONS:
                    if 2 * number > len(places):
                        continue
                    rest, regions = np.ones(right.shape, bool), []
                    for y, x in drawn[:number]:
                        here = np.s_[y : y + SIDE, x : x + SIDE]
                        rest[here] = False
                        box = (y, x, y + SIDE, x + SIDE)
                        told = sure[here].ravel(), right[here].ravel()
                        regions.append(ConfirmedRegion.of(((), box), "", *told, usual))
                    fit = refitted(regions, usual)
                    fitted = class_confidence(tempered(mean[:, rest], classes, fit.temperature), classes)
                    before = errors(binned(sure[rest], right[rest]))
                    found[number].append((image.name, *before, *errors(binned(fitted, right[rest]))))
        for number, rows in found.items():
            ece, gap, ece_fitted, gap_fitted = np.mean([row[1:] for row in rows], axis=0)
            images = len({row[0] for row in rows})
            print(
                f"| {way.name} | {images} | {number} | {ece:.3f} | {ece_fitted:.3f} | {gap:.3f} | {gap_fitted:.3f} |"
            )
            kept[f"{way.name}, {number} regions"] = rows
    about = {"date": date.today().isoformat(), "machine": f"{platform.machine()}, 1 thread"}
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps({**about, "rows": kept}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
