"""How good are labels of which a person has only named the kinds of regions? Before there is any model, and without training.

    python benchmarks/named_regions.py DATA [--json FILE] [--sets SEM,TEM,fluorescence,purple]

Crops of 256 px on the grid of the translator, each labelled by itself. `chosen on` are the middles of the first six images of
a set, which were looked at when the smoothing and the noise of the features were chosen; `others` are the middles of the next
six, or of a set of six the upper left corners.

Hungarian   mean IoU of as many kinds as there are classes, background included, matched to them one to one as fits best: no person at all
six clicks  mean Dice of the classes without the background, after each of six kinds was called what most of it is
SLIC        the same for about 150 connected pieces (`slic-regions`), each named by a click of its own

Features cost one evaluation of the network for the clusters and one for the labels; seconds are of the CPU, per crop, of both.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array, labels_to, read, read_labels, resample
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.regions import FEATURE_REGIONS, GREY_REGIONS, SLIC_REGIONS
from napari_pseudolabel.strategies.regions.region_options import GreyRegionOptions, RegionOptions
from napari_pseudolabel.strategies.regions.slic_regions import SlicOptions
from napari_pseudolabel.strategies.strategy import LabelRequest

SIDE, IMAGES, CLICKS, SUPERPIXELS = 256, 6, 6, 150
SETTINGS = LabelSettings(scale=Scale(factor=1.0), find_scale="never")
ROWS = ("grey", "features", "SLIC")


@dataclass(frozen=True)
class RegionSet:
    """Labelled images, the translator that takes them, and how many classes they have with the background."""

    folder: str
    translator: str
    classes: int


SETS = {
    "SEM": RegionSet("axon_sem", "sample:sem-to-tem", 3),
    "TEM": RegionSet("axon_tem", "sample:tem-to-sem", 3),
    "fluorescence": RegionSet("nuclei/fluorescence", "sample:fluorescence-to-purple", 2),
    "purple": RegionSet("nuclei/stain_purple_on_white", "sample:purple-to-fluorescence", 2),
}


def crops(
    folder: Path, classes: int, pixel_um: float | None, *, others: bool
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """Crops of a set and their classes, on the grid of the translator."""
    index = folder / "index.csv"
    sizes: dict[str, float] = {}
    if index.exists():
        with index.open() as file:
            sizes = {row["id"]: float(row.get("pixel_um") or 0) for row in csv.DictReader(file)}
    files = sorted((folder / "images").iterdir())
    corner = others and len(files) <= IMAGES
    chosen = files[IMAGES : 2 * IMAGES] if others and not corner else files[:IMAGES]
    for path in chosen:
        image = read(path)
        plane = image.plane((0,) * (len(image.shape) - 2))
        found = next((folder / "labels").glob(f"{path.stem}*"))
        truth = np.squeeze(np.asarray(read_labels(found).data)).astype(np.int64)
        if classes == 2:
            truth = (truth > 0).astype(np.int64)
        size = sizes.get(path.stem)
        if size and pixel_um:
            plane = resample(plane, size / pixel_um)
            truth = labels_to(truth, plane.shape)
        y, x = (0 if corner else max(0, length - SIDE) // 2 for length in plane.shape)
        yield plane[y : y + SIDE, x : x + SIDE], truth[y : y + SIDE, x : x + SIDE].astype(np.uint8)


def found(
    row: str, of: RegionSet, crop: NDArray[np.float32], kinds: int, models: LoadedModels
) -> NDArray[np.intp]:
    """Regions of a crop, numbered from 0."""
    asked = LabelRequest(settings=SETTINGS)
    if row == "SLIC":
        job = SLIC_REGIONS.job(from_array(crop), replace(asked, options=SlicOptions(pieces=SUPERPIXELS)))
    elif row == "grey":
        job = GREY_REGIONS.job(from_array(crop), replace(asked, options=GreyRegionOptions(kinds=kinds)))
    else:
        options = RegionOptions(kinds=kinds)
        job = FEATURE_REGIONS.job(from_array(crop), replace(asked, options=options, translator=of.translator))
    labels = job.run(Control(), models).labels
    assert labels is not None
    return np.unique(labels[0], return_inverse=True)[1].reshape(crop.shape)


def hungarian(regions: NDArray[np.intp], truth: NDArray[np.uint8], classes: int) -> float:
    """Mean IoU where regions and classes are matched one to one as fits best."""
    iou = np.array(
        [
            [
                ((regions == a) & (truth == b)).sum() / max(1, ((regions == a) | (truth == b)).sum())
                for b in range(classes)
            ]
            for a in range(classes)
        ]
    )
    rows, columns = linear_sum_assignment(-iou)
    return float(iou[rows, columns].mean())


def named(regions: NDArray[np.intp], truth: NDArray[np.uint8], classes: int) -> float:
    """Mean Dice without the background after every region was called what most of it is."""
    most = [
        np.bincount(truth[regions == one], minlength=classes).argmax() for one in range(regions.max() + 1)
    ]
    labels = np.array(most)[regions]
    dice = []
    for value in range(1, classes):
        both = ((labels == value) & (truth == value)).sum()
        dice.append(2 * both / max(1, (labels == value).sum() + (truth == value).sum()))
    return float(np.mean(dice))


def main(
    data: Path,
    sets: str = ",".join(SETS),
    rows: str = ",".join(ROWS),
    json_file: Path | None = typer.Option(None, "--json"),
) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    models, results = LoadedModels(), []
    table = Table("set", "crops", "row", "Hungarian", "six clicks", "CPU s", "crops one by one")
    for name in sets.split(","):
        of = SETS[name]
        source = models.translator(of.translator).card.source
        pixel_um = None if source is None else source.pixel_size_um
        for others in (False, True):
            kept = list(crops(data / of.folder, of.classes, pixel_um, others=others))
            for row in rows.split(","):
                scores = []
                began = time.process_time()
                for crop, truth in kept:
                    alone = (
                        ""
                        if row == "SLIC"
                        else hungarian(found(row, of, crop, of.classes, models), truth, of.classes)
                    )
                    scores.append((alone, named(found(row, of, crop, CLICKS, models), truth, of.classes)))
                seconds = (time.process_time() - began) / len(kept) / (1 if row == "SLIC" else 2)
                mean = "" if row == "SLIC" else round(float(np.mean([one for one, _ in scores])), 3)
                six = round(float(np.mean([one for _, one in scores])), 3)
                where = "others" if others else "chosen on"
                results.append(
                    {
                        "set": name,
                        "crops": where,
                        "row": row,
                        "hungarian": mean,
                        "six_clicks": six,
                        "seconds": round(seconds, 2),
                    }
                )
                each = " ".join(f"{one:.2f}" for _, one in scores)
                table.add_row(name, where, row, str(mean), str(six), f"{seconds:.2f}", each)
    Console(width=140).print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    typer.run(main)
