"""Every strategy of the registry in `quality.py`: as rows that are measured there already, as one made here, or by a script of its own.

What is made here follows from the description of the strategy alone: it is prepared on the images that are labelled, as shell and dock
do it, with the models of the direction, and labels each of them. A strategy that is new gets such a row by itself. Where labels are
regions without a name, each is called what most of it is, as by a careful person's click.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quality_cases import Case
from quality_directions import Direction, found
from quality_scores import scores
from quality_training import Bench, source_segmenter
from self_training import as_folder, as_target

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import from_array, labels_to
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.objects import scheme_for
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.strategies import LabelSettings, registry
from napari_pseudolabel.strategies.object_options import ObjectOptions
from napari_pseudolabel.strategies.self_training import SELF_TRAINING, SelfTrainingOptions
from napari_pseudolabel.strategies.strategy import LabelRequest, Strategy
from napari_pseudolabel.training.data.target_images import TargetImages
from napari_pseudolabel.training.self_training.self_training_task import SelfTrainingSettings

ELSEWHERE: dict[str, str] = {
    "adaptation": "the rows of SynDiff, of grey levels and of rivals called adaptation",
    "tutorship": "the rows called tutorship",
    "segmentation": "source only, supervised bound and shipped tutorship",
    "zero-shot": "python benchmarks/zero_shot.py real",
}
"""Rows of `quality_measuring`, or the command that measures a strategy, by its name."""

_MODELS = LoadedModels()


def rows() -> dict[str, Strategy]:
    """Strategies that are measured here, by the name of their row."""
    return {one.word: one for one in registry.offered() if one.name not in ELSEWHERE}


def seeds(strategy: Strategy, wanted: Sequence[int]) -> Sequence[int]:
    """One where nothing is trained."""
    return wanted if strategy.preparation is not None else wanted[:1]


def missing(direction: Direction, strategy: Strategy) -> str | None:
    """Why a strategy has no row; None if it has one."""
    if strategy.options is not None and (lacking := strategy.lacking(strategy.options())):
        return lacking.rstrip(".")
    if strategy.takes("translator") and found(direction.adapting) is None:
        return "not trained"
    if strategy.takes("segmenter") and direction.proxy is None and not direction.alike:
        return "nothing that labels these images is there to start from"
    if _of_objects(strategy) and not scheme_for(direction.target.recipe.classes).touching:
        return "it labels objects of one kind that may touch"
    return None


def _of_objects(strategy: Strategy) -> bool:
    return strategy.options is not None and issubclass(strategy.options, ObjectOptions)


def folder_of(bench: Bench, direction: Direction, strategy: Strategy, seed: int) -> Path:
    """Where what a strategy prepares is kept."""
    name = direction.name.replace(" ", "-").replace(">", "")
    return bench.folder / "strategies" / strategy.name / name / str(seed)


def made(
    bench: Bench, direction: Direction, strategy: Strategy, seed: int, everything: Sequence[Case]
) -> LabelRequest:
    """Prepare a strategy on the images that are labelled; goes on with what was prepared before."""
    # Images are on the grid of the models; what finds sizes itself is not told.
    scale = Scale() if _of_objects(strategy) else Scale(factor=1.0)
    settings = LabelSettings(seed=seed, scale=scale, find_scale="never")
    folder = folder_of(bench, direction, strategy, seed)
    asked = LabelRequest(
        translator=direction.adapting if strategy.takes("translator") else None,
        segmenter=start_of(bench, direction, seed) if strategy.takes("segmenter") else None,
        folder=folder,
        settings=settings,
    )
    steps = strategy.preparation
    if steps is None:
        return asked
    if steps.takes_targets:
        # Where there are images beside those that are scored, it learns from them, else from the very images.
        learned = [case.plane for case in everything if not case.scored] or [one.plane for one in everything]
        targets = TargetImages(tuple(as_target(one) for one in learned), scale=Scale(factor=1.0))
        asked = replace(asked, targets=targets, options=_labelled_too(bench, direction, strategy, folder))
    if steps.sees_images:
        asked = replace(
            asked, images=tuple(from_array(case.plane.image) for case in everything if case.scored)
        )
    job = steps.job(asked, "")
    return steps.with_result(asked, job, job.run(Control(), _MODELS))


def score(strategy: Strategy, asked: LabelRequest, case: Case, direction: Direction) -> dict[str, float]:
    """Label an image, and compare."""
    result = strategy.job(from_array(case.plane.image), asked).run(Control(), _MODELS)
    assert result.labels is not None
    labels = result.labels[0]
    classes = direction.target.recipe.classes
    if {one.value for one in result.classes} != {one.value for one in classes}:
        labels = named(labels, case.plane.labels)
    return scores(labels_to(labels, case.truth.shape), case, classes)


def named(regions: NDArray[np.uint8], truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Regions (H, W) as classes: each is called what most of it is."""
    most = [
        np.bincount(truth[regions == one], minlength=1).argmax() if (regions == one).any() else 0
        for one in range(int(regions.max()) + 1)
    ]
    return np.array(most, np.uint8)[regions]


def start_of(bench: Bench, direction: Direction, seed: int) -> str:
    """A segmenter that labels the target: the shipped proxy, else the one of the source where modalities look alike."""
    return direction.proxy or str(source_segmenter(bench, direction, seed))


def _labelled_too(
    bench: Bench, direction: Direction, strategy: Strategy, folder: Path
) -> SelfTrainingOptions | None:
    """Half of what is learned are labelled images of the source, with the grey levels of the target where there is such a curve."""
    if strategy.name != SELF_TRAINING.name:
        return None
    alike = direction.alike
    source = as_folder(direction.source.recipe.training(bench.data), folder / "sources", None)
    return SelfTrainingOptions(
        SelfTrainingSettings(patch=128 if alike else 96, large_shift=alike),
        source_images=source.images,
        source_labels=source.labels,
        source_translator=None if alike else direction.grey_levels[1],
        source_pixel_size=direction.source.recipe.modality.pixel_size_um,
    )
