"""Do details that stick out tell whether an image is to be turned around for a segmenter of another modality?

    python benchmarks/choice_polarity.py --data DIR

No model takes part: the lean of every image (`lean_of`, on the grid of the models) is compared with that of the images of the other
modality that a segmenter would learn from. The limit `LEANS` was chosen on all of them but what is *held out*: slices of mitochondria
that were looked at once, afterwards. Right is *as it is* between electron
micrographs of mitochondria, and *turned around* between TEM and SEM of axons and between fluorescence and stains of nuclei.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import typer
from choice_directions import View, axon_views, nuclei_views
from numpy.typing import NDArray
from quality_mito import FIBSEM, SSTEM, cases
from recipes import axons, nuclei

from napari_pseudolabel.imaging import resample
from napari_pseudolabel.imaging.scale.texture import lean_of
from napari_pseudolabel.strategies.choice.ways import LEANS

Leans = list[tuple[float, ...]]


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """How alike two leans are, as far as both are known."""
    a, b = (np.array(it[: min(len(one), len(other))]) for it in (one, other))
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def told(name: str, images: Leans, known: Leans, right: int) -> None:
    """Print how many images are told rightly, wrongly and not at all."""
    size = min(map(len, known))
    mean = tuple(np.mean([one[:size] for one in known], axis=0))
    found = np.array([right * cosine(one, mean) for one in images])
    counts = ((found >= LEANS).sum(), (found <= -LEANS).sum(), (abs(found) < LEANS).sum())
    typer.echo(f"| {name} | {len(found)} | {' | '.join(map(str, counts))} | {found.min():.2f} |")


def grey(views: Iterable[View], grid_um: float | None = None) -> Leans:
    """Lean of whole images, on a grid where pixels have a size."""
    found = []
    for view in views:
        size = view.image.placement.pixel_size_um()
        plane = view.image.plane((), "luminance" if "S" in view.image.axes else None)
        factor = size / grid_um if size and grid_um else 1.0
        found.append(lean_of([resample(plane, factor)]))
    return found


def lean_all(planes: Iterable[NDArray[np.float32]]) -> Leans:
    """Lean of each plane."""
    return [lean_of([plane]) for plane in planes]


def main(data: Path = Path(__file__).parents[2] / "shared" / "data") -> None:
    """Print the table."""
    typer.echo("| images, compared with | n | right | wrong | nothing | least |\n|---" + "|---" * 5 + "|")
    mito = {
        (one.name, held): lean_all(case.plane.image for case in cases(data, one) if case.held_out == held)
        for one in (SSTEM, FIBSEM)
        for held in (False, True)
    }
    for held, which in ((False, ""), (True, "; held out")):
        told(f"ssTEM, FIB-SEM{which}", mito["ssTEM", held], mito["FIB-SEM", False], 1)
        told(f"FIB-SEM, ssTEM{which}", mito["FIB-SEM", held], mito["ssTEM", False], 1)
    size = {one.name: one.pixel_size_um for one in (axons.TEM, axons.SEM)}
    fibres = {one.name: grey(axon_views(data, one), size[one.name] or 1.0) for one in (axons.TEM, axons.SEM)}
    told("TEM, SEM", fibres["TEM"], fibres["SEM"], -1)
    told("SEM, TEM", fibres["SEM"], fibres["TEM"], -1)
    views = partial(nuclei_views, data, sized=False)
    bright = grey(views(nuclei.FLUORESCENCE, most=12))
    for stain in (nuclei.PURPLE, nuclei.LAVENDER):
        dark = grey(views(stain, most=12))
        told(f"{stain.name}, fluorescence", dark, bright, -1)
        told(f"fluorescence, {stain.name}", bright, dark, -1)


if __name__ == "__main__":
    typer.run(main)
