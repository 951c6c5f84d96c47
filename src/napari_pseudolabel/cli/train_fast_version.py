"""``pseudolabel train fast-version``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_pseudolabel.cli.declared import expanded
from napari_pseudolabel.cli.option_types import (
    AsJson,
    Axes,
    Device,
    ModalityOption,
    SegmenterRef,
    TranslatorRef,
)
from napari_pseudolabel.cli.output import say, show
from napari_pseudolabel.cli.train import Licence, OutDir, resumable
from napari_pseudolabel.training.student.distil_task import DistilSettings
from napari_pseudolabel.wording import sentence, shown


@expanded("settings", DistilSettings)
def fast_version(
    images_dir: Annotated[
        Path, typer.Argument(metavar="IMAGES_DIR", help="Images that the translator takes.")
    ],
    out_dir: OutDir,
    settings: DistilSettings,
    translator: TranslatorRef,
    segmenter: SegmenterRef,
    modality: ModalityOption = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(help="Pixel size in micrometres of the images, instead of the one in the files."),
    ] = None,
    axes: Axes = None,
    licence: Licence = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Make a fast version of a translator, kept only if the labels agree; the same command goes on where it was stopped."""
    from dataclasses import replace

    from napari_pseudolabel.imaging import ReadOptions
    from napari_pseudolabel.imaging.scale import Scale
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.training.common.training_events import Epoch, TrainStart
    from napari_pseudolabel.training.data.folder_names import folder_name
    from napari_pseudolabel.training.training_jobs import DistilJob
    from napari_pseudolabel.training.translator.tune_translator import ModalityImages
    from napari_pseudolabel.workspace import write_bytes

    images = ModalityImages(
        folder_name(images_dir),
        folder=images_dir,
        scale=Scale(pixel_size_um=pixel_size),
        reading=ReadOptions(axes),
    )

    def tell(event: object) -> None:
        if as_json:
            return
        if isinstance(event, TrainStart) and event.resumed_at:
            say(f"Going on after step {event.resumed_at} of the training in {out_dir}.")
        elif isinstance(event, Epoch):
            told = ", ".join(f"{name} {value:.3f}" for name, value in event.score.per_class.items())
            say(f"Step {event.score.step}: Dice of the labels {told}.")

    with resumable(out_dir) as control:
        job = DistilJob(
            images,
            translator,
            segmenter,
            out_dir,
            replace(settings, device=device),
            (modality or "").strip(),
            licence,
        )
        made = job.run(replace(control, emit=tell), LoadedModels())
    path = out_dir / f"{made.name}.safetensors"
    if made.checkpoint is not None:
        write_bytes(path, made.checkpoint)
    data = {
        "checkpoint": str(path) if made.kept else None,
        "kept": made.kept,
        "dice": made.score.per_class,
        "dice_of_a_single_try": made.again,
        "steps": made.steps,
        "resumed_at": made.resumed_at,
        "step": made.score.step,
        "sentence": made.sentence,
        "notes": list(made.notes),
    }
    lines = [*([shown(path)] if made.kept else []), made.sentence, *map(sentence, made.notes)]
    show(data, "\n".join(lines), as_json=as_json)
