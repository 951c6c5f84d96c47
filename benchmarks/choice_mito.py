"""Models that carry mitochondria between ssTEM and FIB-SEM, made in two minutes: for measuring how the best of their ways is found."""

from __future__ import annotations

from pathlib import Path

from quality_mito import FIBSEM, FIBSEM_MITO, SSTEM, SSTEM_MITO
from train_model import card_of as card_of_set

from napari_pseudolabel.models.cards import Modality, Training
from napari_pseudolabel.models.translators.curve_file import as_file
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import BEST, SegmenterTraining
from napari_pseudolabel.training.translator.grey_levels_fit import Method, card, fit

SETS = {"ssTEM": SSTEM_MITO, "FIB-SEM": FIBSEM_MITO}
STEPS = SegmenterSettings(240, 4, 112, validate_every=120, warm_up=20, class_shift=0.3, ema=0.99, seed=0)
METHODS: tuple[Method, ...] = ("match", "invert-match")


def mito_models(data: Path, runs: Path, *, source: Modality) -> tuple[str, ...]:
    """Return a segmenter of one modality and curves of grey levels from the other, trained where they are missing."""
    target = FIBSEM if source == SSTEM else SSTEM
    labelled, images = SETS[source.name], SETS[target.name]
    folder = runs / f"mitochondria-of-{source.name}"
    best = folder / BEST
    planes = labelled.training(data)
    if not (folder / "done").exists():
        training = SegmenterTraining(planes, labelled.validation(data)[:2], card_of_set(labelled), STEPS)
        training.run(folder)
        (folder / "done").touch()
    curves = []
    greys = [[plane.image for plane in one] for one in (images.training(data), planes)]
    for method in METHODS:
        path = folder / f"{method}.safetensors"
        about = card(target, source, method, Training(data=labelled.data), labelled.pair.licence)
        path.write_bytes(as_file(fit(*greys, method), about))
        curves.append(str(path))
    return (str(best), *curves)
