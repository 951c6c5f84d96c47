"""How a tutorship is run: translate the labelled images, train one proxy per fold, write them with their cards."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Card, Training
from napari_pseudolabel.models.evaluations import mode_of
from napari_pseudolabel.models.fitting import Link, assumptions, refuse_misfit, same_modality
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.tiling import pick_device
from napari_pseudolabel.training.common.score_measures import measures_of
from napari_pseudolabel.training.common.training_events import Fold, Score
from napari_pseudolabel.training.common.training_record import check_record, today
from napari_pseudolabel.training.data.adapted_planes import Adapter
from napari_pseudolabel.training.data.labelled_sets import LabelledLayer
from napari_pseudolabel.training.data.nnunet_raw import check_raw_target
from napari_pseudolabel.training.data.training_inputs import fingerprint, validation_files
from napari_pseudolabel.training.segmenter.fine_tuning import check_patch
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import BEST, SegmenterTraining
from napari_pseudolabel.training.tutor.labelled_sources import LabelledImages, labelled_images
from napari_pseudolabel.training.tutor.synthetic import SyntheticPlane, keep_as_nnunet, translated
from napari_pseudolabel.training.tutor.tutor_task import Proxy, TutorResult, TutorTask
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import some
from napari_pseudolabel.workspace import write_text

PROXY, _RESULT = "proxy.safetensors", "result.json"
_INPUTS = "inputs"
_LEVELS = (1, 2, 4, 8, 8)
_WARM_UP = 10
_COMMAND = "pseudolabel label IMAGE OUT --strategy tutorship"


def tutor(job: TutorTask, control: Control, models: LoadedModels) -> TutorResult:
    """Run a tutorship; see `TutorJob.run`."""
    device = pick_device(job.settings.device)
    translator = models.translator(job.translator)
    assumed = _check_direction(job, translator)
    adapter = _adapter(job, translator, models)
    labelled = labelled_images(job, adapter)
    control.check()
    card = _card(job, labelled, translator)
    check_patch(job.settings.patch, card)
    split = _Split.of(job, labelled)
    record = _record(job, labelled, translator, split)
    mark = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    to_keep = job.nnunet if job.nnunet and not check_raw_target(job.nnunet, mark) else None
    job.folder.mkdir(parents=True, exist_ok=True)
    folders = [job.folder / f"fold-{number}" for number in range(1, len(split.validation) + 1)]
    for folder in folders:
        check_record(folder, record)
    done = [_done(folder) for folder in folders]
    if ended := [number for number, proxy in enumerate(done, 1) if proxy and proxy.stopped == "finish"]:
        # The person wanted no further folds.
        folders, done = folders[: ended[0]], done[: ended[0]]
    planes: list[SyntheticPlane] = []
    notes = dict.fromkeys((*labelled.notes, *assumed))
    if to_keep or None in done:
        planes, told = translated(labelled.planes, adapter, control)
        notes |= dict.fromkeys(told)
    if to_keep:
        keep_as_nnunet(
            to_keep,
            planes,
            labelled.classes,
            () if split.by_pixel else split.validation,
            description=card.description,
            licence=job.licence,
            mark=mark,
        )
    proxies: list[Proxy] = []
    for number, (folder, proxy) in enumerate(zip(folders, done, strict=True), 1):
        inner = control.part(f"fold {number} of {len(folders)}") if len(folders) > 1 else control
        if proxy is None:
            inner.emit(Fold(number, len(folders)))
            proxy, told = _train(job, card, split, planes, number, folder, device, inner, tuple(notes))
            notes |= dict.fromkeys(told)
        if proxy is not None:
            inner.emit(Fold(number, len(folders), proxy.score))
            proxies.append(proxy)
        if proxy is None or proxy.stopped == "finish":
            break
    if not proxies:
        raise InputError("The training was finished before its first step; start it again.")
    name = translator.card.name or job.translator
    return TutorResult(tuple(proxies), name, translator.sha256, tuple(notes))


def _check_direction(job: TutorTask, translator: Translator) -> tuple[str, ...]:
    """Refuse a translator that does not lead from the labelled images to those to be labelled; returns assumptions."""
    link = Link.of(translator.card, job.translator)
    if not same_modality(link.makes, job.target):
        raise InputError(
            f"“{link.name}” makes {link.makes} images, but the images to be labelled are {job.target}; choose a "
            f"translator that makes {job.target}."
        )
    told: dict[str, None] = {}
    for source, name in zip(job.sources, job.names, strict=True):
        modality = source.modality if isinstance(source, LabelledLayer) else ""
        refuse_misfit((link,), modality, name)
        told |= dict.fromkeys(assumptions((link,), modality, name))
    return tuple(told)


@dataclasses.dataclass(frozen=True)
class _Split:
    """Files that validate, for each fold; or the pixels that are kept, where there is a single file."""

    validation: tuple[frozenset[str], ...]
    by_pixel: bool

    @classmethod
    def of(cls, job: TutorTask, labelled: LabelledImages) -> _Split:
        s = job.settings
        planes = labelled.planes
        files = {plane.name for plane in planes}
        if len(files) == 1 and any(plane.kept is not None for plane in planes):
            if s.folds > 1:
                raise InputError("Several folds need several labelled images; ask for one fold.")
            return cls((frozenset(files),), by_pixel=True)
        return cls(
            validation_files(
                planes, folds=s.folds, share=s.validation_share, seed=s.seed, chosen=job.validation
            ),
            by_pixel=False,
        )


def _adapter(job: TutorTask, translator: Translator, models: LoadedModels) -> Adapter:
    # The proxy sees what the translator makes, pixel by pixel.
    proxy = Card(kind="segmenter", family=monai_unet.FAMILY, source=translator.card.target)
    s = job.settings
    return Adapter(
        proxy,
        translator,
        Scale(),
        s.samples,
        s.seed,
        s.device,
        models.limits,
        job.folder / _INPUTS,
        evaluations=s.evaluations,
    )


def _card(job: TutorTask, labelled: LabelledImages, translator: Translator) -> Card:
    target = translator.card.target
    where = target.name if target else "target"
    names = ", ".join(label_class.name for label_class in labelled.classes if label_class.value)
    mode = mode_of(translator.card, job.settings.evaluations)
    made_by = f"{translator.card.name or job.translator} ({job.translator}, sha256 {translator.sha256[:12]}, {mode})"
    files = len({plane.name for plane in labelled.planes})
    return Card(
        kind="segmenter",
        family=monai_unet.FAMILY,
        name=f"{names} in {where}, tutored",
        description=f"{names} in {where} images; trained on images that {made_by} made, on no real ones.",
        architecture={"filters": tuple(job.settings.width * factor for factor in _LEVELS)},
        source=target,
        classes=labelled.classes,
        licence=job.licence,
        training=Training(
            data=(f"{', '.join(job.names)} ({files} labelled images), translated by {made_by}",),
            licence=job.licence,
            seed=job.settings.seed,
            date=today(),
            command=_COMMAND,
        ),
    )


def _record(job: TutorTask, labelled: LabelledImages, translator: Translator, split: _Split) -> JsonObject:
    content = (
        array
        for plane in labelled.planes
        for array in (plane.image, plane.labels, plane.weight, plane.kept)
        if array is not None
    )
    return {
        "kind": "tutorship",
        "settings": job.settings.identity,
        "translator": translator.sha256,
        "classes": {label_class.name: label_class.value for label_class in labelled.classes},
        "validation": [sorted(files) for files in split.validation],
        "data": fingerprint(content),
    }


def _train(
    job: TutorTask,
    card: Card,
    split: _Split,
    planes: Sequence[SyntheticPlane],
    number: int,
    folder: Path,
    device: torch.device,
    control: Control,
    notes: tuple[str, ...],
) -> tuple[Proxy | None, tuple[str, ...]]:
    """Train a fold, or go on with it; returns the proxy, None if the person finished at once, and notes."""
    files = split.validation[number - 1]
    inside = [plane for plane in planes if plane.name in files]
    learned = planes if split.by_pixel else [plane for plane in planes if plane.name not in files]
    found = [plane.validate(only_held_out=split.by_pixel) for plane in inside]
    s = job.settings
    settings = SegmenterSettings(
        s.steps,
        s.batch,
        s.patch,
        s.lr,
        s.seed + number - 1,
        s.epoch_steps,
        min(_WARM_UP, s.steps // 2),
        s.patience,
        s.class_shift,
        s.ema,
    )
    if len(split.validation) > 1:
        # Members of the ensemble are told apart by their names.
        card = card.model_copy(update={"name": f"{card.name}, fold {number}"})
    run = SegmenterTraining(
        [labelled_plane for plane in learned for labelled_plane in plane.train()],
        [plane for plane in found if plane is not None],
        card,
        settings,
        device=device,
        learned="translations",
    )
    best = run.run(folder, control, notes)
    assert run.stopped is not None
    if not best.step:
        return None, run.notes
    _write_proxy(folder, best, f"{len(files)} of the labelled images, translated ({some(sorted(files), 5)})")
    result = {"score": asdict(best), "stopped": run.stopped}
    # Comes last: a fold with a result is done.
    write_text(folder / _RESULT, json.dumps(result, indent=1) + "\n")
    return _done(folder), run.notes


def _write_proxy(folder: Path, best: Score, where: str) -> None:
    """Give the best step a card that cannot be taken for one of real images."""
    segmenter = monai_unet.loads(Offer(folder / BEST))
    quality = measures_of(best, f"{where}, which chose the step", on="synthetic images")
    card = segmenter.card.model_copy(update={"quality": quality})
    monai_unet.save(segmenter.network, card, folder / PROXY, half=True)


def _done(folder: Path) -> Proxy | None:
    """Return the proxy of a fold that is done."""
    path, result = folder / PROXY, folder / _RESULT
    if not (path.is_file() and result.is_file()):
        return None
    try:
        found = read_json(result)
        return Proxy(path, path.read_bytes(), Score(**found["score"]), found["stopped"])
    except (ValueError, KeyError, TypeError):
        return None  # damaged: the fold is ended again from its state
