"""A zero-shot training from images to a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.cards import Card, Modality, Normalisation, Training
from napari_pseudolabel.models.fitting import ANY
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.translators import syndiff
from napari_pseudolabel.models.translators.zero_shot import FAMILY, architecture_with
from napari_pseudolabel.models.translators.zero_shot_network import ZeroShotNetwork
from napari_pseudolabel.tiling import pick_device
from napari_pseudolabel.training.common.training_events import TrainStart
from napari_pseudolabel.training.common.training_record import STATE, check_record, today
from napari_pseudolabel.training.data.image_folders import Notes
from napari_pseudolabel.training.data.textures import with_texture
from napari_pseudolabel.training.data.training_inputs import fingerprint
from napari_pseudolabel.training.translator.zero_shot_task import (
    CHECKPOINT,
    RESULT,
    ZeroShotResult,
    ZeroShotTask,
)
from napari_pseudolabel.training.translator.zero_shot_training import ZeroShotTraining, told_settings
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace import write_text

COMMAND = "pseudolabel train zero-shot IMAGES_DIR OUT_DIR"


def learn(task: ZeroShotTask, control: Control, models: LoadedModels) -> ZeroShotResult:
    """Do a task; see `ZeroShotJob.run`."""
    s = task.settings
    control.report(Progress("Reading the images", 0, 1))
    notes = Notes()
    modality = None if task.segmenter is None else models.segmenter(task.segmenter).card.source
    planes, unknown = task.images.on_grid(modality, notes.add)
    if unknown:
        notes.add((f"{task.images.name}: {unknown}",))
    modality = modality or task.images.modality()
    settings = told_settings(s)
    del settings["steps"]  # a training may become longer
    record = {
        "kind": FAMILY,
        "settings": settings,
        "modality": modality.model_dump(exclude={"texture"}),
        "data": fingerprint(planes),
    }
    check_record(task.folder, record, (Path(CHECKPOINT).stem,))
    if (known := result_of(task)) is not None and known.steps >= s.steps:
        return known
    run = ZeroShotTraining(planes, s, device=pick_device(s.device))
    resumed_at = run.step if run.resume(task.folder / STATE) else 0
    control.emit(TrainStart(resumed_at, None, tuple(notes)))
    run.run(task.folder, control)
    if not run.step:
        raise InputError("The training was finished before its first step; start it again.")
    write(run.averaged, task, with_texture(modality, planes), run.step)
    told = {"steps": run.step, "resumed_at": resumed_at, "notes": list(notes)}
    write_text(task.folder / RESULT, json.dumps(told, indent=1) + "\n")
    found = result_of(task)
    assert found is not None
    return found


def write(network: ZeroShotNetwork, task: ZeroShotTask, modality: Modality, steps: int) -> None:
    """Write the checkpoint of a training with its card; `modality` is what it makes."""
    # Of what it is given only the size of its objects can be said, or else that pixels are those of what it makes.
    size = modality.object_size_px
    source = Modality(name=ANY, object_size_px=size, pixel_size_um=None if size else modality.pixel_size_um)
    card = Card(
        kind="translator",
        family=FAMILY,
        name=f"any to {modality.name}",
        description=f"Makes images of any modality look like {modality.name} by their structure alone (experimental).",
        architecture=architecture_with(network.config, network.maps),
        schedule=network.schedule.said,
        source=source,
        target=modality,
        normalisation=Normalisation(),  # said, because silence counts as assumed
        training=Training(
            data=(task.images.described(),),
            steps=steps,
            seed=task.settings.seed,
            date=today(),
            command=COMMAND,
        ),
        licence=task.licence,
    )
    syndiff.save(network, card, task.folder / CHECKPOINT)


def result_of(task: ZeroShotTask) -> ZeroShotResult | None:
    """Return what a task has made; None if it is not done."""
    if not task.done:
        return None
    path = task.folder / CHECKPOINT
    try:
        told: JsonObject = read_json(task.folder / RESULT)
        notes = tuple(map(str, told["notes"]))
        return ZeroShotResult(path, path.read_bytes(), int(told["steps"]), int(told["resumed_at"]), notes)
    except (ValueError, KeyError, TypeError):
        return None  # damaged: ended again from its state
