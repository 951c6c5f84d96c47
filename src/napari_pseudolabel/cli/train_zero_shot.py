"""``pseudolabel train zero-shot``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_pseudolabel.cli.declared import expanded
from napari_pseudolabel.cli.option_types import AsJson, Axes, Device, ModalityOption
from napari_pseudolabel.cli.output import say, show
from napari_pseudolabel.cli.train import Licence, OutDir, resumable
from napari_pseudolabel.training.translator.zero_shot_settings import ZeroShotSettings
from napari_pseudolabel.wording import sentence, shown


@expanded("settings", ZeroShotSettings)
def zero_shot(
    images_dir: Annotated[
        Path, typer.Argument(metavar="IMAGES_DIR", help="Images that look as translations shall look.")
    ],
    out_dir: OutDir,
    settings: ZeroShotSettings,
    segmenter: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="Name or path of the segmenter that will see the translations; images are brought to its pixels.",
        ),
    ] = None,
    modality: ModalityOption = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(help="Pixel size in micrometres of the images, instead of the one in the files."),
    ] = None,
    object_size: Annotated[
        float | None, typer.Option(help="Median diameter of the objects in pixels of the images.")
    ] = None,
    axes: Axes = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same result.")] = 0,
    licence: Licence = "",
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Learn how images look, so that those of any other kind can be made to look so; the same command goes on where it was stopped."""
    from dataclasses import replace

    from napari_pseudolabel.imaging import ReadOptions
    from napari_pseudolabel.imaging.scale import Scale
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.training.common.training_events import TrainStart
    from napari_pseudolabel.training.data.folder_names import folder_name
    from napari_pseudolabel.training.training_jobs import ZeroShotJob
    from napari_pseudolabel.training.translator.tune_translator import ModalityImages

    images = ModalityImages(
        (modality or "").strip() or folder_name(images_dir),
        folder=images_dir,
        scale=Scale(pixel_size_um=pixel_size, object_size_px=object_size),
        reading=ReadOptions(axes),
    )

    def tell(event: object) -> None:
        if isinstance(event, TrainStart) and event.resumed_at and not as_json:
            say(f"Going on after step {event.resumed_at} of the training in {out_dir}.")

    with resumable(out_dir) as control:
        job = ZeroShotJob(images, out_dir, segmenter, replace(settings, seed=seed, device=device), licence)
        made = job.run(replace(control, emit=tell), LoadedModels())
    data = {
        "checkpoint": str(made.path),
        "steps": made.steps,
        "resumed_at": made.resumed_at,
        "notes": list(made.notes),
    }
    show(data, "\n".join([shown(made.path), *map(sentence, made.notes)]), as_json=as_json)
