"""Formats of label files, and the one way to write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.export import ome_tiff, png
from napari_pseudolabel.export.companions import PROVENANCE, Companions, companions, image_stem
from napari_pseudolabel.export.sidecar import sidecar_text
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.labels.classes import LARGEST_VALUE
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.workspace.atomic import atomic_files

_UNSIGNED = (np.uint8, np.uint16, np.uint32)


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes
    ----------
    name
        As given to `export`.
    suffixes
        Ends of file names, lower case with the dot; the first is proposed.
    description
        One line for the person: what it holds and who reads it.
    write_labels, write_image
        Write to a path whatever its suffix: labels (uint8, uint16, uint32) with their classes, or
        float32 values in [0, 1].
    """

    name: str
    suffixes: tuple[str, ...]
    description: str
    write_labels: Callable[[Path, np.ndarray, str, Placement, Sequence[LabelClass]], None]
    write_image: Callable[[Path, np.ndarray, str, Placement], None]


_FORMATS = (
    Format(
        "ome-tiff",
        (".ome.tif", ".ome.tiff", ".tif", ".tiff"),
        "OME-TIFF: planes, stacks and time with pixel size; read by Fiji, QuPath, napari and most others.",
        ome_tiff.write_labels,
        ome_tiff.write_image,
    ),
    Format(
        "png",
        (".png",),
        "PNG: one plane without pixel size; read by everything.",
        png.write_labels,
        png.write_image,
    ),
)


def formats() -> tuple[Format, ...]:
    """All formats, the recommended one first."""
    return _FORMATS


def export(
    path: str | Path,
    labels: np.ndarray,
    *,
    format: str | None = None,
    classes: Sequence[LabelClass],
    placement: Placement,
    provenance: Mapping[str, Any],
    confidence: np.ndarray | None = None,
    effort: str | None = None,
    labelled: np.ndarray | None = None,
) -> tuple[Path, ...]:
    """Write labels with their provenance, all files or none.

    Parameters
    ----------
    path
        Label file to write; one that exists is replaced.
    labels
        (..., Y, X) integers, none negative. uint8, uint16 and uint32 keep their type, others become
        the smallest of these that holds them.
    format
        Name of one of `formats`; None to tell by the suffix.
    classes
        Meaning of the values.
    placement
        Of the axes of `labels`.
    provenance
        See `sidecar.Provenance`.
    confidence
        Same shape, in [0, 1]; goes to ``NAME.confidence.ome.tif`` as float32.
    effort
        Table of what every object has cost, as text; goes to ``NAME.effort.csv``.
    labelled
        bool, same shape: where the labels mean anything. The rest gets a value that no label has, 255 where it is
        free, which the provenance and the classes inside of the file name. None: everywhere.

    Returns
    -------
    tuple of Path
        The label file, the sidecar ``NAME.provenance.json``, and the confidence and the effort if there are any; for
        their names see `companions`.

    Raises
    ------
    InputError
        When arrays, placement and format do not fit, the folder cannot be written to, or other files have the names.
    """
    path = Path(path)
    chosen = _format(path, format)
    values = _checked_labels(labels)
    _check_axes("labels", values, placement)
    if confidence is not None and np.shape(confidence) != values.shape:
        raise InputError(
            f"The confidence has the shape {np.shape(confidence)}, but the labels have {values.shape}; "
            "export them for the same region."
        )
    shown: tuple[LabelClass, ...] = tuple(classes)
    if labelled is not None:
        values, rest = _marked(values, labelled, classes)
        provenance = {**provenance, "share_labelled": float(np.mean(labelled)), "not_labelled": rest}
        if rest is not None and rest <= LARGEST_VALUE:
            shown = (*shown, LabelClass(name="not labelled", value=rest))
    name = image_stem(path)
    given = {"confidence": confidence, "effort": effort}
    beside = companions(path, [role for role, content in given.items() if content is not None])
    sidecar, *others = beside.paths.values()
    text = sidecar_text(
        provenance,
        files={"labels": path.name, **_names(beside)},
        classes=classes,
        placement=placement,
        earlier=beside.earlier,
    )
    with atomic_files(path, sidecar, *others) as temporaries:
        chosen.write_labels(temporaries[0], values, name, placement, shown)
        temporaries[1].write_text(text, encoding="utf-8", newline="\n")
        if confidence is not None:
            ome_tiff.write_image(temporaries[2], confidence, f"{name} confidence", placement)
        if effort is not None:
            temporaries[-1].write_text(effort, encoding="utf-8", newline="\n")
    return (path, sidecar, *others)


