"""How much of an object do one, two and three clicks find? And how long does a person wait for it?

    python benchmarks/clicks.py --data DIR [--objects 12] [--alone] [--only NAME] [--model REF] [--seed 3] [--json FILE]

Objects are drawn at random from expert labels; around each are 512 x 512 pixels. A simulated person clicks on the middle of the
object (the pixel farthest from its border), then on the middle of what is most wrong, of what is missing or of what is too much.
By that the result of one click may get worse: no click is taken back. Other objects of the image are labelled already, as they are
where labels are corrected, or with --alone are not. Smart fill gets a line along the middle half of the object.

With --model a segmenter labels each view first, and the same clicks are measured once more with what it says: how likely a pixel is of
the class, by its label and its confidence, as a run leaves them in the layers.

IoU is the mean over objects. Time is that of one thread of the CPU, for the whole view and for one more click.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Annotated

import numpy as np
import typer
from latency import machine
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import ndimage as ndi
from skimage.io import imread

from napari_pseudolabel import pseudo_label
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.tools import ClickField, ClickMark, line_through, smart_fill, window_around
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelSettings

MODELS = LoadedModels()
SETS = {
    "axons, SEM": ("axon_sem/images", "axon_sem/labels", 2),
    "axons, TEM": ("axon_tem/images", "axon_tem/labels", 2),
    "nuclei, purple": ("nuclei/stain_purple_on_white/images", "nuclei/stain_purple_on_white/labels", None),
    "nuclei, fluorescence": ("nuclei/fluorescence/images", "nuclei/fluorescence/labels", None),
    "mitochondria, FIB-SEM": ("mito_lucchi_fibsem/images", "mito_lucchi_fibsem/labels_mito", 0),
    "mitochondria, ssTEM": ("mito_vnc_sstem/images", "mito_vnc_sstem/labels_mito", 0),
}
CLICKS = 3
LEAST_PX, IMAGES = 60, 6
Mask = NDArray[np.bool_]
Case = tuple[NDArray[np.generic], NDArray[np.int64], int]
"""Image, numbered objects, and which one is looked for."""


def numbered(path: Path, value: int | None) -> NDArray[np.int64]:
    """Objects of a file of labels: of a class, of all that is not 0 (0), or numbered already (None)."""
    labels = imread(path)
    labels = labels if labels.ndim == 2 else labels[..., 0]
    if value is None:
        return labels.astype(np.int64)
    return ndi.label(labels == value if value else labels > 0)[0].astype(np.int64)


def cases(data: Path, name: str, count: int, seed: int) -> Iterator[Case]:
    """Views with an object in the middle, that do not cut it."""
    images, labels, value = SETS[name]
    rng = np.random.default_rng(seed)
    paths = sorted((data / images).iterdir())
    chosen = [paths[one] for one in rng.permutation(len(paths))[:IMAGES]]
    for number, path in enumerate(chosen):
        objects = numbered(next((data / labels).glob(f"{path.stem}*")), value)
        image = imread(path)
        image = image[..., :3] if image.ndim == 3 else image
        areas = np.bincount(objects.ravel())
        rim = np.unique(np.concatenate([objects[0], objects[-1], objects[:, 0], objects[:, -1]]))
        usable = np.setdiff1d(np.flatnonzero((areas >= LEAST_PX) & (areas < 256 * 256)), [0, *rim])
        wanted = count // IMAGES + (number < count % IMAGES)
        for one in rng.permutation(usable)[:wanted]:
            window = window_around(
                [ClickMark.at(np.argwhere(objects == one).mean(axis=0), True)], objects.shape
            )
            yield image[window], objects[window], int(one)


def middle(mask: Mask) -> tuple[tuple[int, int], float]:
    """The pixel of a mask farthest from its border, and how far that is."""
    depth = ndi.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), mask.shape)
    return (int(row), int(column)), float(depth.max())


def iou(found: Mask, truth: Mask) -> float:
    """Intersection over union."""
    return float((found & truth).sum() / (found | truth).sum())


def clicked(
    image: NDArray[np.generic],
    plane: NDArray[np.uint8],
    truth: Mask,
    probability: NDArray[np.float32] | None = None,
) -> tuple[list[float], list[float]]:
    """IoU after each click, and seconds for it."""
    marks, scores, seconds = [ClickMark.at(middle(truth)[0], True)], [], []
    field: ClickField | None = None
    for _ in range(CLICKS):
        begun = process_time()
        if field is None:
            window = window_around(marks, plane.shape)
            likely = None if probability is None else probability[window]
            field = ClickField.of(plane, image[window], window, 1, probability=likely)
        found = proposed(plane, lambda marks=marks, field=field: field.propose(marks)) & (plane != 1)
        seconds.append(process_time() - begun)
        scores.append(iou(found, truth))
        (missing, deep), (extra, wide) = middle(truth & ~found), middle(found & ~truth)
        if deep or wide:
            marks = [*marks, ClickMark.at(missing, True) if deep >= wide else ClickMark.at(extra, False)]
    return scores, seconds


def proposed(plane: NDArray[np.uint8], make: Callable[[], object]) -> Mask:
    """Where a tool puts the class; nowhere where it has nothing to say."""
    after = plane.copy()
    try:
        change = make()
    except InputError:
        return after == 1
    after[change.window] = change.labels  # type: ignore[attr-defined]
    return after == 1


def said_by(
    model: str, image: NDArray[np.generic], objects: NDArray[np.int64], value: int
) -> NDArray[np.float32]:
    """How likely each pixel is of a class, by the label and the confidence of a run that is told how large objects are."""
    areas = np.bincount(objects.ravel())[1:]
    size = float(np.median(2 * np.sqrt(areas[areas > 0] / np.pi)))
    settings = LabelSettings(flips=0, scale=Scale(object_size_px=size))
    found = pseudo_label(image, segmenter=model, models=MODELS, settings=settings)
    sure = found.confidence[0]
    likely = np.where(found.labels[0] == value, sure, 1 - sure)
    return np.where(np.isfinite(likely), likely, 0.5).astype(np.float32)


def along(truth: Mask) -> NDArray[np.intp]:
    """A line through the middle half of an object, along it, where it lies in it."""
    places = np.argwhere(truth)
    centre = places.mean(axis=0)
    axis = np.linalg.eigh(np.cov((places - centre).T))[1][:, -1]
    ends = np.percentile((places - centre) @ axis, (25, 75))
    line = line_through([tuple(centre + end * axis) for end in ends])
    kept = line[truth[tuple(line.T)]]
    return kept if len(kept) else np.array([middle(truth)[0]])


def measured(
    data: Path, name: str, count: int, alone: bool, seed: int, model: str = ""
) -> dict[str, list[float]]:
    """Means over the objects of a set; with a model also those with it, of all objects and of those that it missed."""
    scores, seconds, filled = [], [], []
    helped: list[list[float]] = []
    missed: list[bool] = []
    for image, objects, one in cases(data, name, count, seed):
        truth = objects == one
        plane = np.where(truth | (objects == 0) | alone, 0, 1).astype(np.uint8)
        # Labels of touching objects leave a line of background, as the plugin does.
        plane[ndi.binary_dilation(truth, np.ones((3, 3)))] = 0
        found, took = clicked(image, plane, truth)
        if model:
            likely = said_by(model, image, objects, SETS[name][2] or 1)
            helped.append(clicked(image, plane, truth, likely)[0])
            missed.append(bool(likely[middle(truth)[0]] < 0.5))
        scores.append(found)
        seconds.append(took)
        stroke = along(truth)
        fill = proposed(
            plane, lambda image=image, plane=plane, stroke=stroke: smart_fill(plane, image, stroke, 1)
        )
        filled.append(iou(fill & (plane != 1), truth))
    return {
        "iou": np.mean(scores, axis=0).tolist(),
        "good": (np.array(scores) >= 0.7).mean(axis=0).tolist(),
        "smart_fill": [float(np.mean(filled))],
        "ms": (1000 * np.median(seconds, axis=0)).tolist(),
        "objects": [len(scores)],
        "helped": np.mean(helped, axis=0).tolist() if model else [],
        "helped_better": [float((np.array(helped)[:, 0] > np.array(scores)[:, 0]).mean())] if model else [],
        "missed": [float(sum(missed))],
        "missed_alone": np.array(scores)[missed].mean(axis=0).tolist() if any(missed) else [],
        "missed_helped": np.array(helped)[missed].mean(axis=0).tolist() if any(missed) else [],
    }


def main(
    data: Annotated[Path, typer.Option(help="folder of the data")],
    objects: Annotated[int, typer.Option(help="of each set")] = 12,
    alone: Annotated[bool, typer.Option(help="no other object is labelled")] = False,
    model: Annotated[str, typer.Option(help="segmenter that says what it sees first")] = "",
    only: Annotated[str, typer.Option(help="part of the name of a set")] = "",
    seed: Annotated[int, typer.Option(help="which objects; constants were chosen with 0")] = 3,
    json_file: Annotated[Path | None, typer.Option("--json")] = None,
) -> None:
    """Measure, and print a table."""
    results = {name: measured(data, name, objects, alone, seed, model) for name in SETS if only in name}
    table = Table(title=f"IoU; {'nothing else' if alone else 'all other objects'} labelled; {machine()}")
    for title in (
        "set",
        "objects",
        *(f"{n} clicks" for n in range(1, CLICKS + 1)),
        "smart fill",
        "ms per click",
    ):
        table.add_column(title)
    for name, one in results.items():
        numbers = [*one["iou"], *one["smart_fill"]]
        table.add_row(
            name,
            f"{one['objects'][0]:.0f}",
            *(f"{number:.2f}" for number in numbers),
            " / ".join(f"{ms:.0f}" for ms in one["ms"]),
        )
        if model:
            told = {
                f"with {model}": "helped",
                "missed by it": "missed_alone",
                "missed, with it": "missed_helped",
            }
            for title, key in told.items():
                count = one["missed"][0] if key.startswith("missed") else one["objects"][0]
                table.add_row(title, f"{count:.0f}", *(f"{number:.2f}" for number in one[key]))
    Console(width=140).print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    typer.run(main)
