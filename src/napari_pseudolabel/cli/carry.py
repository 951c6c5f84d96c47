"""``pseudolabel carry``: labels of one modality to a folder of images of another, from one command."""

from __future__ import annotations

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
    from napari_pseudolabel.imaging import ReadOptions

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
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.strategies.carry.carried_folder import PAGE, carry_to_folder
    from napari_pseudolabel.strategies.carry.carry_page import report

    with resumable(out) as control:
        made = carry_to_folder(task, control, LoadedModels())
    told = report(made)
    for line in () if options.as_json else made.found.lines:
        say(line)
    lines = [
        made.found.reason,
        *made.notes,
        *(f"{name}: {why}" for name, why in made.failed),
        f"{len(made.images)} images were labelled; {out / PAGE} shows what was done, what was checked, and what to correct first.",
    ]
    show(told, "\n".join(shown(sentence(line)) for line in lines), as_json=options.as_json)
    if made.failed:
        raise InputError(
            f"{len(made.failed)} of {len(made.images) + len(made.failed)} images could not be used."
        )
