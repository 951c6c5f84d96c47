"""Do the generated samples look like the real images? The same statistics of both, side by side.

    python benchmarks/sample_statistics.py [--data DIR] [--count 12] [--json FILE]

Real images are brought to the model's pixel size, on which fields are generated. All sets are measured
by the same code; a cell is the mean over the images of a set +- the standard deviation between them.
What needs labels is measured on TEM only: the SEM labels are never read.

axon diameter      median, in pixels, of circles with the area of the axons; borders excluded
log spread         standard deviation of the logarithm of that diameter
g-ratio            root of axon over fibre area; myelin belongs to the nearest axon
noise              standard deviation of white noise (Immerkaer 1996), in grey levels of 0 to 255
correlation        pixels after which the autocorrelation has fallen to one half
stripes            spread of the row means over that of the column means, after a line by line high pass
"""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import ndimage as ndi
from scipy.signal import fftconvolve
from skimage.measure import label, regionprops
from skimage.segmentation import watershed

from napari_pseudolabel.imaging import labels_to, read, resample
from napari_pseudolabel.sample_data.fields import AXON, BACKGROUND, MYELIN, axon_field
from napari_pseudolabel.sample_data.looks import render_sem, render_tem
from napari_pseudolabel.sample_data.samples import SEM_LIKE, TEM_LIKE

CLASSES = {"background": BACKGROUND, "myelin": MYELIN, "axon": AXON}
PERCENTILES = (1, 25, 50, 75, 99)
SHAPE, FIRST_SEED = (320, 320), 20_000
SMALLEST_AXON_PX = 4.0


@dataclass(frozen=True, eq=False)
class Sample:
    """An image in grey levels of 0 to 255 on the model's grid, with labels where they may be used."""

    image: NDArray[np.float32]
    labels: NDArray[np.uint8] | None


