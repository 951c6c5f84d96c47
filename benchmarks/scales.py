"""An image does not say its size: what do labels lose by the magnification that is found, and by others?

    python benchmarks/scales.py DATA [--only CASE] [--models FOLDER] [--side PX] [--json FILE]

Every image is labelled at half octaves around the size that is known of it (SEM, TEM: pixel size; nuclei: the median diameter of the
labelled ones), with three mirrored looks, and its objects are counted, as in the dock. The table says how much Dice (mean of the classes)
and F1 of objects are lost against the best of these by: the image as it is, the known size, the texture alone (correlation length,
spectrum), agreement alone, and by what `FindScaleJob` chooses, with its CPU seconds per megapixel. Rows say which images took part in
choosing the constants of the rule.

The best of five tries is lucky where an image holds few objects. How lucky two rows say, which know the truth: *half of its objects*
takes the magnification that is best for a random half of the labelled objects of the same image, judged by the other half (mean over
100 halves, both ways); *best for the others* takes the half octave that is best, by F1, for all other images of the row.
What is done stands in FILE after each image, and is not done again.
"""

from __future__ import annotations

import csv
import json
import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from quality_cases import nuclei
from rich.console import Console
from rich.table import Table
from scipy.ndimage import distance_transform_edt
from skimage.measure import label

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Image, read, read_labels
from napari_pseudolabel.labels.matching import matches, numbers
from napari_pseudolabel.labels.objects import scheme_for, to_instances
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import FindScaleJob, LabelJob, LabelSettings
from napari_pseudolabel.strategies.description import PseudoLabel

_AROUND = np.arange(-1.0, 1.01, 0.5)
_MOST_PX = 4.5e6
_FLIPS, _HALVES = 3, 100


