"""``pseudolabel check``: how good labels are, without knowing the truth."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from napari_pseudolabel.cli.option_types import AsJson, Axes, Classes, Device, PositionOption, Seed
from napari_pseudolabel.cli.output import show, table
from napari_pseudolabel.cli.progress import interruptible
from napari_pseudolabel.labels.classes import classes_of, named_values
from napari_pseudolabel.wording import sentence

_SIZE = "Pixel size of {} in micrometres, instead of the one in the files."


def check(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Image that was labelled.")],
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="Its pseudo labels.")],
    known_images: Annotated[
        Path, typer.Argument(metavar="KNOWN_IMAGES", help="Folder of images whose labels are known.")
    ],
    known_labels: Annotated[
        Path, typer.Argument(metavar="KNOWN_LABELS", help="Folder of their labels, of the same names.")
    ],
    translator: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="Brings the known images into the modality of IMAGE, where they are of another.",
        ),
    ] = None,
    classes: Classes = None,
    pixel_size: Annotated[float | None, typer.Option(help=_SIZE.format("IMAGE"))] = None,
    known_pixel_size: Annotated[float | None, typer.Option(help=_SIZE.format("KNOWN_IMAGES"))] = None,
    axes: Axes = None,
    position: PositionOption = None,
    known_axes: Annotated[
        str | None,
        typer.Option(help="Axes of KNOWN_IMAGES, such as TYX or CYX; they go before what the files say."),
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the quick training.")] = 250,
    seed: Seed = 0,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Reverse classification accuracy: let a quick segmenter learn from labels, and judge it on labels that are known.

    A low number says that the labels do not fit their image. Small differences between good ones mean nothing.
    """
    from napari_pseudolabel.api.compare_labels import check_values
    from napari_pseudolabel.exporting import read_sidecar, sidecar_path
    from napari_pseudolabel.imaging import ReadOptions
    from napari_pseudolabel.imaging.reading.label_values import like
    from napari_pseudolabel.imaging.scale import Scale
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.training.data.labelled_sets import LabelledSet
    from napari_pseudolabel.training.segmenter.reverse_accuracy import ReverseAccuracyJob

    told = read_sidecar(labels).classes if classes is None and sidecar_path(labels).exists() else ()
    if classes is not None:
        check_values(labels, named_values(classes))
    named = told or classes_of(named_values(classes))
    reading = ReadOptions(axes, position)
    seen, given = reading.image(image), reading.labels(labels)
    seen = dataclasses.replace(seen, notes=(*seen.notes, *given.notes))
    with tempfile.TemporaryDirectory() as folder, interruptible() as control:
        job = ReverseAccuracyJob(
            seen,
            like(given, seen),
            named,
            LabelledSet(
                known_images,
                known_labels,
                translator,
                Scale(pixel_size_um=known_pixel_size),
                ReadOptions(known_axes),
            ),
            Path(folder),
            scale=Scale(pixel_size_um=pixel_size),
            steps=steps,
            seed=seed,
            device=device,
        )
        found = job.run(control, LoadedModels())
    rows = [(name, f"{dice:.4f}") for name, dice in (*found.per_class.items(), ("mean", found.mean))]
    text = "\n".join([table(("class", "reverse_dice"), rows), *map(sentence, found.notes), found.meaning])
    show({**dataclasses.asdict(found), "meaning": found.meaning}, text, as_json=as_json)
