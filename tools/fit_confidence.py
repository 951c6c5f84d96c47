"""Fit how sure the shipped segmenters may be on their validation images, and write it into their cards.

    python tools/fit_confidence.py DATA [--only sem-proxy] [--runs DIR] [--labelled]

To be run again after a segmenter or a translator was trained (`train_model.py`): one that is trained there brings a calibration
along, but by fewer images, and a guess behind translators. DATA holds the folders ``axon_tem``, ``axon_sem`` and ``nuclei``. How sure a
segmenter may be of what the shipped translators make, by as many steps as they usually take, is fitted on labelled images of the other
modality, which the card names; how sure that of fluorescence may be of images as they are, on images that no training has seen (of both all
but rat 4, sub-371, sub-373C and every third image of nuclei, which benchmarks alone read). A proxy is validated on translated images of its
source, and those of nuclei on labelled images of the other stain, without any label of its own modality. What was labelled is kept in RUNS.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import typer
from recipes.carried import CARRIED, OTHER_STAIN, OWN, answers, temperature
from recipes.contrasts import RANDOM_CONTRASTS
from recipes.pairs import LABELLED_SETS, PROXIES
from recipes.refined import REFINED
from recipes.ways import Way
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models import load_segmenter, load_translator, resolve
from napari_pseudolabel.models.card_files import HEADER_KEY, atomic_write, read_header_card
from napari_pseudolabel.models.cards import Card, CardCalibration
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.registry import sample_folder
from napari_pseudolabel.tiling import MemoryLimits
from napari_pseudolabel.training.common.training_record import today
from napari_pseudolabel.training.data.adapted_planes import Adapter
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.segmenter.calibrating import calibrated
from napari_pseudolabel.training.tutor.synthetic import translated
from napari_pseudolabel.wording import some

MOST, MOST_PX = 12, 256  # planes, and sides of those that are translated
_AS_THEY_ARE = "; as they are on "
_HALF_WAY = "; half way to what fits "
_BEHIND = "; behind a translator on "
COMMAND = "python tools/fit_confidence.py DATA"


def validation(name: str, data: Path) -> list[LabelledPlane]:
    """Return the planes that no training of a shipped segmenter has seen, on its grid."""
    if name in LABELLED_SETS:
        return LABELLED_SETS[name].validation(data)
    if name in REFINED and REFINED[name].beside is not None:
        return REFINED[name].validated(data)
    if name in RANDOM_CONTRASTS:
        own = RANDOM_CONTRASTS[name]
        return own.validation(own.source.validation(data))
    recipe, card = PROXIES[name], load_segmenter(f"sample:{name}").card
    planes = recipe.source.validation(data)
    planes = planes[:: -(-len(planes) // (MOST // len(recipe.translators)))]
    # Of large ones the corner: a translation takes 100 s per million pixels.
    corner = np.s_[:MOST_PX, :MOST_PX]
    planes = [replace(one, image=one.image[corner], labels=one.labels[corner]) for one in planes]
    found: list[LabelledPlane] = []
    with TemporaryDirectory() as folder:
        for ref in recipe.translators:
            adapter = Adapter(card, load_translator(ref), Scale(), 1, 0, "cpu", MemoryLimits(), Path(folder))
            made, _ = translated(planes, adapter, Control())
            found += [plane for one in made if (plane := one.validate()) is not None]
    return found


def with_labels(
    found: CardCalibration, ref: str, data: Path, runs: Path, models: LoadedModels
) -> CardCalibration:
    """Replace what validation images tell by what labelled images do that a segmenter labels as a run would."""
    own, *_ = found.data.split(_AS_THEY_ARE)
    own, *_ = own.split(_BEHIND)
    beside = OTHER_STAIN.get(ref, ())
    if beside:
        known = answers(beside, data, runs, models)
        own += f"{_HALF_WAY}{_named(beside, [one.group for one in known])}, with their labels"
        half_way = round((found.temperature * temperature(known)) ** 0.5, 3)
        changes = {"temperature": half_way, "carried": half_way, "data": own, "date": today()}
        found = found.model_copy(update=changes)
    for field, told, ways in (
        ("temperature", _AS_THEY_ARE, OWN.get(ref, ())),
        ("carried", _BEHIND, CARRIED.get(ref, ())),
    ):
        if ways:
            known = answers(ways, data, runs, models)
            own += f"{told}{_named(ways, [one.group for one in known])}, with their labels"
            changes = {field: round(temperature(known), 3), "data": own, "date": today()}
            found = found.model_copy(update=changes)
    return found


def _named(ways: tuple[Way, ...], groups: list[str]) -> str:
    images = some([one.removeprefix("sub-") for one in dict.fromkeys(groups)], 6)
    return f"{some([way.name for way in ways], 4)} of {images}"


def main(
    data: Path,
    only: str = typer.Option("", help="One of the segmenters instead of all."),
    runs: Path = Path("runs/looks"),
    labelled: bool = typer.Option(
        False, help="Fit again only what labelled images of RUNS tell, which takes seconds."
    ),
) -> None:
    """Fit, print and write."""
    torch.set_num_threads(1)
    models = LoadedModels()
    shipped = {path.stem for path in sample_folder().glob("*.safetensors")}
    for name in [only] if only else [*LABELLED_SETS, *PROXIES, *RANDOM_CONTRASTS]:
        if name not in shipped:
            continue
        ref = f"sample:{name}"
        # What a proxy was told by validation images is not in its card any more.
        again = labelled and ref not in OTHER_STAIN
        found = load_segmenter(ref).card.calibration if again else None
        if found is None:
            found = calibrated(
                load_segmenter(ref),
                validation(name, data),
                learned="labels" if name in LABELLED_SETS else "translations",
                most=MOST,
                command=COMMAND,
            )
        if found is not None:
            found = with_labels(found, ref, data, runs, models)
        path = resolve(ref)
        card = Card.model_validate(read_header_card(path)).model_copy(update={"calibration": found})
        header = {HEADER_KEY: json.dumps(card.model_dump(mode="json", exclude_none=True), ensure_ascii=False)}
        atomic_write(path, to_bytes(load_file(path), header))
        typer.echo(f"{name}: {found}")


if __name__ == "__main__":
    typer.run(main)
