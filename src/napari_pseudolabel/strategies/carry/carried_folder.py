"""The folder that carrying leaves behind: labels, models, a page and a report, the same from the shell and from Python."""

from __future__ import annotations

import json
import shlex

from napari_pseudolabel.control import Control
from napari_pseudolabel.exporting.planned_files import planned
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.registry import resolve
from napari_pseudolabel.strategies.carry.carry_page import page, report
from napari_pseudolabel.strategies.carry.carry_task import CarryTask
from napari_pseudolabel.strategies.carry.carrying import Carried, carry
from napari_pseudolabel.tiling import pick_device
from napari_pseudolabel.workspace import write_text

PAGE, REPORT = "index.html", "report.json"


def carry_to_folder(task: CarryTask, control: Control, models: LoadedModels) -> Carried:
    """Carry labels, or go on with it, and write what was done beside them.

    Raises
    ------
    PseudolabelError
        As `carry`; before anything is trained where names would meet, or a model or the device is not there.
    Cancelled
        If `control` says so; the same task goes on from there.
    """
    labels = task.out / "labels"
    planned(task.images, labels if labels.exists() else task.out, None, confidence=True)
    for ref in filter(None, (task.segmenter, task.translator)):
        resolve(ref)
    pick_device(task.settings.tiles.device)
    made = carry(task, control, models)
    write_text(task.out / REPORT, json.dumps(report(made), indent=1, ensure_ascii=False) + "\n")
    write_text(task.out / PAGE, page(made, shlex.join(task.command)))
    return made
