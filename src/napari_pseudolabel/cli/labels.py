"""``pseudolabel evaluate`` and ``pseudolabel export``: what can be done with label files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_pseudolabel.cli.options import AsJson, Axes, Classes, FormatOption, named_values
from napari_pseudolabel.cli.output import show, table
from napari_pseudolabel.errors import InputError, PseudolabelError

if TYPE_CHECKING:
    import numpy as np

    from napari_pseudolabel.export import Provenance
    from napari_pseudolabel.imaging import Image


def evaluate(
    prediction: Annotated[Path, typer.Argument(metavar="PREDICTION", help="Label image.")],
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE", help="Label image of the truth.")],
    classes: Classes = None,
    as_json: AsJson = False,
) -> None:
    """Compare labels with a reference: Dice, IoU, and F1 of instances matched at an IoU of 0.5."""
    from napari_pseudolabel.labels.metrics import evaluate as compare

    values = named_values(classes)
    scores = compare(*_labelled_in_both(prediction, reference), values)
    rows = [
        (name, *(f"{part[name]:.4f}" for part in (scores.dice, scores.iou, scores.instance_f1)))
        for name in values
    ]
    text = table(("class", "dice", "iou", "instance_f1"), rows)
    show(dataclasses.asdict(scores), text, as_json=as_json)


def export(
    labels: Annotated[Path, typer.Argument(metavar="INPUT_LABELS", help="Label image.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="File to write (.ome.tif, .tif, .png).")],
    format: FormatOption = None,
    axes: Axes = None,
    as_json: AsJson = False,
) -> None:
    """Write labels in another format, with their provenance, classes and confidence."""
    from napari_pseudolabel.cli.targets import check_targets
    from napari_pseudolabel.export import export as write
    from napari_pseudolabel.export import read_sidecar, sidecar_path
    from napari_pseudolabel.imaging import read

    image, values = label_data(labels, axes)
    known = read_sidecar(labels) if sidecar_path(labels).exists() else None
    beside = labels.with_name(known.files["confidence"]) if known and "confidence" in known.files else None
    sources = [labels, *([beside] if beside and beside.exists() else [])]
    name = format.value if format else None
    check_targets([labels], [output], name, confidence=len(sources) > 1)
    confidence = _pixels(read(sources[1], axes=image.plane_axes)) if len(sources) > 1 else None
    files = write(
        output,
        values,
        format=name,
        classes=known.classes if known else (),
        placement=image.placement,
        provenance=_carried(known) if known else {"source": {"name": image.name}},
        confidence=confidence,
    )
    notes = [] if known else [f"{labels.name} has no provenance file, so how it was made is not known."]
    data = {"files": [str(file) for file in files], "notes": notes}
    show(data, "\n".join([*map(str, files), *notes]), as_json=as_json)


def _labelled_in_both(prediction: Path, reference: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two label images, with background where either is not labelled: there is nothing to compare."""
    import numpy as np

    from napari_pseudolabel.export import not_labelled

    first, second = label_data(prediction)[1], label_data(reference)[1]
    rests = not_labelled(prediction), not_labelled(reference)
    if rests == (None, None) or first.shape != second.shape:
        return first, second
    rest = (first == rests[0]) | (second == rests[1])
    return np.where(rest, first.dtype.type(0), first), np.where(rest, second.dtype.type(0), second)


def _carried(known: Provenance) -> dict[str, Any]:
    """Everything a sidecar tells, but what the new export says itself."""
    return known.model_dump(mode="json", exclude={"schema_version", "files", "classes", "placement"})


def label_data(path: Path, axes: str | None = None) -> tuple[Image, np.ndarray]:
    """Read a label image and its integers.

    Raises
    ------
    InputError
        When the file cannot be read, or is no label image.
    """
    from napari_pseudolabel.imaging import read

    image = read(path, axes=axes)
    if image.axes != image.plane_axes:
        raise InputError(
            f"{path} has channels or colours (axes {image.axes}); give a label image with one integer per pixel."
        )
    values = _pixels(image)
    if values.dtype.kind == "b":
        values = values.astype("uint8")
    if values.dtype.kind not in "iu":
        raise InputError(
            f"{path} holds {values.dtype} values; give a label image, whose values are integers."
        )
    return image, values


def _pixels(image: Image) -> np.ndarray:
    """All values as they are stored (`Image.plane` would round large labels to float32)."""
    import numpy as np

    try:
        return np.asarray(image.data)
    except (PseudolabelError, MemoryError):
        raise
    except Exception as error:  # decoders and stores raise whatever they like
        raise InputError(f"{image.path} cannot be read; it may be damaged ({error}).") from error
