"""Whole trainings, from folders of images to checkpoints with cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.reading.file_names import left_out
from napari_pseudolabel.models.cards import Card, LabelClass, Training
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.registry import load_translator
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.training.common.ranks import Ranks
from napari_pseudolabel.training.common.score_measures import measures_of
from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.common.training_record import STATE, check_record, today
from napari_pseudolabel.training.data.folder_names import slug
from napari_pseudolabel.training.data.image_folders import LabelledPlane, Notes, Notify
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.data.training_inputs import (
    ModelGrid,
    PlaneSplit,
    aligned,
    check_values,
    fingerprint,
    labelled,
    split_by_file,
    split_given,
    unlabelled,
)
from napari_pseudolabel.training.segmenter.fine_tuning import check_patch
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import SegmenterTraining
from napari_pseudolabel.training.translator.syndiff_settings import SynDiffSettings
from napari_pseudolabel.training.translator.translator_training import (
    StartingPoint,
    TranslatorPlan,
    train_plan,
)


@dataclass(frozen=True)
class TranslatorFolders:
    """Images of the two modalities, and optional folders of aligned pairs."""

    source: Path
    target: Path
    pairs: tuple[Path, Path] | None = None


@dataclass(frozen=True)
class LabelledFolders:
    """Labelled images. Validation is a `share` of the files, or a folder with ``images`` and ``labels``."""

    images: Path
    labels: Path
    validation: Path | None = None
    share: float = 0.2


@dataclass(frozen=True)
class TrainingResult:
    """What a training made.

    Attributes
    ----------
    paths
        Checkpoints.
    steps, resumed_at
        Steps done in all, and before this call.
    score
        Validation of the segmenter; None for translators.
    notes
        Sentences for the person.
    """

    paths: tuple[Path, ...]
    steps: int
    resumed_at: int
    score: Score | None = None
    notes: tuple[str, ...] = ()


def train_translator(
    folders: TranslatorFolders,
    out: Path,
    *,
    grids: tuple[ModelGrid, ModelGrid],
    settings: SynDiffSettings,
    device: torch.device,
    licence: str = "",
    start: tuple[str, str] | None = None,
    start_state: Path | None = None,
    preview_every: int = 0,
    ranks: Ranks | None = None,
    control: Control | None = None,
) -> TrainingResult:
    """Train SynDiff in both directions, or go on with it, and write the two checkpoints.

    Parameters
    ----------
    folders
        Source and target images, unpaired.
    out
        Gets the state, the curves and ``SOURCE-to-TARGET.safetensors`` in both directions.
    grids
        Source and target.
    licence
        Of the checkpoints.
    start
        Names or paths of the translators to go on from, source to target and target to source; they bring the
        architecture along. The pixel grids are still those of `grids`.
    start_state
        ``training.pt`` of another training to take all networks from.
    preview_every
        Steps between two previews, of which the best decides what is kept; 0 for none.
    ranks
        Which of several processes this is.
    control
        Hears the events of `training.common.training_events`.

    Raises
    ------
    InputError
        If folders or settings cannot be used, or `out` holds another training.
    Cancelled
        If `control` says so; the same call goes on from there.
    """
    paths = folders.source, folders.target
    modalities = grids[0].modality(paths[0]), grids[1].modality(paths[1])
    notes = Notes()
    for path, grid, one in zip(paths, grids, modalities, strict=True):
        notes.add(grid.assumed(path, one))
    planes = [unlabelled(path, grid, notes.add) for path, grid in zip(paths, grids, strict=True)]
    pairs = aligned(folders.pairs, grids) if folders.pairs else []
    data = [f"{path.resolve().name} ({len(part)} images)" for path, part in zip(paths, planes, strict=True)]
    if pairs:
        data.append(f"{len(pairs)} aligned pairs")
    plan = TranslatorPlan(
        pools=(_pool(planes[0]), _pool(planes[1])),
        modalities=modalities,
        settings=settings,
        data=tuple(data),
        command="pseudolabel train translator SOURCE_DIR TARGET_DIR OUT_DIR",
        licence=licence,
        pairs=PatchPool([*pairs], n_images=2) if pairs else None,
        start=StartingPoint.of(*map(load_translator, start)) if start else None,
        start_state=start_state,
        preview_every=preview_every,
    )
    made = train_plan(plan, out, device=device, ranks=ranks or Ranks(), control=control or Control())
    aside = [note for path in paths for note in left_out(path)]
    return TrainingResult(made.paths, made.steps, made.resumed_at, notes=(*notes, *made.notes, *aside))


def train_segmenter(
    folders: LabelledFolders,
    out: Path,
    *,
    classes: Mapping[str, int],
    grid: ModelGrid,
    settings: SegmenterSettings,
    device: torch.device,
    name: str = "segmenter",
    width: int = 16,
    licence: str = "",
    control: Control | None = None,
    started: Callable[[int], None] = lambda step: None,
) -> TrainingResult:
    """Train a segmenter, or go on with it, and write the step that was best on the validation images.

    Parameters
    ----------
    folders
        Images, and label files of the same names.
    out
        Gets the state, the validation curve and ``NAME.safetensors``.
    classes
        Label value of each class by name; value 0 is the background, named or not.
    width
        Channels of the first level of the network.
    licence
        Of the checkpoint.
    started
        Called once with the number of steps done before, when the training begins.

    Raises
    ------
    InputError
        If folders, classes or settings cannot be used, or `out` holds another training.
    Cancelled
        If `control` says so; the same call goes on from there.
    """
    if not name or name == "best" or slug(name) != name.lower():
        raise InputError(
            f"“{name}” cannot be the name of the checkpoint; use letters, digits and -, but not best."
        )
    modality = grid.modality(folders.images)
    notes = Notes()
    notes.add(grid.assumed(folders.images, modality))
    split = _split(folders, grid, settings.seed, notes.add)
    labels = label_classes(classes)
    notes.add(check_values(split.train, classes, "training"))
    architecture = {"filters": tuple(width * factor for factor in (1, 2, 4, 8, 8))}
    files = {plane.name for plane in split.train}, {plane.name for plane in split.validation}
    card = Card(
        kind="segmenter",
        family="monai-unet",
        name=name,
        description=f"{', '.join(c.name for c in labels[1:])} in {modality.name} images.",
        architecture=architecture,
        source=modality,
        classes=labels,
        licence=licence,
        training=Training(
            data=(f"{folders.images.resolve().name} ({len(files[0])} images)",),
            steps=settings.steps,
            seed=settings.seed,
            date=today(),
            command="pseudolabel train segmenter IMAGES_DIR LABELS_DIR OUT_DIR",
        ),
    )
    check_patch(settings.patch, card)
    record = {
        "kind": "segmenter",
        "settings": asdict(settings),
        "modality": modality.model_dump(exclude={"texture"}),
        "classes": {c.name: c.value for c in labels},
        "architecture": architecture,
        "data": [_labelled_fingerprint(split.train), _labelled_fingerprint(split.validation)],
    }
    check_record(out, record, [name])
    run = SegmenterTraining(split.train, split.validation, card, settings, device=device)
    resumed_at = run.step if run.resume(out / STATE) else 0
    started(resumed_at)
    score = run.run(out, control)
    where = f"{len(files[1])} images kept out of training ({', '.join(sorted(files[1])[:5])})"
    quality = measures_of(score, where, command=card.training.command)
    best = monai_unet.loads(Offer(out / "best.safetensors"))
    path = out / f"{name}.safetensors"
    monai_unet.save(best.network, best.card.model_copy(update={"quality": quality}), path, half=True)
    return TrainingResult(
        (path,), run.step, resumed_at, score, (*notes, *run.notes, *left_out(folders.images, folders.labels))
    )


def _split(folders: LabelledFolders, grid: ModelGrid, seed: int, notify: Notify) -> PlaneSplit:
    planes = labelled(folders.images, folders.labels, grid, notify)
    if folders.validation is None:
        return split_by_file(planes, folders.share, seed)
    return split_given(
        planes, labelled(folders.validation / "images", folders.validation / "labels", grid, notify)
    )


def label_classes(classes: Mapping[str, int]) -> tuple[LabelClass, ...]:
    """Classes by value, with the background, from label values by name.

    Raises
    ------
    InputError
        If a value is above 255, the background has another than 0, or there is no class beside it.
    """
    if too_large := [name for name, value in classes.items() if value > 255]:
        raise InputError(f"The class {too_large[0]} has a value above 255; label values go from 0 to 255.")
    named = dict(classes)
    if 0 not in named.values():
        if "background" in named:
            raise InputError("The background has the value 0; correct the classes.")
        named["background"] = 0
    if len(named) < 2:
        raise InputError("Name at least one class besides the background, which has the value 0.")
    ordered = sorted(named.items(), key=lambda item: item[1])
    return tuple(LabelClass(name=name, value=value) for name, value in ordered)


def _labelled_fingerprint(planes: Sequence[LabelledPlane]) -> str:
    return fingerprint(array for plane in planes for array in (plane.image, plane.labels))


def _pool(planes: Sequence[NDArray[np.float32]]) -> PatchPool:
    return PatchPool([plane[None] for plane in planes])