def export_image(
    path: str | Path,
    image: np.ndarray,
    *,
    format: str | None = None,
    placement: Placement,
    provenance: Mapping[str, Any],
) -> tuple[Path, ...]:
    """Write an image in [0, 1], such as a translation, with its provenance; see `export`.

    OME-TIFF holds the float32 values, PNG 256 grey levels.

    Returns
    -------
    tuple of Path
        The image file and the sidecar.
    """
    path = Path(path)
    chosen = _format(path, format)
    values = np.asarray(image, dtype=np.float32)
    _check_axes("image", values, placement)
    beside = companions(path)
    targets = (path, *beside.paths.values())
    text = sidecar_text(
        provenance,
        files={"image": path.name, **_names(beside)},
        classes=(),
        placement=placement,
        earlier=beside.earlier,
    )
    with atomic_files(*targets) as temporaries:
        chosen.write_image(temporaries[0], values, image_stem(path), placement)
        temporaries[1].write_text(text, encoding="utf-8", newline="\n")
    return targets


def _names(beside: Companions) -> dict[str, str]:
    """What the provenance says of the files beside it."""
    return {role: one.name for role, one in beside.paths.items() if role != PROVENANCE}


def _format(path: Path, name: str | None) -> Format:
    fitting = [one for one in _FORMATS if path.name.lower().endswith(one.suffixes)]
    if name is None:
        if not fitting:
            known = ", ".join(suffix for one in _FORMATS for suffix in one.suffixes)
            raise InputError(f"{path.name} has no suffix we can write; end it with one of {known}.")
        return fitting[0]
    chosen = next((one for one in _FORMATS if one.name == name), None)
    if chosen is None:
        raise InputError(f"There is no format {name!r}; choose {' or '.join(one.name for one in _FORMATS)}.")
    if fitting and chosen not in fitting:
        raise InputError(f"{path.name} is a name of {fitting[0].name}, but {name} was asked for; change one.")
    return chosen


def _checked_labels(labels: np.ndarray) -> np.ndarray:
    values = np.asarray(labels)
    if values.dtype.kind not in "iu":
        raise InputError(f"Labels must be integers, but these are {values.dtype}; convert them first.")
    if values.dtype in _UNSIGNED or values.size == 0:
        return values
    low, high = int(values.min()), int(values.max())
    if low < 0:
        raise InputError(f"Labels must not be negative, but these go down to {low}; correct them first.")
    fitting = next((dtype for dtype in _UNSIGNED if high <= np.iinfo(dtype).max), None)
    if fitting is None:
        raise InputError(f"Labels go up to 4294967295, but these reach {high}; renumber them first.")
    return values.astype(fitting)


def _marked(
    values: np.ndarray, labelled: np.ndarray, classes: Sequence[LabelClass]
) -> tuple[np.ndarray, int | None]:
    """Labels in which everything that is not labelled has a value of its own, and that value."""
    if np.shape(labelled) != values.shape:
        raise InputError(
            f"What is labelled has the shape {np.shape(labelled)}, but the labels have {values.shape}; "
            "export them for the same region."
        )
    if np.all(labelled):
        return values, None
    most = max(int(values.max()), *(one.value for one in classes), 0)
    fitting = [dtype for dtype in _UNSIGNED if np.iinfo(dtype).max > most]
    if not fitting:
        raise InputError(
            "Labels go up to 4294967294 where some pixels are not labelled; renumber them first."
        )
    rest = int(np.iinfo(fitting[0]).max)
    dtype = np.promote_types(values.dtype, fitting[0])
    return np.where(labelled, values, dtype.type(rest)).astype(dtype), rest


def _check_axes(what: str, values: np.ndarray, placement: Placement) -> None:
    if values.ndim < 2 or values.size == 0:
        raise InputError(f"The {what} has the shape {values.shape}, which is no image; nothing was written.")
    if values.ndim != placement.ndim:
        raise InputError(
            f"The {what} has {values.ndim} axes, but its placement has {placement.ndim}; they must agree."
        )
