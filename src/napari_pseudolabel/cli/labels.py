"""``pseudolabel evaluate`` and ``pseudolabel export``: what can be done with label files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_pseudolabel.cli.formats import Wanted, with_format
from napari_pseudolabel.cli.option_types import AsJson, Axes, Classes, PositionOption
from napari_pseudolabel.cli.output import show, table
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats import all_suffixes
from napari_pseudolabel.labels.classes import named_values
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import sentence, shown

_SAME_WITHIN = 0.02  # sizes of pixels

if TYPE_CHECKING:
    from napari_pseudolabel.exporting import Provenance
    from napari_pseudolabel.imaging import Image, Placement
    from napari_pseudolabel.models.cards import LabelClass


def evaluate(
    prediction: Annotated[Path, typer.Argument(metavar="PREDICTION", help="Label image.")],
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="Label image of the truth.")],
    classes: Classes = None,
    numbered: Annotated[
        Literal["reference", "prediction", "both", "auto"],
        typer.Option(
            help="Which image numbers its objects, so that every value is one object of the one class; auto takes ten values "
            "of one piece each, or more, for numbers."
        ),
    ] = "auto",
    as_json: AsJson = False,
    axes: Axes = None,
    position: PositionOption = None,
) -> None:
    """Compare labels with a reference: F1, PQ and AP of the objects that people count, Dice and IoU of pixels.

    Axons and myelin are also counted as fibres, nuclei and cells that touch are divided, everything else is connected. An
    object is found if it is the same with an IoU of at least 0.5. PQ is F1 times SQ, the mean IoU of what was found; AP is TP / (TP +
    FP + FN) at an IoU of 0.5 to 0.9, as StarDist and Cellpose report it.
    """
    from napari_pseudolabel.api import evaluate as compare
    from napari_pseudolabel.api.compare_labels import check_values, told_classes
    from napari_pseudolabel.imaging import read_labels
    from napari_pseudolabel.labels.matching import Detection

    values, named_by = (named_values(classes), ()) if classes else told_classes(prediction, reference)
    for path in (prediction, reference):
        check_values(path, values)
    one, other = (read_labels(path, axes=axes, position=position) for path in (prediction, reference))
    compared = compare(one, other, values, numbered=numbered)
    scores, notes = compared.scores, (*named_by, *compared.notes)
    data = {"dice": scores.dice, "iou": scores.iou}
    for measure in ("f1", "precision", "recall", "sq", "pq"):
        data[measure] = {name: getattr(found, measure) for name, found in scores.objects.items()}
    rows = [
        (
            name,
            *(f"{part[name]:.4f}" if name in part else "" for part in data.values()),
            *(f"{count:,}" for count in found.counts.values()),
        )
        for name, found in scores.objects.items()
    ]
    ap = {
        name: {f"{iou:g}": part for iou, part in found.ap.items()} for name, found in scores.objects.items()
    }
    close = [(name, *(f"{part:.4f}" for part in parts.values())) for name, parts in ap.items()]
    heads = (
        ("class", *data, *Detection().counts),
        ("class", *(f"ap {iou}" for iou in next(iter(ap.values())))),
    )
    text = "\n".join([table(heads[0], rows), "", table(heads[1], close), *map(sentence, notes)])
    counts = {name: found.counts for name, found in scores.objects.items()}
    show(
        {**data, "ap": ap, "objects": counts, **({"notes": list(notes)} if notes else {})},
        text,
        as_json=as_json,
    )


@with_format
def export(
    labels: Annotated[Path, typer.Argument(metavar="INPUT_LABELS", help="Label image.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help=f"File to write ({all_suffixes()}).")],
    wanted: Wanted,
    classes: Classes = None,
    image: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The image that the labels are of, for formats that hold it as well; by default the one that their provenance names.",
        ),
    ] = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(
            metavar="UM", help="Side of a pixel in micrometres, where neither labels nor image tell."
        ),
    ] = None,
    axes: Axes = None,
    position: PositionOption = None,
    as_json: AsJson = False,
) -> None:
    """Write labels in another format, with their provenance, classes and confidence."""
    from napari_pseudolabel.api.compare_labels import check_values
    from napari_pseudolabel.api.known_labels import known_labels
    from napari_pseudolabel.exporting import export as write
    from napari_pseudolabel.exporting import read_sidecar
    from napari_pseudolabel.exporting.targets import check_files_stay, check_targets
    from napari_pseudolabel.imaging import read

    format = wanted.format(output)
    named = named_values(classes) if classes else {}
    check_values(labels, named)
    given = known_labels(labels, axes, position, of_image=image is not None)
    found, known = given.image, given.known
    confidence = given.confidence()
    source = None if image is None else read(image, position=position)
    check_targets([labels, *([image] if image else [])], [output], format, confidence=confidence is not None)
    for one in filter(None, (found, source)):
        check_files_stay(one, output, confidence=confidence is not None)
    placement, sizes = _placement(found, source, pixel_size)
    files = write(
        output,
        given.labels,
        format=format,
        classes=_classes(known, named),
        placement=placement,
        provenance=_carried(known) if known else {"source": _told_source(found, source)},
        confidence=confidence,
        labelled=given.labelled,
        source=source,
    )
    untold = f"{labels.name} has no provenance file, so how it was made is not known."
    notes = [*found.notes, *sizes, *([] if known else [untold]), *read_sidecar(files[0]).export_notes]
    data = {"files": [str(file) for file in files], "notes": notes}
    show(data, "\n".join([*map(shown, files), *map(sentence, notes)]), as_json=as_json)


def _told_source(labels: Image, image: Image | None) -> JsonObject:
    return {"name": labels.name} if image is None else {"name": image.name, "path": image.path}


def _placement(
    labels: Image, image: Image | None, pixel_size: float | None
) -> tuple[Placement, tuple[str, ...]]:
    """Return where labels lie: as their file says, else their image, else as the person says; and what disagrees.

    Raises
    ------
    InputError
        If a size is told that is none, or another one than that of a file.
    """
    from napari_pseudolabel.imaging.units import LARGEST_UM, SMALLEST_UM

    placement, notes = labels.placement, []
    if image is not None and image.shape == labels.shape:
        own, other = _width(placement), _width(image.placement)
        if own is None:
            placement = image.placement
        elif other is not None and not math.isclose(own, other, rel_tol=_SAME_WITHIN):
            notes.append(
                f"The pixels of {labels.name} are {own:.4g} um wide and those of {image.name} {other:.4g} um; the first was believed."
            )
    if pixel_size is None:
        return placement, tuple(notes)
    if not SMALLEST_UM <= pixel_size <= LARGEST_UM:
        raise InputError(f"A pixel cannot have a side of {pixel_size:g} um; correct --pixel-size.")
    known = _width(placement)
    if known is not None and not math.isclose(known, pixel_size, rel_tol=_SAME_WITHIN):
        raise InputError(
            f"The pixels of {labels.name} are {known:.4g} um wide by its file or that of its image, not {pixel_size:g}; leave out "
            "--pixel-size, or correct the file."
        )
    return placement.with_pixel_size_um(pixel_size), tuple(notes)


def _width(placement: Placement) -> float | None:
    """Width of a pixel in micrometres; None if it is not known."""
    from napari_pseudolabel.imaging.units import micrometres

    unit = micrometres((placement.units or ("",))[-1])
    return None if unit is None else placement.spacing[-1] * unit


def _classes(known: Provenance | None, named: Mapping[str, int]) -> tuple[LabelClass, ...]:
    """Return the classes that a provenance tells, and those that are named, which no other may contradict."""
    from napari_pseudolabel.labels.classes import BACKGROUND, classes_of
    from napari_pseudolabel.models.cards import LabelClass

    told = {one.value: one for one in (known.classes if known else ())}
    if named:
        told.setdefault(0, LabelClass(name=BACKGROUND, value=0))
    for one in classes_of(named):
        told[one.value] = one.model_copy(
            update={"color": told[one.value].color if one.value in told else None}
        )
    return tuple(told[value] for value in sorted(told))


def _carried(known: Provenance) -> JsonObject:
    """Everything a sidecar tells, but what the new export says itself."""
    return known.model_dump(mode="json", exclude={"schema_version", "files", "classes", "placement"})
