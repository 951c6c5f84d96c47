"""Compare labels with a reference from Python and the shell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from napari_pseudolabel.api.checked_arguments import checked_arguments
from napari_pseudolabel.api.python_inputs import LabelsInput
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import not_labelled, read_sidecar, sidecar_path
from napari_pseudolabel.imaging import Image, from_array, read_labels
from napari_pseudolabel.imaging.image import finest
from napari_pseudolabel.imaging.reading.label_values import as_labels, without_single_planes
from napari_pseudolabel.imaging.same_place import lie_elsewhere
from napari_pseudolabel.labels.class_values import (
    comparable,
    inverted,
    mask_as_class,
    numbers_apart,
    refuse_grey,
    taken_for_background,
)
from napari_pseudolabel.labels.classes import LARGEST_VALUE
from napari_pseudolabel.labels.metrics import Evaluation, object_notes
from napari_pseudolabel.labels.metrics import evaluate as compare
from napari_pseudolabel.labels.misplaced import misplaced

Numbered = Literal["reference", "prediction", "both", "auto"]

_AXES = {2: "YX", 3: "ZYX", 4: "TZYX"}


@dataclass(frozen=True)
class ComparedLabels:
    """What comes of `evaluate`.

    Attributes
    ----------
    scores
        Dice and IoU of pixels; F1, precision, recall, PQ and AP of objects, by name of the class.
    notes
        What was assumed or left out, and which scores say nothing.
    """

    scores: Evaluation
    notes: tuple[str, ...] = ()


@checked_arguments
def evaluate(
    prediction: LabelsInput,
    reference: LabelsInput,
    classes: Mapping[str, int] | None = None,
    *,
    numbered: Numbered = "auto",
) -> ComparedLabels:
    """Compare two label images.

    Axons and myelin are also counted as fibres, nuclei and cells that touch are divided, everything else is 8-connected. An object is
    found if it is the same with an IoU of at least 0.5. What a label file says is not labelled is left out.

    Parameters
    ----------
    prediction, reference
        Paths, or arrays of one shape (..., Y, X) of integers.
    classes
        Value of each class by name: ``{"myelin": 1, "axon": 2}``; None for those that the provenance of the files names.
    numbered
        Which of them numbers its objects, so that every value is one object of the one class; auto takes ten values of one
        piece each, or more, for numbers.

    Raises
    ------
    InputError
        If they cannot be read or compared, a class has another value in the provenance of a file, or no class is named anywhere.
    """
    named, told_by = (
        told_classes(prediction, reference) if classes is None else (checked_classes(classes), ())
    )
    sides: list[Image] = []
    for name, given in (("prediction", prediction), ("reference", reference)):
        if isinstance(given, str | Path):
            check_values(Path(given), named)
            sides.append(read_labels(given))
        else:
            sides.append(as_labels(given) if isinstance(given, Image) else image_of_array(given, name))
    first, second, left_out = _labelled_in_both(*sides)
    refuse_grey(first, sides[0].name)
    refuse_grey(second, sides[1].name)
    first, masked = mask_as_class(first, named, "prediction")
    second, other_masked = mask_as_class(second, named, "reference")
    first, ones = numbers_apart(first, named, "prediction", _told(numbered, "prediction"))
    second, others = numbers_apart(second, named, "reference", _told(numbered, "reference"))
    scores = compare(first, second, named, instances=(ones, others), aspect=_aspect(*reversed(sides)))
    told = [
        f"The {side} numbers its objects, so each of its values was taken for one {' or '.join(named)}."
        for side, objects in (("prediction", ones), ("reference", others))
        if objects is not None
    ]
    notes = [
        *told_by,
        *(note for image in sides for note in image.notes),
        *left_out,
        *masked,
        *other_masked,
        *told,
    ]
    notes += [*object_notes(named), *comparable(first, second, named)]
    notes += taken_for_background(first, second, named)
    notes += inverted(first, second, named) or misplaced(
        *(np.where(np.isin(one, list(named.values())), one, 0) for one in (first, second))
    )
    notes += lie_elsewhere(sides[0], sides[1], ("prediction", "reference"))
    return ComparedLabels(scores, tuple(dict.fromkeys(notes)))


def checked_classes(classes: Mapping[str, int], *, objects: bool = False) -> dict[str, int]:
    """Return the values of classes as they are named.

    Parameters
    ----------
    objects
        None of them is the background, and a model is to know them.

    Raises
    ------
    InputError
        If one is no whole number from 0 on, or two classes have the same; for `objects` if one is 0, or above 255.
    """
    named: dict[str, int] = {}
    for name, value in classes.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise InputError(f"The class {name} has the value {value!r}; values are whole numbers from 0 on.")
        if objects and not 0 < value <= LARGEST_VALUE:
            raise InputError(
                f"The class {name} has the value {value}; classes of a model have values from 1 to {LARGEST_VALUE}, and 0 is background."
            )
        if value in named.values():
            raise InputError(f"Two classes have the value {value}; give each class one of its own.")
        named[name] = int(value)
    return named


def told_classes(*sides: LabelsInput) -> tuple[dict[str, int], tuple[str, ...]]:
    """Return the classes that the provenance of label files names, and a note that says so.

    Raises
    ------
    InputError
        If none names any.
    """
    paths = [Path(one).absolute() for one in sides if isinstance(one, str | Path)]
    known = [one for one in paths if one.exists() and sidecar_path(one).exists()]
    named: dict[str, int] = {}
    for path in known:
        for one in read_sidecar(path).classes:
            if one.value != 0 and one.name.casefold() not in map(str.casefold, named):
                named[one.name] = one.value
    if not named:
        raise InputError(
            "No class is named, and no provenance beside the files names any; add at least one, such as --class axon=2."
        )
    values = ", ".join(f"{name}={value}" for name, value in named.items())
    return checked_classes(named), (f"The classes are those that the provenance names: {values}.",)


def check_values(path: Path, named: Mapping[str, int]) -> None:
    """Compare classes that were named with those that the provenance of a label file names.

    Raises
    ------
    InputError
        If the same class has another value there.
    """
    path = path.absolute()
    if not path.exists() or not sidecar_path(path).exists():
        return
    told = {label_class.name.casefold(): label_class.value for label_class in read_sidecar(path).classes}
    for name, value in named.items():
        if (known := told.get(name.casefold(), value)) != value:
            raise InputError(
                f"{name} is {known} in {path.name}, as its provenance says, and not {value}; correct the class."
            )


def image_of_array(values: object, name: str) -> Image:
    """Return an array of labels as an image.

    Raises
    ------
    InputError
        If it holds no integers, or is no plane and no stack of planes.
    """
    values = finest(values)
    array = values if np.ma.isMaskedArray(values) else np.asarray(values)
    if array.dtype.kind not in "bui":
        raise InputError(f"The {name} holds values of type {array.dtype}; labels are whole numbers.")
    if array.ndim not in _AXES:
        raise InputError(f"The {name} has the shape {array.shape}; labels are planes, or stacks of them.")
    if array.ndim == len("YXS") and array.shape[-1] in (3, 4) and min(array.shape[:2]) > 4:
        raise InputError(
            f"The {name} has the shape {array.shape}, as a picture in colours has; give labels with one integer per pixel."
        )
    return as_labels(from_array(array, _AXES[array.ndim], name=name))


def _aspect(*images: Image) -> float:
    """Height of a pixel by its width, by the first image that knows of pixels that are not square, or whose provenance does."""
    for image in images:
        beside = image.path is not None and sidecar_path(image.path).exists()
        for told in (image.placement, *([read_sidecar(image.path)] if beside and image.path else ())):
            if told.pixel_aspect != 1:
                return told.pixel_aspect
    return 1.0


def _told(numbered: Numbered, side: str) -> bool | None:
    """Whether an image numbers its objects; None if that is not said."""
    return None if numbered == "auto" else numbered in (side, "both")


def _labelled_in_both(prediction: Image, reference: Image) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Two label images, with background where either is not labelled: there is nothing to compare.

    Raises
    ------
    InputError
        If no pixel is labelled in both.
    """
    first, second = without_single_planes(prediction), without_single_planes(reference)
    rests = [None if one.path is None else not_labelled(one.path) for one in (prediction, reference)]
    if rests == [None, None] or first.shape != second.shape:
        return first, second, ()
    rest = (first == rests[0]) | (second == rests[1])
    if rest.all():
        names = " and ".join(dict.fromkeys((prediction.name, reference.name)))
        raise InputError(f"No pixel is labelled in both {names}, so there is nothing to compare.")
    note = f"{rest.mean():.1%} of the pixels are not labelled in both, and were left out."
    return (
        np.where(rest, first.dtype.type(0), first),
        np.where(rest, second.dtype.type(0), second),
        (note,) if rest.any() else (),
    )
