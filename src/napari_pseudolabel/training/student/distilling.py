"""How a fast version of a translator is made: what the translator makes of parts of images, learned and compared."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import resample_to
from napari_pseudolabel.models.cards import Card, Measure, Training
from napari_pseudolabel.models.evaluations import evaluations_of
from napari_pseudolabel.models.fitting import Link, assumptions, refuse_misfit
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters.base import Segmenter
from napari_pseudolabel.models.translators import small_unet, syndiff
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import MemoryLimits, TileSettings, pick_device
from napari_pseudolabel.training.common.training_events import Score
from napari_pseudolabel.training.common.training_record import STATE, check_record, today
from napari_pseudolabel.training.data.folder_names import slug
from napari_pseudolabel.training.data.image_folders import LabelledPlane, Notes
from napari_pseudolabel.training.data.training_inputs import fingerprint
from napari_pseudolabel.training.student.distil_task import (
    DistilSettings,
    DistilTask,
    FastVersion,
    could_be_faster,
    verdict,
)
from napari_pseudolabel.training.student.label_judge import LabelJudge
from napari_pseudolabel.training.student.student_training import StudentTraining
from napari_pseudolabel.workspace import atomic_file

Plane = NDArray[np.float32]

_BEST = "best.safetensors"
_SMALLEST_CROP = 64
_FEWEST = 4  # parts: three to learn from, one to compare on
_MOST_KEPT = 8  # parts to compare on; each costs as much as several that are learned from
_MULTIPLE = 8  # patches are multiples of this


@dataclass(frozen=True, eq=False)
class Distillation:
    """What a fast version learns, and from whom.

    Attributes
    ----------
    planes
        (H, W) float32 in [0, 1], on the grid of the translator, normalised as it asks.
    segmenter
        Its labels decide.
    data, command, licence, data_licence
        For the card: the images, what makes it again, and the licences of the weights and of the images.
    """

    translator: Translator
    segmenter: Segmenter
    planes: Sequence[Plane]
    settings: DistilSettings
    data: tuple[str, ...]
    command: str
    licence: str = ""
    data_licence: str = ""

    @property
    def name(self) -> str:
        """Of the translator, as the person knows it."""
        return self.translator.card.name or "the translator"


def distil(task: DistilTask, control: Control, models: LoadedModels) -> FastVersion:
    """Run a task; see `DistilJob.run`."""
    translator, segmenter = models.translator(task.translator), models.segmenter(task.segmenter)
    chain = Link.of(translator.card, task.translator), Link.of(segmenter.card, task.segmenter)
    refuse_misfit(chain, task.modality)
    notes = Notes()
    planes, note = task.images.on_grid(translator.card.source, notes.add, translator.card)
    notes.add([note] if note else [])
    notes.add(assumptions(chain, task.modality))
    in_shell = task.images.folder is not None
    asked = Distillation(
        translator,
        segmenter,
        planes,
        task.settings,
        (task.images.described(),),
        f"pseudolabel train fast-version {task.translator} IMAGES_DIR OUT_DIR"
        if in_shell
        else "made in the viewer",
        task.licence,
    )
    return learned(asked, task.folder, control, models.limits, tuple(notes))


def learned(
    asked: Distillation,
    folder: Path,
    control: Control,
    limits: MemoryLimits | None = None,
    notes: tuple[str, ...] = (),
) -> FastVersion:
    """Let the translator work, train on what it made, compare the labels; the same call goes on from `folder`.

    Raises
    ------
    InputError
        If the translator is as fast already, the images are too small, or `folder` holds another training.
    Cancelled
        If `control` says so.
    """
    card = asked.translator.card
    if not could_be_faster(card):
        raise InputError(f"“{asked.name}” is as fast as it can be made already; choose another translator.")
    train, kept = parts(asked.planes, asked.settings)
    # Patches are never magnified to their size: what is learned is learned at the scale of the images.
    train = [part for part in train if min(part.shape) >= asked.settings.patch] or train
    smallest = min(min(part.shape) for part in train)
    patch = min(asked.settings.patch, smallest // _MULTIPLE * _MULTIPLE)
    settings = replace(asked.settings, patch=patch)
    record = {
        "kind": "fast version",
        "settings": {
            name: value for name, value in asdict(settings).items() if name not in ("steps", "device")
        },
        "models": [asked.translator.sha256, asked.segmenter.sha256],
        "data": fingerprint(asked.planes),
    }
    check_record(folder, record)
    device = pick_device(settings.device)
    stage = control.stage("Translating what is learned from", len(train) + len(kept))
    made: list[Plane] = []
    for number, part in enumerate((*train, *kept)):
        samples = settings.samples if number < len(train) else settings.compared_samples
        made.append(_translations(asked, part, samples, folder / "inputs", control, limits))
        stage.advance()
    judge = LabelJudge(asked.segmenter, card.target, str(device), control)
    stage = control.stage("Labelling what is learned from", len(train) + len(kept))
    known: list[LabelledPlane] = []
    for number, (part, looks) in enumerate(zip(kept, made[len(train) :], strict=True), 1):
        known.append(LabelledPlane(f"part {number}", part, judge.labels(list(looks))))
        stage.advance()
    again = _again(judge, known, made[len(train) :])
    reader = judge.reader() if settings.labels else None
    pairs: list[Plane] = []
    for part, looks in zip(train, made, strict=False):
        pairs.append(_pair(part, looks, judge if reader else None))
        stage.advance()
    run = StudentTraining(
        pairs,
        lambda translation, step: judge.compared(known, translation, step),
        settings,
        reader=reader,
        device=device,
    )
    resumed_at = run.step if run.resume(folder / STATE) else 0
    stopped = run.run(folder, control, notes)
    assert run.best is not None
    good, sentence = verdict(run.best, again, asked.name, evaluations_of(card, "auto"))
    path = folder / _BEST
    about = _card(asked, run.best, again, len(kept), sum(part.size for part in kept))
    syndiff.save(run.best_weights, about, path, half=True)
    return FastVersion(
        score=run.best,
        again=again,
        kept=good,
        sentence=sentence,
        checkpoint=path.read_bytes() if good else None,
        name=f"{slug(asked.name)}-fast",
        steps=run.step,
        resumed_at=resumed_at,
        stopped=stopped,
        notes=notes,
    )


def parts(planes: Sequence[Plane], settings: DistilSettings) -> tuple[list[Plane], list[Plane]]:
    """Cut images into parts that share no pixel, and choose some at random, the same ones for a seed.

    Returns
    -------
    list, list
        What is learned from, and a quarter, but not more than eight, on which the labels are compared.

    Raises
    ------
    InputError
        If the images are too small for that.
    """
    side = settings.crop
    found = _windows(planes, side)
    while len(found) < _FEWEST and side >= 2 * _SMALLEST_CROP:
        side //= 2
        found = _windows(planes, side)
    if len(found) < _FEWEST:
        raise InputError(
            f"The images are too small to learn from one part of them and to compare the labels on another; give at least "
            f"{2 * _SMALLEST_CROP} x {2 * _SMALLEST_CROP} pixels that show something."
        )
    order = np.random.default_rng(settings.seed).permutation(len(found))[: settings.most_crops]
    chosen = [found[number] for number in order]
    count = min(max(len(chosen) // _FEWEST, 1), _MOST_KEPT)
    return chosen[count:], chosen[:count]


def _windows(planes: Sequence[Plane], side: int) -> list[Plane]:
    """All parts of the planes of at most `side` pixels that are not empty, and not too small to see anything in them."""
    found = []
    for plane in planes:
        rows, columns = (
            np.linspace(0, length, -(-length // side) + 1).round().astype(int) for length in plane.shape
        )
        for y0, y1 in pairwise(rows):
            for x0, x1 in pairwise(columns):
                part = np.ascontiguousarray(plane[y0:y1, x0:x1])
                if min(part.shape) >= _SMALLEST_CROP // 2 and np.ptp(part) > 0:
                    found.append(part)
    return found


def _translations(
    asked: Distillation,
    part: Plane,
    samples: int,
    folder: Path,
    control: Control,
    limits: MemoryLimits | None,
) -> Plane:
    """Return tries (K, H, W) of the translator at a part; from the folder where they were made before.

    Its first prediction alone is nearest to a mean, which is all that a network with one answer can learn, and its labels are as
    good (docs/benchmarks.md). Every try has other noise, and its tiles lie elsewhere: of a network that normalises over a tile, or
    attends to all of it, that is as much left to chance.
    """
    s = asked.settings
    samples = samples if asked.translator.diffusive else 1
    digest = hashlib.sha256(part.tobytes())
    digest.update(repr((part.shape, asked.translator.sha256, samples, s.seed, "moved")).encode())
    path = folder / f"{digest.hexdigest()[:32]}.npy"
    if path.exists():
        kept: Plane = np.load(path, allow_pickle=False)
        return kept
    found = np.empty((samples, *part.shape), np.float32)
    for number in range(samples):
        y, x = _moves(asked.translator, number, s.seed)
        made = translate(
            asked.translator,
            np.pad(part, ((y, 0), (x, 0)), "reflect"),
            seed=s.seed + number,
            evaluations="preview",
            settings=TileSettings(device=s.device),
            limits=limits,
            control=Control(cancelled=control.cancelled),
        )
        found[number] = made.mean[y:, x:]
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, found)
    return found


def _moves(translator: Translator, number: int, seed: int) -> tuple[int, int]:
    """How far the tiles of a try begin above and left of a part; those of the first lie as usual."""
    if not number or translator.reach is not None:
        return 0, 0
    y, x = np.random.default_rng((seed, number)).integers(0, translator.layout.tile // 2, 2)
    return int(y), int(x)


def _pair(part: Plane, looks: Plane, judge: LabelJudge | None) -> Plane:
    """Return an image, the mean of what the translator made of it, and what the segmenter makes of that, (2 + C, H, W)."""
    both = np.stack([part, looks.mean(axis=0)])
    if judge is None:
        return both
    found = resample_to(judge.probabilities(list(looks)), (part.shape[0], part.shape[1]))
    return np.concatenate([both, found.clip(0, 1)])


def _again(judge: LabelJudge, known: Sequence[LabelledPlane], made: Sequence[Plane]) -> dict[str, float]:
    """Dice of the labels of a single try of the translator with those of all of them."""
    if len(made[0]) < 2:
        return {}
    singles = iter([looks[0] for looks in made])
    return judge.compared(known, lambda _: next(singles), 0).per_class


def _card(asked: Distillation, score: Score, again: dict[str, float], count: int, pixels: int) -> Card:
    before = asked.translator.card
    by = asked.segmenter.card.name or "the segmenter"
    tries = asked.settings.compared_samples if asked.translator.diffusive else 1
    where = (
        f"{count} parts of the images ({pixels} pixels) that were not learned from, which chose the step, against those of {tries} "
        f"first predictions of “{asked.name}” together"
    )
    agreement = tuple(
        Measure(
            metric=f"Dice {name} (with the labels of its translator)",
            value=round(value, 4),
            data=f"labels by “{by}” of {where}; no truth",
            command=asked.command,
        )
        for name, value in score.per_class.items()
    ) + tuple(
        Measure(
            metric=f"Dice {name} (of a single try of its translator)",
            value=round(value, 4),
            data=f"labels by “{by}” of {where}; no truth",
            command=asked.command,
        )
        for name, value in again.items()
    )
    return Card(
        kind="translator",
        family=small_unet.FAMILY,
        name=f"{asked.name}, fast",
        description=f"Fast version of “{asked.name}”: a small network that learned what it makes of images, and sees every pixel once.",
        architecture={"widths": list(small_unet.WIDTHS)},
        source=before.source,
        target=before.target,
        normalisation=before.normalisation,
        training=Training(
            data=(*asked.data, f"translations of them by “{asked.name}”"),
            licence=asked.data_licence,
            steps=score.step,
            seed=asked.settings.seed,
            date=today(),
            command=asked.command,
        ),
        quality=agreement,
        parent=asked.translator.sha256,
        licence=asked.licence or before.licence,
    )
