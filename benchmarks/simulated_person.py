"""A person who knows the truth and corrects labels region by region; the segmenter may learn in between.

`Work` is what lies before the person: a few planes with labels, confidence and candidates, which become right where
the person has been. `AxonWork` and `NucleiWork` say what correcting a region means and how good the labels are.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from effort_measures import InstanceEdits
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, resample_to
from napari_pseudolabel.labels.confidence import class_confidence
from napari_pseudolabel.labels.review import Box, Place, RegionScore, measure, order
from napari_pseudolabel.models import load_segmenter
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.segmenters.base import Segmenter, of_limits
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.segmenter.fine_tune_task import FineTuneSettings
from napari_pseudolabel.training.training_jobs import FineTuneJob

FLIPS: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,), (-2, -1))


@dataclass(frozen=True, eq=False)
class Scene:
    """One plane that does not change: the image, and how the segmenter sees it.

    Attributes
    ----------
    image, limits, pixel_um
        Raw values, and what becomes 0 and 1.
    look
        (h, w) float32 in [0, 1] on the segmenter's grid.
    truth
        (H, W) class values (axons) or object numbers (nuclei).
    """

    name: str
    image: NDArray[np.float32]
    limits: IntensityRange
    pixel_um: float | None
    look: NDArray[np.float32]
    truth: NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Guess:
    """What a segmenter says about a plane: labels, confidence, and the labels of each flip."""

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    candidates: NDArray[np.uint8]


@dataclass(frozen=True)
class Setup:
    """What a segmenter needs to learn.

    Attributes
    ----------
    segmenter, translator
        References; the translator may be None.
    inputs, folder
        Folders that keep translations, and what is trained.
    """

    segmenter: str
    translator: str | None
    settings: FineTuneSettings
    inputs: Path
    folder: Path


@dataclass(frozen=True)
class Effort:
    """Of one region: boundary pixels drawn, those of them where nothing was before, and edits of objects."""

    path_px: int
    missed_px: int
    edits: InstanceEdits


@dataclass(frozen=True)
class Step:
    """Where the person stands after so many regions: sums so far, and the quality of everything."""

    regions: int
    path_px: int
    missed_px: int
    edits: int
    quality: float


@dataclass(frozen=True)
class Lesson:
    """One fine-tuning: after how many regions, and what came of it."""

    regions: int
    promoted: bool
    before: float
    after: float
    quality_before: float
    quality_after: float
    cpu_seconds: float


@dataclass(eq=False)
class Sheet:
    """What lies before the person of one plane; changes as the work goes on."""

    labels: NDArray[np.uint8]
    confidence: NDArray[np.float32] | None
    candidates: NDArray[np.uint8] | None
    touched: NDArray[np.bool_]
    validation: NDArray[np.bool_]


@dataclass(eq=False)
class Work:
    """Labels of a few planes in the hands of a person.

    Attributes
    ----------
    scenes, guesses
        The planes and what was predicted; no guesses for work from scratch.
    side
        Of the regions in pixels.
    careful
        Whether the person mends everything, or leaves what is nearly right.
    """

    scenes: Sequence[Scene]
    guesses: Sequence[Guess] | None
    setup: Setup
    side: int
    careful: bool = True
    sheets: list[Sheet] = field(init=False)
    _scores: dict[int, tuple[RegionScore, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.sheets = []
        for scene in self.scenes:
            empty = np.zeros(scene.truth.shape, np.uint8)
            self.sheets.append(Sheet(empty, None, None, empty.astype(bool), empty.astype(bool)))
        if self.guesses is not None:
            self.fill(self.guesses)

    def correct(self, number: int, box: Box) -> Effort:
        """Make one region right and mark it as touched."""
        raise NotImplementedError

    def quality(self) -> float:
        """Of all planes together, in [0, 1]."""
        raise NotImplementedError

    def fill(self, guesses: Sequence[Guess]) -> None:
        """New predictions, where the person has not been."""
        for sheet, guess in zip(self.sheets, guesses, strict=True):
            sheet.labels = np.where(sheet.touched, sheet.labels, guess.labels)
            sheet.confidence, sheet.candidates = guess.confidence, guess.candidates
        self._scores.clear()

    def scores(self) -> tuple[RegionScore, ...]:
        """Every region of every plane, plane after plane and row after row."""
        for number, sheet in enumerate(self.sheets):
            if number not in self._scores:
                self._scores[number] = measure(
                    sheet.labels,
                    confidence=sheet.confidence,
                    candidates=sheet.candidates,
                    touched=sheet.touched,
                    plane=(number,),
                    side=self.side,
                )
        return tuple(score for number in range(len(self.sheets)) for score in self._scores[number])

    def review(self, place: Place, count: int) -> Effort:
        """Correct a region; a quarter of it is kept for validation, as in a workspace."""
        (number,), box = place
        effort = self.correct(number, box)
        y0, x0, y1, x1 = box
        down, right = np.random.default_rng((self.setup.settings.seed, count)).integers(0, 2, 2)
        y, x = y0 + down * (y1 - y0) // 2, x0 + right * (x1 - x0) // 2
        self.sheets[number].validation[y : y + (y1 - y0) // 2, x : x + (x1 - x0) // 2] = True
        self._scores.pop(number, None)
        return effort

    def learn(self, regions: int) -> Lesson:
        """Fine-tune the segmenter on what was corrected; if it is promoted, it labels what is left."""
        began, quality = time.process_time(), self.quality()
        folder = Path(tempfile.mkdtemp(dir=self.setup.folder))
        job = FineTuneJob(
            tuple(self._known(number) for number in range(len(self.scenes))),
            self.setup.segmenter,
            self.setup.translator,
            folder,
            self.setup.settings,
            inputs=self.setup.inputs,
        )
        made = job.run(Control(), LoadedModels())
        assert made.before is not None
        assert made.best is not None
        if made.promoted:
            assert made.checkpoint is not None
            path = folder / "promoted.safetensors"
            path.write_bytes(made.checkpoint)
            self.setup = replace(self.setup, segmenter=str(path))
            segmenter = load_segmenter(path)
            self.fill([guess(scene, segmenter) for scene in self.scenes])
        seconds = time.process_time() - began
        return Lesson(
            regions, made.promoted, made.before.mean, made.best.mean, quality, self.quality(), seconds
        )

    def _known(self, number: int) -> AnnotatedPlane:
        scene, sheet = self.scenes[number], self.sheets[number]
        return AnnotatedPlane(
            name=scene.name,
            key=scene.name,
            image=scene.image,
            limits=scene.limits,
            pixel_size_um=scene.pixel_um,
            labels=sheet.labels,
            touched=sheet.touched,
            confidence=sheet.confidence,
            validation=sheet.validation,
        )


def guess(scene: Scene, segmenter: Segmenter) -> Guess:
    """Segment a plane in four flips and bring the mean of their probabilities to the grid of the image."""
    height, width = scene.truth.shape
    each = []
    for axes in FLIPS:
        found = segmenter.probabilities(
            np.ascontiguousarray(np.flip(scene.look, axes)), part=of_limits(IntensityRange(0, 1))
        )
        each.append(resample_to(np.ascontiguousarray(np.flip(found, axes)), (height, width)))
    mean = np.mean(each, axis=0, dtype=np.float32)
    candidates = np.stack([segmenter.labels(one) for one in each])
    return Guess(segmenter.labels(mean), class_confidence(mean, segmenter.classes), candidates)


Next = Callable[[Work, Collection[Place], int], Place | None]
"""Work, places that are done, seed -> the place to go to next; None when all are done."""


def plain(work: Work, done: Collection[Place], _seed: int) -> Place | None:
    """Row after row."""
    return next((score.place for score in work.scores() if score.place not in done), None)


def random_foreground(work: Work, done: Collection[Place], seed: int) -> Place | None:
    """At random among the regions with predicted foreground, then among the others."""
    left = [score for score in work.scores() if score.place not in done]
    some = [score for score in left if score.foreground > 0] or left
    return some[int(np.random.default_rng((seed, len(done))).integers(len(some)))].place if some else None


def queue(work: Work, done: Collection[Place], seed: int) -> Place | None:
    """As the review queue says."""
    rest = order(work.scores(), reviewed=done, seed=seed)
    return rest[0].place if rest else None


def correct_all(
    work: Work, following: Next, seed: int, target: float, lessons_after: Collection[int] = ()
) -> Iterator[Step | Lesson]:
    """Work through the regions; the first step is before any of them.

    Parameters
    ----------
    target
        Quality at which the lessons end; the person goes on.
    lessons_after
        Numbers of regions after which the segmenter is fine-tuned.
    """
    done: set[Place] = set()
    path = missed = edits = 0
    step = Step(0, 0, 0, 0, work.quality())
    yield step
    while (place := following(work, done, seed)) is not None:
        effort = work.review(place, len(done))
        done.add(place)
        path, missed = path + effort.path_px, missed + effort.missed_px
        edits += effort.edits.total
        step = Step(len(done), path, missed, edits, work.quality())
        yield step
        if len(done) in lessons_after and step.quality < target:
            yield work.learn(len(done))
            yield replace(step, quality=work.quality())


def needed(steps: Sequence[Step], target: float) -> dict[str, float] | None:
    """Effort at which the quality reaches the target, between two steps in proportion; None if it never does."""
    for last, step in pairwise(steps):
        if step.quality >= target > last.quality:
            part = (target - last.quality) / (step.quality - last.quality)
            return {
                name: float(getattr(last, name) + part * (getattr(step, name) - getattr(last, name)))
                for name in ("regions", "path_px", "missed_px", "edits")
            }
    if steps[0].quality >= target:
        return dict.fromkeys(("regions", "path_px", "missed_px", "edits"), 0.0)
    return None


def reached(steps: Sequence[Step], path_px: float) -> float:
    """Quality after so much boundary was drawn: that of the last step that did not need more."""
    return [step.quality for step in steps if step.path_px <= path_px][-1]