def real(folder: Path, pixel_size_um: float, *, labelled: bool) -> Iterator[Sample]:
    """The images of a folder with ``images/``, ``labels/`` and ``index.csv``."""
    with (folder / "index.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        (path,) = (folder / "images").glob(row["id"] + "*")
        image = resample(read(path).plane((), 0), float(row["pixel_um"]) / pixel_size_um)
        labels = None
        if labelled:
            (path,) = (folder / "labels").glob(row["id"] + "*")
            labels = labels_to(read(path).plane((), 0).astype(np.uint8), image.shape)
        yield Sample(image, labels)


def generated(render: Callable[..., NDArray[np.uint8]], count: int, *, labelled: bool) -> Iterator[Sample]:
    """Fields with the default parameters and seeds of their own."""
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        labels = axon_field(SHAPE, seed=seed)
        yield Sample(render(labels, seed=seed).astype(np.float32), labels if labelled else None)


def statistics(sample: Sample) -> dict[str, float]:
    """All numbers of one image by name."""
    found = {}
    if sample.labels is not None:
        found |= shapes(sample.labels)
        for name, value in CLASSES.items():
            found[f"{name}: share of pixels"] = float((sample.labels == value).mean())
        for name, value in CLASSES.items():
            levels = sample.image[sample.labels == value]
            found[f"{name}: grey level"] = float(levels.mean())
            found[f"{name}: spread within"] = float(levels.std())
    for percentile in PERCENTILES:
        found[f"grey level, percentile {percentile}"] = float(np.percentile(sample.image, percentile))
    found["noise (grey levels)"] = noise(sample.image)
    found["correlation length (px)"] = correlation_length(sample.image)
    found["stripes (rows / columns)"] = stripes(sample.image)
    return found


def shapes(labels: NDArray[np.uint8]) -> dict[str, float]:
    """Diameters and g-ratios of the axons that do not touch the border."""
    axons = label(labels == AXON)
    distance = ndi.distance_transform_edt(axons == 0)
    fibres = watershed(distance, axons, mask=labels != BACKGROUND)
    border = {int(value) for edge in (fibres[0], fibres[-1], fibres[:, 0], fibres[:, -1]) for value in edge}
    sizes = np.bincount(fibres.ravel())
    whole = [
        (regionprop.area, sizes[regionprop.label])
        for regionprop in regionprops(axons)
        if regionprop.label not in border and regionprop.equivalent_diameter_area >= SMALLEST_AXON_PX
    ]
    if not whole:
        return {}
    axon, fibre = np.array(whole, float).T
    diameters = 2 * np.sqrt(axon / np.pi)
    return {
        "axon diameter (px)": float(np.median(diameters)),
        "axon diameter, log spread": float(np.log(diameters).std()),
        "g-ratio": float(np.median(np.sqrt(axon / fibre))),
        "g-ratio, spread": float(np.sqrt(axon / fibre).std()),
    }


def noise(image: NDArray[np.float32]) -> float:
    """J. Immerkaer, Fast noise variance estimation (1996): blind to edges of one direction."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], float)
    residual = ndi.convolve(image.astype(float), kernel)[1:-1, 1:-1]
    # The median stands for the many pixels without an edge.
    return float(np.median(np.abs(residual)) / 0.6745 / 6)


def correlation_length(image: NDArray[np.float32]) -> float:
    """Lag at which the autocorrelation, mean over both axes, falls to one half; linear in between."""
    flat = image.astype(float) - image.mean()
    full = fftconvolve(flat, flat[::-1, ::-1]) / fftconvolve(np.ones_like(flat), np.ones_like(flat))
    y, x = (side - 1 for side in image.shape)
    reach = min(y, x) // 2
    curve = (full[y, x : x + reach] + full[y : y + reach, x]) / 2 / full[y, x]
    below = int(np.argmax(curve < 0.5))
    return float(below - 1 + (curve[below - 1] - 0.5) / (curve[below - 1] - curve[below]))


def stripes(image: NDArray[np.float32]) -> float:
    """1 for an image that looks the same along both axes; charging along the scan lines raises it."""
    rows, columns = (np.diff(image.mean(axis=axis)).std() for axis in (1, 0))
    return float(rows / columns)


def summary(samples: Iterator[Sample]) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation between the images, by name."""
    rows = [statistics(sample) for sample in samples]
    names = dict.fromkeys(name for row in rows for name in row)
    values = {name: [row[name] for row in rows if name in row] for name in names}
    return {name: (float(np.mean(found)), float(np.std(found))) for name, found in values.items()}


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    count: int = 12,
    json_path: Path | None = typer.Option(None, "--json"),
) -> None:
    """Print the table."""
    if not data.is_dir():
        typer.echo(f"{data} is missing; give the folder with axon_tem and axon_sem by --data.", err=True)
        raise typer.Exit(2)
    columns = {
        "TEM, real": summary(real(data / "axon_tem", TEM_LIKE.pixel_size_um, labelled=True)),
        "TEM, generated": summary(generated(render_tem, count, labelled=True)),
        "SEM, real": summary(real(data / "axon_sem", SEM_LIKE.pixel_size_um, labelled=False)),
        "SEM, generated": summary(generated(render_sem, count, labelled=False)),
    }
    table = Table("", *columns)
    for name in columns["TEM, real"]:
        cells = [column.get(name) for column in columns.values()]
        table.add_row(name, *("-" if cell is None else _shown(*cell) for cell in cells))
    Console(width=120).print(table)
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
    typer.echo(f"{date.today().isoformat()}, {machine}, {count} generated images of {SHAPE[0]} x {SHAPE[1]}")
    if json_path is not None:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        record = {"date": date.today().isoformat(), "machine": machine, "columns": columns}
        json_path.write_text(json.dumps(record, indent=2))


def _shown(mean: float, spread: float) -> str:
    digits = 1 if abs(mean) >= 10 else 2
    return f"{mean:.{digits}f} ± {spread:.{digits}f}"


if __name__ == "__main__":
    typer.run(main)
