"""Generated labelled sets, and small tutorships on them; also for processes that are killed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import AXON_CLASSES
from napari_pseudolabel.sample_data.fields import FieldParams, axon_field
from napari_pseudolabel.sample_data.looks import render_sem
from napari_pseudolabel.training.data.labelled_sets import LabelledSet, NnunetSet
from napari_pseudolabel.training.training_jobs import TutorJob
from napari_pseudolabel.training.tutor.tutor_task import TutorSettings

SETTINGS = TutorSettings(steps=6, batch=2, patch=32, width=2, epoch_steps=2, samples=2, lr=1e-2, device="cpu")
SIDE = 48


def field(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An image and its labels, (48, 48) uint8."""
    labels = axon_field((SIDE, SIDE), seed=seed, params=FieldParams(axon_diameter_px=10))
    return render_sem(labels, seed=seed), labels


def write(path: Path, values: np.ndarray) -> None:
    """Write a PNG, and the folder before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(values)))


def labelled_folders(folder: Path, count: int = 4, first: int = 0) -> LabelledSet:
    """Fields in ``images`` and ``labels``."""
    for seed in range(first, first + count):
        for part, values in zip(("images", "labels"), field(seed), strict=True):
            write(folder / part / f"field_{seed}.png", values)
    return LabelledSet(folder / "images", folder / "labels", scale=Scale(factor=1))


def raw_dataset(folder: Path, count: int = 4, **changes: object) -> NnunetSet:
    """The same fields as a raw data set of nnU-Net."""
    for seed in range(count):
        image, labels = field(seed)
        write(folder / "imagesTr" / f"field_{seed}_0000.png", image)
        write(folder / "labelsTr" / f"field_{seed}.png", labels)
    content = {
        "channel_names": {"0": "rescale_to_0_1"},
        "labels": {"background": 0, "myelin": 1, "axon": 2},
        "numTraining": count,
        "file_ending": ".png",
        **changes,
    }
    (folder / "dataset.json").write_text(json.dumps(content))
    return NnunetSet(folder, Scale(factor=1))


def tutor_job(folder: Path, translator: Path | str, *sources: object, **changes: object) -> TutorJob:
    """A tutorship of a few steps."""
    own = {name: changes.pop(name) for name in ("classes", "nnunet", "validation") if name in changes}
    return TutorJob(
        sources,  # type: ignore[arg-type]
        str(translator),
        folder,
        settings=replace(SETTINGS, **changes),  # type: ignore[arg-type]
        **{"classes": AXON_CLASSES, **own},  # type: ignore[arg-type]
    )


def run_briefly(job: TutorJob) -> None:
    """Run a job as the tests of trainings do, in another process."""
    from few_looks import few_looks

    from napari_pseudolabel.models.loaded import LoadedModels

    with few_looks():
        job.run(Control(), LoadedModels())


def killed_job(folder: Path, translator: Path | str) -> TutorJob:
    """Two folds, on ``labelled`` beside the run folder."""
    source = LabelledSet(
        folder.parent / "labelled/images", folder.parent / "labelled/labels", scale=Scale(factor=1)
    )
    return tutor_job(folder, translator, source, folds=2)
