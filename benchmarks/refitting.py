"""What do a few confirmed regions do for the confidence of the rest of an image?

    python benchmarks/refitting.py [--data DIR] [--runs DIR] [--only TEXT] [--json FILE]

Images are labelled in the ways of `tools/recipes/ways.py`. Of each some regions of 64 x 64 pixels are drawn and confirmed as people
labelled them, three times; a temperature is fitted on them as a run does (`labels/refitting.py`). The table compares it with that of the
card on all other pixels of the image: expected calibration error, and the largest difference between confidence and accuracy in a bin of
at least 1 % of these pixels; means over draws and images. Images with fewer than twice as many regions are left out. A second table does
the same with four regions in each of some other images of the set (of other animals), as for an image that is new in a workspace; there
all pixels of all images are also put together, as in the tables of `reliability.py`.

What was labelled is kept in RUNS, as by `reliability.py`.
"""

from __future__ import annotations

import json
import platform
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
import torch
import typer
from recipes.carried import LEAST_SHARE, binned
from recipes.ways import WAYS, Looked, Way, looked

from napari_pseudolabel.labels.confidence import class_confidence, tempered
from napari_pseudolabel.labels.refitting import ConfirmedRegion, refitted
from napari_pseudolabel.models.loaded import LoadedModels

SIDE, DRAWS = 64, 3
REGIONS = (3, 6, 10)
IMAGES, IN_EACH = (3, 6, 12), 4
NAMES = ("SEM adaptation", "SEM proxy", "purple adaptation", "purple proxy", "lavender proxy", "fluorescence")
FOREIGN = ("fluorescence, purple proxy as it is",)
"""Only in the second table: of these the card knows nothing."""


@dataclass(frozen=True, eq=False)
class Said:
    """An image, and what a segmenter said of it by the temperature of its card."""

    image: Looked
    mean: np.ndarray
    right: np.ndarray
    sure: np.ndarray
    usual: float

    @classmethod
    def of(cls, image: Looked, usual: float) -> Said:
        """Compare it with the truth."""
        mean = image.members.mean(axis=0)
        values = np.array([label_class.value for label_class in image.classes])
        sure = class_confidence(tempered(mean, image.classes, usual), image.classes)
        return cls(image, mean, values[mean.argmax(axis=0)] == image.truth, sure, usual)

    @property
    def places(self) -> list[tuple[int, int]]:
        """Corners of its regions."""
        height, width = self.right.shape
        return [(y, x) for y in range(0, height - SIDE + 1, SIDE) for x in range(0, width - SIDE + 1, SIDE)]

    def region(self, y: int, x: int) -> ConfirmedRegion:
        """Return what is known once a region is confirmed."""
        here = np.s_[y : y + SIDE, x : x + SIDE]
        place = ((), (y, x, y + SIDE, x + SIDE))
        told = self.sure[here].ravel(), self.right[here].ravel()
        return ConfirmedRegion.of(place, "", *told, self.usual, self.image.name)

    def bins(self, temperature: float, where: np.ndarray | None = None) -> np.ndarray:
        """Return what `binned` does, at a temperature."""
        classes, part = self.image.classes, slice(None) if where is None else where
        return binned(
            class_confidence(tempered(self.mean[:, part], classes, temperature), classes), self.right[part]
        )


def by_others(all_said: list[Said], rng: np.random.Generator) -> Iterator[str]:
    """Lines of the second table."""
    usual = all_said[0].usual
    for count in IMAGES:
        rows, before, after = [], np.zeros((3, 10)), np.zeros((3, 10))
        for said in all_said:
            known = [one for one in all_said if one.image.group != said.image.group and one.places]
            if len(known) < count:
                continue
            card = said.bins(usual)
            for _ in range(DRAWS):
                chosen = [known[number] for number in rng.permutation(len(known))[:count]]
                regions = [
                    one.region(*one.places[place])
                    for one in chosen
                    for place in rng.permutation(len(one.places))[:IN_EACH]
                ]
                fitted = said.bins(refitted(regions, usual, said.image.name).temperature)
                rows.append((*errors(card), *errors(fitted)))
                before, after = before + card, after + fitted
        if rows:
            found = (*np.mean(rows, axis=0), errors(before)[1], errors(after)[1])
            told = " | ".join(f"{one:.3f}" for one in np.array(found)[[0, 2, 1, 3, 4, 5]])
            yield f"| {all_said[0].image.way} | {len(all_said)} | {count} | {told} |"


def errors(sums: np.ndarray) -> tuple[float, float]:
    """Expected calibration error and largest gap of what `binned` returns."""
    count, sure, right = sums
    share, off = count / count.sum(), abs(sure - right) / np.maximum(count, 1)
    return float((share * off).sum()), float(off[share >= LEAST_SHARE].max())


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    runs: Path = Path("runs/looks"),
    only: str = typer.Option("", help="Only ways whose name begins with this text."),
    json_path: Path = typer.Option(Path("runs/refitting.json"), "--json"),
) -> None:
    """Measure, print the table as Markdown and write it as JSON."""
    torch.set_num_threads(1)
    models, rng, kept = LoadedModels(), np.random.default_rng(0), {}

    def said_of(way: Way) -> list[Said]:
        calibration = models.segmenter(way.segmenter).card.calibration
        assert calibration is not None
        usual = calibration.of(translated=way.translator is not None)
        return [Said.of(image, usual) for image in looked(way, data, runs, models)]

    print(
        "| labelled by | images | regions | ECE: card | refitted | gap: card | refitted |\n|---|---|---|---|---|---|---|"
    )
    for way in (one for one in WAYS if one.name in NAMES and one.name.startswith(only)):
        found = defaultdict(list)
        for said in said_of(way):
            right, places, usual = said.right, said.places, said.usual
            for _ in range(DRAWS):
                drawn = [places[number] for number in rng.permutation(len(places))]
                for number in REGIONS:
                    if 2 * number > len(places):
                        continue
                    rest = np.ones(right.shape, bool)
                    for y, x in drawn[:number]:
                        rest[y : y + SIDE, x : x + SIDE] = False
                    regions = [said.region(y, x) for y, x in drawn[:number]]
                    fit = refitted(regions, usual, said.image.name)
                    fitted = errors(said.bins(fit.temperature, rest))
                    found[number].append((said.image.name, *errors(said.bins(usual, rest)), *fitted))
        for number, rows in found.items():
            ece, gap, ece_fitted, gap_fitted = np.mean([row[1:] for row in rows], axis=0)
            images = len({row[0] for row in rows})
            print(
                f"| {way.name} | {images} | {number} | {ece:.3f} | {ece_fitted:.3f} | {gap:.3f} | {gap_fitted:.3f} |"
            )
            kept[f"{way.name}, {number} regions"] = rows
    print(
        "\n| labelled by | images | others | ECE: card | refitted | gap: card | refitted | gap of all pixels: card | refitted |"
        "\n|---|---|---|---|---|---|---|---|---|"
    )
    for way in (one for one in WAYS if one.name in NAMES + FOREIGN and one.name.startswith(only)):
        for line in by_others(said_of(way), rng):
            print(line, flush=True)
    about = {"date": date.today().isoformat(), "machine": f"{platform.machine()}, 1 thread"}
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps({**about, "rows": kept}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
