"""Make the pictures of docs/strategies.md from the real plugin: every strategy labels what is in view of a sample, in the dock.

    python docs/make_strategy_pictures.py [OUTPUT_FOLDER] [--only NAME] [--window FOLDER] [--text-to-image FOLDER]

The images are the generated samples. Each picture shows the image, what the strategy made of it where it makes an image, and its labels.
`--window` also photographs the whole window. Strategies that look through a text-to-image model need the folder of one; the pictures in
the docs are of the tiny one of the tests, which knows discs and stripes (`build` and `trained` of `tests/phrase_case.py`).
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from photographs import IMAGES, on_a_screen, photograph

from napari_pseudolabel.demo import open_demo, wait_for
from napari_pseudolabel.imaging import resample_to
from napari_pseudolabel.labels.classes import default_classes, with_colours
from napari_pseudolabel.labels.overlaid import overlaid
from napari_pseudolabel.labels.pictures import as_png, overlay
from napari_pseudolabel.sample_data.samples import (
    FLUORESCENCE_LIKE,
    PURPLE_LIKE,
    SEM_LIKE,
    TEM_LIKE,
    GeneratedSample,
)
from napari_pseudolabel.viewer import find_layer
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.workspace import Workspace

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_pseudolabel.widgets.pseudo_label.dock import PseudoLabelDock

SIDE_PX, GAP_PX, MOST_BYTES = 160, 4, 60_000
_PATIENCE_S = 3000.0


@dataclass(frozen=True)
class Shown:
    """A strategy that is photographed.

    Attributes
    ----------
    translator, segmenter
        That is chosen; None for what the dock proposes.
    options
        Of its own, by name, where they are others than usual: shorter trainings.
    """

    name: str
    sample: GeneratedSample
    translator: str | None = None
    segmenter: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    by_text_to_image: bool = False


def _things(shape: tuple[int, int], seed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw two discs and two fields of stripes, as the tiny text-to-image model of the tests was taught them, and where the discs are."""
    y, x = (at / side for at, side in zip(np.mgrid[: shape[0], : shape[1]], shape, strict=True))
    seen, discs = np.full(shape, 0.35), np.zeros(shape, np.uint8)
    for row, column in ((0.25, 0.28), (0.74, 0.76)):
        disc = (y - row) ** 2 + (x - column) ** 2 <= 0.19**2
        seen[disc], discs[disc] = 0.9, 1
        striped = np.maximum(abs(y - row), abs(x - 1 + column)) <= 0.2
        seen[striped] = np.where(y[striped] * 32 % 4 < 2, 0.05, 0.75)
    noise = np.random.default_rng(seed).normal(0, 0.04, shape)
    return np.round(255 * np.clip(seen + noise, 0, 1)).astype(np.uint8), discs


THINGS = GeneratedSample(
    "things", "Discs and stripes", "", 1, _things, default_classes(("disc",)), shape=(SIDE_PX, SIDE_PX)
)
SHOWN = (
    Shown("auto", PURPLE_LIKE),
    Shown("segmentation", SEM_LIKE),
    Shown("adaptation", SEM_LIKE, "sample:sem-to-tem"),
    Shown("otsu", FLUORESCENCE_LIKE),
    Shown("tutorship", SEM_LIKE, "sample:tem-to-sem-grey-levels", options={"steps": 60}),
    Shown("rendered", FLUORESCENCE_LIKE),
    Shown("cycled", FLUORESCENCE_LIKE, options={"cycle_steps": 60, "steps": 60}),
    Shown("grey-regions", SEM_LIKE),
    Shown("feature-regions", SEM_LIKE, "sample:sem-to-tem"),
    Shown("slic-regions", SEM_LIKE),
    Shown("attention-regions", THINGS, by_text_to_image=True),
    Shown("query-regions", THINGS, by_text_to_image=True),
    Shown("phrases", THINGS, options={"phrases": ["disc"]}, by_text_to_image=True),
    Shown("self-training", PURPLE_LIKE, options={"rounds": 1}),
    Shown("zero-shot", SEM_LIKE, segmenter="sample:tem-axons", options={"steps": 200}),
)


def make(one: Shown, args: argparse.Namespace) -> None:
    """Label by a strategy and write its picture."""
    viewer, dock = open_demo(one.sample)
    view = dock.view
    dock.session.workspace = Workspace.open(Path(tempfile.mkdtemp()) / "workspace")
    image = viewer.layers[0]
    try:
        wait_for(lambda: not dock.controller.models.loading)
        if image.data.shape[0] > SIDE_PX:
            viewer.scene.camera.zoom *= 2
        view.choose_strategy(one.name)
        _choose(dock, one, args.text_to_image)
        wait_for(lambda: view.run_button.isEnabled(), 120)
        if not view.run_button.isEnabled():
            print(f"{one.name}: cannot run: {view.hint}", flush=True)
            return
        view.run_button.click()
        wait_for(lambda: False, 0.5)
        wait_for(lambda: not dock.controller.busy, _PATIENCE_S)
        print(f"{one.name}: {view.status} {view.error.sentence}", flush=True)
        if args.window is not None:
            args.window.mkdir(parents=True, exist_ok=True)
            photograph(viewer, args.window, one.name)
        labels = find_layer(viewer, image, "labels")
        if labels is not None:
            _write(args.output / f"strategy-{one.name}.png", _parts(viewer, image, labels))
    finally:
        dock.controller.shutdown()
        viewer.close()