@dataclass(frozen=True, eq=False)
class Example:
    """A labelled image.

    Attributes
    ----------
    name
        As in its set.
    image
        Without a size.
    truth
        (H, W) classes as a person labelled them.
    objects
        (H, W) numbered objects of the class that is counted, for F1.
    counted
        That class.
    known
        Magnification that its size asks for.
    chosen_on
        Whether it took part in choosing the constants.
    """

    name: str
    image: Image
    truth: NDArray[np.uint8]
    objects: NDArray[np.integer]
    counted: int
    known: float
    chosen_on: bool

    def middle(self, side: int) -> Example:
        """Return the middle of the image."""
        height, width = self.truth.shape
        y, x = max(0, (height - side) // 2), max(0, (width - side) // 2)
        window = slice(y, y + side), slice(x, x + side)
        image = replace(self.image, data=np.asarray(self.image.data)[window])
        return replace(self, image=image, truth=self.truth[window], objects=self.objects[window])


@dataclass(frozen=True)
class Case:
    """Images, and the models that label them."""

    name: str
    examples: Callable[[Path], Iterator[Example]]
    segmenter: str
    translator: str | None = None


def axon_examples(
    data: Path, kind: str, model_um: float, chosen: Callable[[int, str], bool]
) -> Iterator[Example]:
    """All images of an axon set."""
    folder = data / f"axon_{kind}"
    with (folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        (path,) = (folder / "images").glob(row["id"] + "*")
        truth = np.asarray(read_labels(folder / "labels" / path.name).data).astype(np.uint8)
        known = float(row["pixel_um"]) / model_um
        axons = label(truth == 2, connectivity=2)
        yield Example(row["id"], read(path), truth, axons, 2, known, chosen(number, row["subject"]))


def nucleus_examples(data: Path, folder: str, every: int, chosen: Callable[[int], bool]) -> Iterator[Example]:
    """Every so manieth image of an appearance."""
    with (data / "nuclei" / "index.csv").open() as file:
        names = sorted(row["id"] for row in csv.DictReader(file) if row["modality_guess"] == folder)
    for number, name in enumerate(names):
        if number % every:
            continue
        place = data / "nuclei" / folder
        numbered = np.asarray(read_labels(place / "labels" / f"{name}.png").data).astype(np.int32)
        truth = (numbered > 0).astype(np.uint8)
        known = 20 / nuclei.median_diameter(numbered)
        image = read(place / "images" / f"{name}.png")
        yield Example(name, image, truth, numbered, 1, known, chosen(number))


def _sem(data: Path) -> Iterator[Example]:
    return axon_examples(data, "sem", 0.12, lambda number, animal: True)


def _tem(data: Path) -> Iterator[Example]:
    return axon_examples(data, "tem", 0.01972, lambda number, animal: number % 2 == 0)


def _purple(data: Path) -> Iterator[Example]:
    return nucleus_examples(data, "stain_purple_on_white", 2, lambda number: number < 14)


def _fluorescence(data: Path) -> Iterator[Example]:
    return nucleus_examples(data, "fluorescence", 6, lambda number: number < 40)


def _lavender(data: Path) -> Iterator[Example]:
    return nucleus_examples(data, "stain_lavender", 4, lambda number: False)


CASES = (
    Case("TEM", _tem, "tem-axons"),
    Case("SEM, proxy", _sem, "sem-proxy"),
    Case("purple, proxy", _purple, "purple-proxy"),
    Case("lavender, proxy", _lavender, "lavender-proxy"),
    Case("fluorescence", _fluorescence, "fluorescence-nuclei"),
    Case("TEM, translated", lambda data: list(_tem(data))[1::5], "sem-axons", "tem-to-sem"),
    Case("SEM, translated", lambda data: list(_sem(data))[2::3], "tem-axons", "sem-to-tem"),
)


def measured(case: Case, example: Example, models: LoadedModels, folder: str) -> dict[str, Any]:
    """Label an image at all magnifications, look for its scale, and label it at that."""

    def ref(name: str | None) -> str | None:
        return None if name is None else f"{folder}{name}{'.safetensors' if folder.endswith('/') else ''}"

    translator, segmenter = ref(case.translator), ref(case.segmenter)

    started = time.process_time()
    found = FindScaleJob(example.image, translator, segmenter).run(Control(), models)
    seconds = time.process_time() - started

    def labelled(factor: float) -> Labelled:
        """Label it as a run does that found this magnification: nuclei are told apart by the width that was found there."""
        size = None if found.object_size_px is None else found.object_size_px * found.factor / factor
        here = replace(found, factor=factor, sure=True, why="", object_size_px=size)
        settings = LabelSettings(flips=_FLIPS)
        job = LabelJob(example.image, translator, segmenter, settings=settings, found=here)
        return Labelled.of(example, job.run(Control(), models))

    def scored(factor: float) -> tuple[float, float]:
        found = labelled(factor)
        return found.dice, found.f1

    middle = round(2 * math.log2(example.known)) / 2
    tries = {
        octave: labelled(2.0**octave)
        for octave in (middle + _AROUND).tolist()
        if example.truth.size * 4.0**octave <= _MOST_PX
    }
    sweep = {octave: (one.dice, one.f1) for octave, one in tries.items()}
    by_agreement = max(found.tried, key=lambda one: one.agreement).factor
    return {
        "case": case.name,
        "name": example.name,
        "chosen_on": example.chosen_on,
        "known": example.known,
        "sweep": sweep,
        "half": by_half(list(tries.values())),
        "as it is": scored(1.0),
        "known size": scored(example.known),
        "correlation": found.by_correlation,
        "spectrum": found.by_spectrum,
        "agreement": by_agreement,
        "found": found.factor,
        "sure": found.sure,
        "why": found.why,
        "spread": found.spread,
        "at found": scored(found.factor),
        "seconds": seconds,
        "megapixels": example.truth.size / 1e6,
    }


@dataclass(frozen=True, eq=False)
class Labelled:
    """What labels of an image are worth.

    Attributes
    ----------
    real, made
        Numbers of the objects that there are, and that were found.
    same
        Which of them are the same, by the number of what was found.
    near
        The real object that is nearest to each that was found.
    """

    dice: float
    real: tuple[int, ...]
    made: tuple[int, ...]
    same: dict[int, int]
    near: dict[int, int]

    @classmethod
    def of(cls, example: Example, found: PseudoLabel) -> Labelled:
        """Compare labels with the truth, objects as the dock counts them."""
        assert found.labels is not None
        labels = found.labels[0]
        values = [value for value in np.unique(example.truth) if value]
        dice = float(np.mean([_dice(labels == value, example.truth == value) for value in values]))
        made = to_instances(labels, scheme_for(found.classes))
        made = np.where(labels == example.counted, made, 0)
        pairs, there = matches(made, example.objects), numbers(made).tolist()
        nearest = distance_transform_edt(example.objects == 0, return_distances=False, return_indices=True)
        owner = example.objects[tuple(nearest)]
        near = {one: int(np.bincount(owner[made == one]).argmax()) for one in there}
        real = tuple(numbers(example.objects).tolist())
        return cls(dice, real, tuple(there), dict(pairs.tolist()), near)

    @property
    def f1(self) -> float:
        """Of all objects."""
        return self.f1_of(set(self.real))

    def f1_of(self, some: set[int]) -> float:
        """Of some of the real objects; to those belongs what is the same, else what is nearest to them."""
        mine = [one for one in self.made if self.same.get(one, self.near[one]) in some]
        total = len(mine) + len(some)
        return 2 * sum(one in self.same for one in mine) / total if total else 1.0


def by_half(tries: Sequence[Labelled]) -> tuple[float, float]:
    """Dice and F1 of the magnification that is best for a half of the objects: mean over halves, F1 by the other half."""
    rng, found = np.random.default_rng(0), []
    for _ in range(_HALVES):
        real = rng.permutation(tries[0].real).tolist()
        halves = set(real[: len(real) // 2]), set(real[len(real) // 2 :])
        for one, other in (halves, halves[::-1]):
            best = max(tries, key=lambda tried, one=one: tried.f1_of(one))  # type: ignore[misc]
            found.append((best.dice, best.f1_of(other)))
    dice, f1 = np.mean(found, axis=0).tolist()
    return dice, f1


def _dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0


def losses(row: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Dice and F1 that each way loses against the best magnification of the sweep; between half octaves by interpolation."""
    octaves = sorted(map(float, row["sweep"]))
    scores = np.array([row["sweep"][str(octave)] for octave in octaves])
    best = np.maximum(scores.max(axis=0), np.maximum(row["as it is"], row["at found"]))

    def at(factor: float | None) -> tuple[float, float]:
        # Where the texture says nothing, the image is used as it is; beyond the sweep it is as bad as at its end.
        if factor is None:
            return _lost(best, row["as it is"])
        place = math.log2(factor)
        return _lost(best, [np.interp(place, octaves, scores[:, k]) for k in (0, 1)])

    return {
        "as it is": _lost(best, row["as it is"]),
        "known size": _lost(best, row["known size"]),
        "correlation": at(row["correlation"]),
        "spectrum": at(row["spectrum"]),
        "agreement": at(row["agreement"]),
        "found": _lost(best, row["at found"] if row["sure"] else row["as it is"]),
        "found or proposed": _lost(best, row["at found"]),
        "half of its objects": _lost(best, row["half"]),
    }


def best_for_others(rows: Sequence[dict[str, Any]], number: int) -> tuple[float, float]:
    """Dice and F1 that an image loses at the half octave, from its known size on, that is best by F1 for all others."""

    def lost(row: dict[str, Any], step: float) -> tuple[float, float] | None:
        place = str(round(2 * math.log2(row["known"])) / 2 + step)
        best = np.max([*row["sweep"].values(), row["as it is"], row["at found"]], axis=0)
        return _lost(best, row["sweep"][place]) if place in row["sweep"] else None

    def of_others(step: float) -> float:
        found = [lost(row, step) for at, row in enumerate(rows) if at != number]
        return float(np.mean([1.0 if one is None else one[1] for one in found]))

    possible = [step for step in _AROUND.tolist() if lost(rows[number], step) is not None]
    found = lost(rows[number], min(possible, key=of_others))
    assert found is not None
    return found


def _lost(best: NDArray[np.float64], scores: Sequence[float]) -> tuple[float, float]:
    return max(0.0, float(best[0] - scores[0])), max(0.0, float(best[1] - scores[1]))


def tables(rows: Sequence[dict[str, Any]]) -> Iterator[Table]:
    """One table per case, and whether its images took part in choosing the constants."""
    for name in dict.fromkeys(row["case"] for row in rows):
        for chosen in (False, True):
            own = [row for row in rows if row["case"] == name and row["chosen_on"] == chosen]
            if not own:
                continue
            cost = np.mean([row["seconds"] / row["megapixels"] for row in own])
            f1 = np.mean([row["at found" if row["sure"] else "as it is"][1] for row in own])
            table = Table(
                "way", "Dice lost", "worst", "F1 lost", "worst ",
                title=f"{name}: {len(own)} images, {'chosen on' if chosen else 'not chosen on'}; "
                f"{sum(row['sure'] for row in own)} sure, F1 {f1:.3f}, {cost:.1f} CPU s/Mpx",
            )  # fmt: skip
            lost = [losses(row) for row in own]
            if len(own) > 1:
                for at, one in enumerate(lost):
                    one["best for the others"] = best_for_others(own, at)
            for way in lost[0]:
                dice, f1s = (np.array([one[way][k] for one in lost]) for k in (0, 1))
                table.add_row(
                    way, f"{dice.mean():.3f}", f"{dice.max():.3f}", f"{f1s.mean():.3f}", f"{f1s.max():.3f}"
                )
            yield table


def main(
    data: Path,
    only: Annotated[str, typer.Option(help="A case, by the start of its name.")] = "",
    models: Annotated[str, typer.Option(help="Folder of the checkpoints, with / at its end.")] = "sample:",
    side: Annotated[int, typer.Option(help="Only the middle of larger images, of so many pixels.")] = 10**6,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    if json_file is not None and json_file.exists():
        rows = json.loads(json_file.read_text())
    done = {(row["case"], row["name"]) for row in rows}
    loaded = LoadedModels()
    for case in CASES:
        if not case.name.startswith(only):
            continue
        for example in case.examples(data):
            if (case.name, example.name) in done:
                continue
            # Through JSON, so that rows are the same before and after.
            rows.append(json.loads(json.dumps(measured(case, example.middle(side), loaded, models))))
            if json_file is not None:
                json_file.write_text(json.dumps(rows, indent=1))
    console = Console()
    for table in tables(rows):
        console.print(table)
    console.print(f"{platform.machine()}, 1 thread, {date.today().isoformat()}")


if __name__ == "__main__":
    typer.run(main)
