"""Learn images from masks, and a segmenter from the images and the masks that come back, and from drawn fields."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.tiling import pick_device
from napari_pseudolabel.training.common.training_events import SyntheticPair
from napari_pseudolabel.training.common.training_record import check_record
from napari_pseudolabel.training.cycled.cycle_training import CycleTraining
from napari_pseudolabel.training.cycled.cycled_task import CycledTask
from napari_pseudolabel.training.cycled.hidden_masks import hidden_in
from napari_pseudolabel.training.cycled.mask_codes import decoded, encoded
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.training.data.nuclei_fields import nuclei_field
from napari_pseudolabel.training.data.training_inputs import fingerprint
from napari_pseudolabel.training.unlabelled.rendering import field_like
from napari_pseudolabel.training.unlabelled.seen_images import SeenImages, seen_in
from napari_pseudolabel.training.unlabelled.unlabelled_segmenter import (
    conclude,
    labelled,
    train_segmenter,
)
from napari_pseudolabel.training.unlabelled.unlabelled_task import UnlabelledResult, result_of

CYCLE = "cycle"
_FIELD_PX = 192
_SHOWN_PX = 192
_PROBED = 4
_ATTEMPTS, _NEXT_SEED = 3, 1_000_003
_LOOKED_AT = 8
_LEAST_COVERED = 0.003
_COMMAND = "pseudolabel label IMAGE OUT --strategy cycled"


def cycle(task: CycledTask, control: Control) -> UnlabelledResult:
    """Do a task; see `CycledJob.run`."""
    s = task.settings
    told = asdict(s)
    del told["device"]
    check_record(
        task.folder,
        {
            "kind": "cycled masks and drawn fields",
            "settings": told,
            **task.told,
            "data": fingerprint(task.places),
        },
        ("segmenter",),
    )
    if (known := result_of(task)) is not None:
        return known
    seen = seen_in(task, s.size_px, s.covered, control)
    training, thrown_away = trained(task, seen, control)
    codes = np.stack([encoded(mask_like(seen, number, s.seed)) for number in range(-_PROBED, 0)])
    hidden = hidden_in(training, torch.from_numpy(codes)[:, None].to(training.device))
    control.emit(_beside(seen, "made, blurred", (hidden.disturbed + 1) / 2, _mask(decoded(hidden.back))))
    found = preview(training, part := _part(seen))
    control.emit(_beside(seen, "as it is", part[: found.shape[0], : found.shape[1]], _mask(found)))
    fields: list[LabelledPlane] = []
    stage = control.stage("Making images from masks", s.fields)
    for field in with_drawn(cycled_fields(training, seen, s.fields, s.seed), seen, s.seed):
        if not fields:
            control.emit(_beside(seen, "made real", field.image, field.labels))
        fields.append(field)
        if len(fields) % 2:
            stage.advance()
    made = f"{len(fields) // 2} images that were made of rendered masks, and as many fields rendered with a measured look"
    train_segmenter(task, s, fields, _COMMAND, made, control)
    return conclude(task, seen.factor, (*seen.notes, *thrown_away, hidden.sentence))


def trained(task: CycledTask, seen: SeenImages, control: Control) -> tuple[CycleTraining, tuple[str, ...]]:
    """Train the generators, or go on with it, and say what was thrown away: critics may turn the polarity around again.

    Raises
    ------
    InputError
        If no attempt finds objects where they are.
    """
    kind = task.classes[-1].name
    for attempt in range(_ATTEMPTS):
        training = _attempt(task, seen, attempt, control)
        if sees_objects(training, seen):
            turned = f"{attempt} of {attempt + 1} trainings took what is around {kind} for {kind}, and were thrown away."
            return training, (turned,) * bool(attempt)
    raise InputError(
        f"In {_ATTEMPTS} trainings the networks took what is around {kind} for {kind}, so nothing came of it; train with more steps of the "
        "cycle, or with other images, in another folder."
    )


def sees_objects(training: CycleTraining, seen: SeenImages) -> bool:
    """Whether what the generator of masks finds in most images is brighter, or darker, than the rest, as objects there are."""
    votes = []
    for plane in seen.on_grid()[:_LOOKED_AT]:
        found = preview(training, plane) > 0
        if found.any() and not found.all():
            values = plane[: found.shape[0], : found.shape[1]]
            votes.append((values[found].mean() > values[~found].mean()) == seen.bright)
    return 2 * sum(votes) > len(votes)


def _attempt(task: CycledTask, seen: SeenImages, attempt: int, control: Control) -> CycleTraining:
    s = task.settings
    if attempt:
        s = replace(s, seed=s.seed + attempt * _NEXT_SEED)
    count = max(s.fields, len(seen.looks))
    masks = [encoded(mask_like(seen, number, s.seed)) for number in range(count)]
    around, inside = (
        float(np.median([getattr(look, name) for look in seen.looks])) for name in ("around", "inside")
    )
    training = CycleTraining(masks, seen.on_grid(), (around, inside), s, device=pick_device(s.device))
    training.run(task.folder / (f"{CYCLE}-{attempt + 1}" if attempt else CYCLE), control)
    return training


def mask_like(seen: SeenImages, number: int, seed: int) -> NDArray[np.int32]:
    """Draw objects as large and dense as in one of the images, on the grid of the segmenter: (H, W) int32."""
    own = number % (2**20)
    look = seen.looks[number % len(seen.looks)].varied(np.random.default_rng((seed, own)))
    shape = replace(look.geometry, diameter_px=look.geometry.diameter_px * seen.factor)
    return nuclei_field((_FIELD_PX, _FIELD_PX), seed=seed * 100_003 + own, params=shape).labels


def cycled_fields(
    training: CycleTraining, seen: SeenImages, count: int, seed: int, *, inputs: bool = False
) -> Iterator[LabelledPlane]:
    """Yield images that were made of new masks, with the masks that come back from them.

    Parameters
    ----------
    inputs
        The masks that went in instead, to see what the way back is worth.
    """
    for number in range(count):
        mask = mask_like(seen, 10_000 + number, seed)
        image, back = _there_and_back(training, encoded(mask))
        numbered = mask if inputs else decoded(back)
        if (numbered > 0).mean() < _LEAST_COVERED and number:
            continue  # next to nothing is in it, of which there is enough in the others
        yield labelled(f"field {number}", np.asarray((image + 1) / 2, np.float32), numbered)


def with_drawn(fields: Iterable[LabelledPlane], seen: SeenImages, seed: int) -> Iterator[LabelledPlane]:
    """Yield after each field one that is drawn with a measured look.

    Masks that come back hardly say where objects that touch part; drawn ones say it exactly.
    """
    for number, field in enumerate(fields):
        yield field
        yield field_like(seen, number, seed)


def preview(training: CycleTraining, image: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the numbered objects that the generator of masks sees in a real image (H, W) in [0, 1].

    Sides become multiples of 4.
    """
    height, width = (side // 4 * 4 for side in image.shape)
    real = torch.from_numpy(np.ascontiguousarray(image[:height, :width]))[None, None] * 2 - 1
    with torch.no_grad():
        return decoded(training.mask_of(real.to(training.device))[0, 0].cpu().numpy())


def _there_and_back(
    training: CycleTraining, code: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    with torch.no_grad():
        image = training.image_of(torch.from_numpy(code)[None, None].to(training.device))
        back = training.mask_of(image)
    found = [np.asarray(one[0, 0].cpu().numpy(), np.float32) for one in (image, back)]
    return found[0], found[1]


def _beside(
    seen: SeenImages, name: str, made: NDArray[np.floating], labels: NDArray[np.uint8]
) -> SyntheticPair:
    """Return a part of the first image, and what was made to be shown beside it: (H, W) in [0, 1], and its labels."""
    return SyntheticPair(name, _grey(_part(seen)), _grey(made), labels)


def _part(seen: SeenImages) -> NDArray[np.float32]:
    return seen.on_grid()[0][:_SHOWN_PX, :_SHOWN_PX]


def _mask(numbered: NDArray[np.int32]) -> NDArray[np.uint8]:
    return (numbered > 0).astype(np.uint8)


def _grey(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    return (np.clip(image, 0, 1) * 255).astype(np.uint8)