def _choose(dock: PseudoLabelDock, one: Shown, text_to_image: Path | None) -> None:
    """Choose what the strategy asks for."""
    view = dock.view
    page = view.forms.get(one.name)
    boxes = {**view.models, **({} if page is None else {"translator": page.translator})}
    for role, ref in (("translator", one.translator), ("segmenter", one.segmenter)):
        if ref is not None:
            wait_for(lambda box=boxes[role], ref=ref: box.findData(ref) >= 0, 30)
            boxes[role].setCurrentIndex(boxes[role].findData(ref))
    if page is not None:
        images, labels = _known_fields(Path(tempfile.mkdtemp()))
        page.set_folders(images=str(images), labels=str(labels))
        page.set_classes("myelin=1, axon=2")
        page.pixel_size.setValue(TEM_LIKE.pixel_size_um)
        for name, value in one.options.items():
            page.training.edits[name].value = value
    elif own := view.own.get(one.name):
        chosen = {**one.options, **({"diffusion": text_to_image} if one.by_text_to_image else {})}
        if one.name == "zero-shot":
            chosen["known_images"], _ = _known_fields(Path(tempfile.mkdtemp()))
            chosen["known_pixel_size"] = TEM_LIKE.pixel_size_um
        for name, value in chosen.items():
            own.edits[name].value = value
    if view.objects.count() > 1 and one.name == "auto":
        view.objects.setCurrentIndex(0)


def _known_fields(folder: Path, count: int = 4) -> tuple[Path, Path]:
    """Write some generated fields of TEM-like axons and their labels, and return the two folders."""
    for seed in range(count):
        drawn = TEM_LIKE.render(TEM_LIKE.shape, 100 + seed)
        for name, values in zip(("images", "labels"), drawn, strict=True):
            (folder / name).mkdir(exist_ok=True)
            (folder / name / f"field_{seed}.png").write_bytes(imagecodecs.png_encode(values))
    return folder / "images", folder / "labels"


def _parts(viewer: Viewer, image: Layer, labels: Any) -> list[NDArray[np.uint8]]:
    """The image, its translation where there is one, and the labels over the image, of the middle of what was labelled."""
    values = np.asarray(labels.data)
    height, width = values.shape
    y, x = (height - SIDE_PX) // 2, (width - SIDE_PX) // 2
    window = np.s_[y : y + SIDE_PX, x : x + SIDE_PX]
    seen = _rgb(np.asarray(image.data)[window])
    made = find_layer(viewer, image, "translation")
    if made is None:
        made = find_layer(viewer, image, "heat")
    translated = (
        []
        if made is None
        else [overlay(_as_large(np.asarray(made.data), values.shape)[window], None, (), SIDE_PX)]
    )
    return [seen, *translated, overlaid(seen, values[window], with_colours(classes_of(labels)))]


def _as_large(values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Bring a picture that is coarser than the image to its pixels."""
    return resample_to(values.astype(np.float32), (shape[0], shape[1]))


def _rgb(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.ndim == 3:
        return pixels[..., :3].astype(np.uint8)
    low, high = np.percentile(pixels, (0.5, 99.5))
    return overlay((pixels - low) / max(high - low, 1e-6), None, (), SIDE_PX)


def _write(path: Path, parts: list[NDArray[np.uint8]]) -> None:
    """Write pictures side by side; with fewer shades where the file would be too large."""
    gap = np.full((SIDE_PX, GAP_PX, 3), 255, np.uint8)
    picture = np.concatenate([one for part in parts for one in (part, gap)][:-1], axis=1)
    for coarse in (1, 8, 16, 32):
        content = as_png(picture // coarse * coarse)
        if len(content) <= MOST_BYTES:
            break
    path.write_bytes(content)
    print(f"{path} {len(content)} bytes", flush=True)


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", nargs="?", type=Path, default=IMAGES)
    parser.add_argument("--only", default="")
    parser.add_argument("--window", type=Path)
    parser.add_argument("--text-to-image", type=Path)
    args = parser.parse_args()
    for one in SHOWN:
        if args.only in ("", one.name) and (not one.by_text_to_image or args.text_to_image is not None):
            make(one, args)


if __name__ == "__main__":
    on_a_screen(main)
