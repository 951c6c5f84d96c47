"""Could *find the best* judge a threshold, too? Stability under small changes of the image, and consensus, against true Dice on nuclei.

    python benchmarks/choice_otsu.py [--data DIR] [--images 3] [--json FILE]

Mirrored looks of a threshold always agree, so it needs another score, the same for all ways. Otsu + watershed stands beside the three
shipped segmenters of nuclei (inverted where they need it) on a corner of some images of every set.

stability   mean Dice of the labels of an image with those of two changes of it: noise and another gamma; blur and uneven light
consensus   mean Dice with what the other ways say

Regret, in Dice: of the way with the highest score; with ties (below .03) to what is cheaper, which is the threshold.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tools_path  # noqa: F401
import typer
from numpy.typing import NDArray
from recipes import nuclei
from scipy import ndimage as ndi

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array, read, read_labels
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.confidence import mean_dice
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelSettings
from napari_pseudolabel.strategies.choice.judging import TIE
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.otsu import OTSU
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.tiling import TileSettings

SETS = ("fluorescence", "stain_purple_on_white", "stain_lavender", "brightfield_gray")
SEGMENTERS = ("fluorescence-nuclei", "purple-proxy", "lavender-proxy")
SIDE, USABLE = 256, 0.5
CPU = TileSettings(device="cpu")


def labels_of(
    image: NDArray[np.floating], way: str, bright: bool, size_px: float, models: LoadedModels
) -> NDArray[np.uint8]:
    """Label an image, (H, W) in [0, 1]."""
    layer = from_array((255 * image).astype(np.float32), name="view")
    if way == "otsu":
        job = OTSU.job(layer, LabelRequest(settings=LabelSettings(tiles=CPU, flips=0)))
    else:
        how = "unchanged" if bright == (way == "fluorescence-nuclei") else "inverted"
        settings = LabelSettings(scale=Scale(object_size_px=size_px), flips=0, tiles=CPU)
        job = LabelJob(layer, f"{how}:sample:{way}", f"sample:{way}", settings=settings, across=True)
    made = job.run(Control(), models).labels
    assert made is not None
    return (made[0] > 0).astype(np.uint8)


def changes(image: NDArray[np.floating]) -> tuple[NDArray[np.floating], ...]:
    """Return what a person would still call the same image."""
    noise = np.random.default_rng(0).normal(0, 0.04, image.shape)
    light = 0.15 * np.linspace(0, 1, image.shape[1])
    return image**0.7 + noise, ndi.gaussian_filter(image, 1.5) + light


def measure(folder: Path, name: str, models: LoadedModels) -> dict[str, tuple[float, float, float]]:
    """Return true Dice, stability and consensus of every way; of none where there is no nucleus."""
    image = read(folder / "images" / f"{name}.png")
    raw = np.asarray(image.plane((), image.default_channel))[:SIDE, :SIDE]
    numbered = np.asarray(read_labels(folder / "labels" / f"{name}.png").data)[:SIDE, :SIDE].astype(np.int32)
    if not numbered.any():
        return {}
    low, high = np.percentile(raw, (1, 99))
    grey = np.clip((raw - low) / max(high - low, 1e-3), 0, 1)
    bright, size = folder.name == "fluorescence", nuclei.median_diameter(numbered)
    made, stable = {}, {}
    for way in ("otsu", *SEGMENTERS):
        made[way] = labels_of(grey, way, bright, size, models)
        others = (labels_of(one, way, bright, size, models) for one in changes(grey))
        stable[way] = float(np.mean([mean_dice(one, made[way]) for one in others]))
    truth = (numbered > 0).astype(np.uint8)
    return {
        way: (
            mean_dice(own, truth),
            stable[way],
            float(np.mean([mean_dice(own, made[it]) for it in made if it != way])),
        )
        for way, own in made.items()
    }


def regret(found: dict[str, tuple[float, float, float]], score: int, tie: float) -> float:
    """Dice of the best way less that of the chosen one: the threshold where it is as good, else the highest."""
    highest = max(found, key=lambda way: found[way][score])
    chosen = "otsu" if found["otsu"][score] >= found[highest][score] - tie else highest
    return max(one[0] for one in found.values()) - found[chosen][0]


def main(
    data: Path = Path(__file__).parents[2] / "shared" / "data",
    images: int = typer.Option(3, help="Of every set, spread over it."),
    json_path: Path = typer.Option(Path("runs/choice_otsu.json"), "--json"),
) -> None:
    """Measure, print every image and the regrets, and write them as JSON."""
    models, found = LoadedModels(), {}
    for name in SETS:
        folder = data / "nuclei" / name
        names = sorted(path.stem for path in (folder / "images").glob("*.png"))
        for one in names[2 :: max(1, len(names) // images)][:images]:
            found[f"{name} {one[:8]}"] = measured = measure(folder, one, models)
            print(
                name, one[:8], {way: [round(float(it), 3) for it in told] for way, told in measured.items()}
            )
    usable = [one for one in found.values() if max((told[0] for told in one.values()), default=0) >= USABLE]
    for words, score, tie in (
        ("stability, ties to the threshold", 1, TIE),
        ("stability", 1, 0.0),
        ("consensus, ties to the threshold", 2, TIE),
        ("consensus", 2, 0.0),
    ):
        regrets = [regret(one, score, tie) for one in usable]
        print(
            f"{words}: regret {np.mean(regrets):.3f}, largest {max(regrets):.3f} ({len(usable)} images that some way labels)"
        )
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
