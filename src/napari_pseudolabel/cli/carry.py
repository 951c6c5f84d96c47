"""``pseudolabel carry``: labels of one modality to a folder of images of another, from one command."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from napari_pseudolabel.cli import option_types as o
from napari_pseudolabel.cli.declared import expanded
from napari_pseudolabel.cli.output import say, show
from napari_pseudolabel.cli.shared import Shared, shared
from napari_pseudolabel.cli.train import resumable
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.strategies.carry.carry_task import CarryOptions, CarryTask
from napari_pseudolabel.strategies.label_settings import LabelSettings
from napari_pseudolabel.wording import sentence, shown

PAGE, REPORT = "index.html", "report.json"


def carry_command() -> Callable[..., None]:
    """Return ``carry``, with all its options."""
    return shared(expanded("settings", LabelSettings)(expanded("carried", CarryOptions)(carry)))


def carry(
    images: Annotated[
        Path, typer.Argument(metavar="TARGET_IMAGES", help="Folder of the images to be labelled.")
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="Gets labels/, models/, index.html, report.json and work/."),
    ],
    options: Shared,
    settings: LabelSettings,
    carried: CarryOptions,
    translator: o.OneTranslator = None,
    segmenter: o.OneSegmenter = None,
) -> None:
    """Carry labels to images of another modality: train what is missing, find the best way, label all, and say what was done.

    The same command goes on where it was stopped.
    """
    from napari_pseudolabel.cli.working import planned
    from napari_pseudolabel.imaging import ReadOptions
    from napari_pseudolabel.models import resolve

    if options.scheduler is not None:
        raise InputError("Labels are carried on this machine; leave out --scheduler.")
    task = CarryTask(
        images,
        out,
        carried,
        (options.modality or "").strip(),
        segmenter,
        translator,
        settings,
        ReadOptions(options.axes, options.position),
    )
    planned(
        images, out, None, confidence=True
    )  # names that would meet are refused before anything is trained
    for ref in filter(None, (segmenter, translator)):
        resolve(ref)
    options.check_device(settings)
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.strategies.carry.carry_page import page, report
    from napari_pseudolabel.strategies.carry.carrying import carry as carry_labels
    from napari_pseudolabel.workspace import write_text

    with resumable(out) as control:
        made = carry_labels(task, control, LoadedModels())
    told = report(made)
    write_text(out / REPORT, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    write_text(out / PAGE, page(made, shlex.join(["pseudolabel", *sys.argv[1:]])))
    for line in () if options.as_json else made.found.lines:
        say(line)
    lines = [
        made.found.reason,
        *made.notes,
        *(f"{name}: {why}" for name, why in made.failed),
        f"{len(made.images)} images were labelled; {out / PAGE} shows what was done and what to correct first.",
    ]
    show(told, "\n".join(shown(sentence(line)) for line in lines), as_json=options.as_json)
    if made.failed:
        raise InputError(
            f"{len(made.failed)} of {len(made.images) + len(made.failed)} images could not be used."
        )
