"""How a fine-tuning job is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
from torch import Tensor, nn

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.reading.file_names import images_in
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Card, Modality, Training
from napari_pseudolabel.models.evaluations import mode_of
from napari_pseudolabel.models.fitting import Link, assumptions, refuse_misfit
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters import monai_unet
from napari_pseudolabel.models.trainable import why_untrainable
from napari_pseudolabel.tiling import pick_device
from napari_pseudolabel.training.common.training_record import check_record, today
from napari_pseudolabel.training.data.adapted_planes import Adapter
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.training.data.training_inputs import fingerprint, misplaced_labels
from napari_pseudolabel.training.segmenter.fine_tune_task import (
    FineTuneResult,
    FineTuneTask,
    missing,
    promotion,
)
from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
from napari_pseudolabel.training.segmenter.segmenter_training import BEST, SegmenterTraining
from napari_pseudolabel.types import Array

_SHARE_OF_SETS = 0.5
_WARM_UP = 10


@dataclass(frozen=True, eq=False)
class TrainingOrigin:
    """Where a training begins: the card of its network, and its weights if there are any."""

    card: Card
    weights: Mapping[str, Tensor] | None


def fine_tune(job: FineTuneTask, control: Control, models: LoadedModels) -> FineTuneResult:
    """Run a fine-tuning job; see `FineTuneJob.run`."""
    s = job.settings
    device = pick_device(s.device)
    start = (
        origin_of(job.segmenter, models, "tuned")
        if job.segmenter
        else TrainingOrigin(_new_card(job, models), None)
    )
    check_patch(s.patch, start.card)
    if why := missing(job.planes, start.card.classes, job.sets):
        raise InputError(why)
    train, validation, shares, notes = _planes(job, start.card, models, control)
    settings = SegmenterSettings(
        s.steps, s.batch, s.patch, s.lr, s.seed, s.epoch_steps, min(_WARM_UP, s.steps // 2), s.patience
    )
    record = {
        "kind": "fine-tuning",
        "settings": asdict(settings),
        "start": {"parent": start.card.parent, "classes": [c.model_dump() for c in start.card.classes]},
        "data": [fingerprint(_arrays(train)), fingerprint(_arrays(validation))],
    }
    check_record(job.folder, record)
    card = start.card.model_copy(update={"training": _training(job, models)})
    run = SegmenterTraining(
        train,
        validation,
        card,
        settings,
        device=device,
        weights=shares,
        start=start.weights,
        learned="behind a translator" if job.translator else "labels",
    )
    best = run.run(job.folder, control, notes)
    verdict = promotion(run.before, best)
    assert run.stopped is not None
    return FineTuneResult(
        before=run.before,
        best=best,
        promoted=verdict.promoted,
        sentence=verdict.sentence,
        checkpoint=(job.folder / BEST).read_bytes() if best.step else None,
        stopped=run.stopped,
        notes=(*notes, *run.notes),
    )


def origin_of(ref: str, models: LoadedModels, what: str) -> TrainingOrigin:
    """Return a copy of the weights of a segmenter, with a card that names it as the parent.

    Parameters
    ----------
    ref
        As in `models.registry`.
    what
        Stands behind its name, once, such as "tuned".

    Raises
    ------
    InputError
        If it cannot be trained further here.
    """
    parent = models.segmenter(ref)
    name = parent.card.name or ref
    if why := why_untrainable(parent.card, name):
        raise InputError(why)
    tuned = name if name.endswith(f", {what}") else f"{name}, {what}"
    card = parent.card.model_copy(update={"name": tuned, "parent": parent.sha256, "quality": ()})
    network: nn.Module = cast(Any, parent).network  # a family that trains has one
    # A copy: the loaded model stays as it is for whoever labels with it.
    return TrainingOrigin(card, {key: value.detach().clone() for key, value in network.state_dict().items()})


def _new_card(job: FineTuneTask, models: LoadedModels) -> Card:
    if len(job.classes) < 2:
        raise InputError(
            "Name at least one class besides the background, or choose a segmenter to start from."
        )
    if job.translator:
        source = models.translator(job.translator).card.target
    else:
        sizes = {plane.pixel_size_um for plane in job.planes}
        name = (job.planes[0].modality or job.planes[0].name) if job.planes else "unnamed"
        source = Modality(name=name, pixel_size_um=sizes.pop() if len(sizes) == 1 else None)
    names = [c.name for c in job.classes if c.value]
    return Card(
        kind="segmenter",
        family=monai_unet.FAMILY,
        name=" and ".join(names),
        description=f"{', '.join(names)} in {source.name if source else 'unnamed'} images.",
        source=source,
        classes=job.classes,
    )


def check_patch(patch: int, card: Card) -> None:
    """Refuse patches that the network of a card cannot take."""
    stride = monai_unet.architecture_of(card).stride
    if patch < 2 * stride or patch % stride:
        raise InputError(
            f"Patches of {patch} pixels do not fit the network; use a multiple of {stride} from {2 * stride}."
        )


def _planes(
    job: FineTuneTask, card: Card, models: LoadedModels, control: Control
) -> tuple[list[LabelledPlane], list[LabelledPlane], list[float] | None, tuple[str, ...]]:
    """Training planes, validation planes, probabilities of the training planes, and notes."""
    notes: dict[str, None] = {}
    train: list[LabelledPlane] = []
    validation: list[LabelledPlane] = []
    adapter = _adapter(job, job.translator, job.settings.scale, card, models)
    chain = _chain(job.translator, job.segmenter, models)
    for plane in job.planes:
        control.check()
        refuse_misfit(chain, plane.modality, plane.name)
        notes |= dict.fromkeys(assumptions(chain, plane.modality, plane.name))
        adapted = adapter.annotated(plane, job.settings.trust, control)
        notes |= dict.fromkeys(adapted.notes)
        train += adapted.train
        validation += [adapted.validation] if adapted.validation is not None else []
    if not validation:
        raise InputError(
            "No pixel kept for validation is left on the segmenter's grid; confirm a larger region."
        )
    shares: list[float] | None = None
    if job.sets:
        known = [float(p.image.size if p.weight is None else p.weight.sum()) for p in train]
        further: list[LabelledPlane] = []
        for labelled_set in job.sets:
            _refuse_leak(labelled_set, job.planes)
            further_adapter = _adapter(job, labelled_set.translator, labelled_set.scale, card, models)
            chain = _chain(labelled_set.translator, job.segmenter, models)
            refuse_misfit(chain)
            planes, told = further_adapter.labelled(labelled_set, control)
            notes |= dict.fromkeys((*assumptions(chain, image=str(labelled_set.images)), *told))
            further += planes
        own = [(1 - _SHARE_OF_SETS) * value / max(sum(known), 1.0) for value in known]
        area = sum(plane.image.size for plane in further)
        shares = own + [_SHARE_OF_SETS * plane.image.size / area for plane in further]
        train += further
    notes |= dict.fromkeys(misplaced_labels(train))
    return train, validation, shares, tuple(notes)


def _adapter(
    job: FineTuneTask, translator: str | None, scale: Scale, card: Card, models: LoadedModels
) -> Adapter:
    return Adapter(
        segmenter=card,
        translator=models.translator(translator) if translator else None,
        scale=scale,
        samples=job.settings.samples,
        seed=job.settings.seed,
        device=job.settings.device,
        limits=models.limits,
        folder=job.inputs or job.folder / "inputs",
        evaluations=job.settings.evaluations,
    )


def _chain(translator: str | None, segmenter: str, models: LoadedModels) -> tuple[Link, ...]:
    """Return what the images meet on their way into the training; a new segmenter takes whatever comes."""
    first = (Link.of(models.translator(translator).card, translator),) if translator else ()
    return (*first, *((Link.of(models.segmenter(segmenter).card, segmenter),) if segmenter else ()))


def _refuse_leak(source: LabelledSet, planes: Sequence[AnnotatedPlane]) -> None:
    """Refuse an open image that comes back, validation pixels included, through a folder."""
    kept = [plane for plane in planes if plane.validation.any()]
    for path in images_in(source.images):
        image = source.reading.image(path)
        for plane in kept:
            if image.shape[-2:] == plane.image.shape and any(
                np.array_equal(image.plane(index, None), plane.image) for index in image.planes()
            ):
                raise InputError(
                    f"{path.name} in {source.images} is the open image {plane.name}, of which a part is kept for "
                    "validation; remove it from the folder."
                )


def _training(job: FineTuneTask, models: LoadedModels) -> Training:
    def translated(ref: str | None) -> str:
        if ref is None:
            return ""
        mode = mode_of(models.translator(ref).card, job.settings.evaluations)
        return f", translated by {ref} ({mode})"

    counted = sum(int((p.touched & ~p.validation).sum()) for p in job.planes)
    names = ", ".join(dict.fromkeys(plane.name for plane in job.planes))
    data = [f"{names} ({counted} corrected or confirmed pixels){translated(job.translator)}"]
    for one in job.sets:
        data.append(one.images.resolve().name + translated(one.translator))
    return Training(data=tuple(data), seed=job.settings.seed, date=today())


def _arrays(planes: Sequence[LabelledPlane]) -> Iterator[Array]:
    for plane in planes:
        yield plane.image
        yield plane.labels
        if plane.weight is not None:
            yield plane.weight
