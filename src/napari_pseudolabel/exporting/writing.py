"""The one way to write labels and images: all files or none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_pseudolabel.budget import free_memory, in_words
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting.companions import (
    PROVENANCE,
    Companions,
    companions,
    image_stem,
    sidecar_path,
)
from napari_pseudolabel.exporting.growing_set import IMAGES, GrowingSet
from napari_pseudolabel.exporting.sidecar import sidecar_text
from napari_pseudolabel.formats import FileContent, Format, format_of, formats, takes_stacks
from napari_pseudolabel.formats.image_sets import case_of
from napari_pseudolabel.formats.ome_tiff import OME_TIFF
from napari_pseudolabel.imaging.image import Image
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.plane_key import pixels_key
from napari_pseudolabel.imaging.reading.own_files import described
from napari_pseudolabel.labels.class_values import without_class
from napari_pseudolabel.labels.classes import LARGEST_VALUE, not_labelled_class
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.workspace.atomic import atomic_files

_UNSIGNED = (np.uint8, np.uint16, np.uint32)
_ALWAYS_THERE = 2**28  # bytes


def export(
    path: str | Path,
    labels: np.ndarray,
    *,
    format: str | Format | None = None,
    classes: Sequence[LabelClass],
    placement: Placement,
    provenance: Mapping[str, object],
    confidence: np.ndarray | None = None,
    effort: str | None = None,
    measures: str | None = None,
    labelled: np.ndarray | None = None,
    instances: np.ndarray | None = None,
    confirmed: np.ndarray | None = None,
    source: Image | None = None,
    offset: tuple[int, int] = (0, 0),
    control: Control = Control(),
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
        One of `formats`, by name or itself, or a `Format` of your own; None to tell by the suffix.
    classes
        Meaning of the values.
    placement
        Of the axes of `labels`.
    provenance
        See `sidecar.Provenance`.
    confidence
        Same shape, in [0, 1]; goes to ``NAME.confidence.ome.tif`` as float32, unless the format holds it.
    effort
        Table of what every object has cost, as text; goes to ``NAME.effort.csv``, unless the format holds it.
    measures
        Table of sizes and shapes of the objects, as text; goes to ``NAME.measures.csv``, unless the format holds it.
    labelled
        bool, same shape: where the labels mean anything. The rest gets a value that no label has, 255 where it is
        free, which the provenance and the classes inside of the file name. None: everywhere.
    instances
        Same shape, integers: number of the object of every pixel, 0 where there is none, for formats that hold objects.
        None: computed from the classes.
    confirmed
        bool, same shape: what a person declared right, for formats that teach other programs; None where nobody knows.
    source
        The image that the labels are of, for formats that hold it as well. None: the file that the provenance names, where it
        is needed and there.
    offset
        Row and column of the first pixel in the whole image, where the labels are those of a region of it.
    control
        Hears how far writing is where a format takes its time, and may stop it: nothing is changed then.

    Returns
    -------
    tuple of Path
        The label file, the sidecar ``NAME.provenance.json``, and the confidence, the effort and the measures if there are any; for
        their names see `companions`.

    Raises
    ------
    InputError
        When arrays, placement and format do not fit, the folder cannot be written to, or other files have the names.
    """
    path = Path(path)
    chosen = format_of(path, format)
    values = checked_labels(labels)
    _check_axes("labels", values, placement)
    for what, other in (
        ("The confidence has", confidence),
        ("Instances have", instances),
        ("What is confirmed has", confirmed),
    ):
        if other is not None and np.shape(other) != values.shape:
            raise InputError(
                f"{what} the shape {np.shape(other)}, but the labels have {values.shape}; "
                "export them for the same region."
            )
    shown: tuple[LabelClass, ...] = tuple(classes)
    rest: int | None = None
    if labelled is not None:
        values, rest = _marked(values, labelled, classes, chosen.marks)
        provenance = {**provenance, "share_labelled": float(np.mean(labelled)), "not_labelled": rest}
        if rest is not None and rest <= LARGEST_VALUE:
            shown = (*shown, not_labelled_class(rest))
    content = FileContent(
        image_stem(path),
        placement,
        values,
        classes=shown,
        labelled=labelled,
        not_labelled=rest,
        confidence=confidence,
        effort=effort,
        measures=measures,
        known_instances=None if instances is None else checked_labels(instances),
        confirmed=confirmed,
        source=source,
        offset=offset,
        control=control,
        provenance=provenance,
    )
    return _write(path, chosen, content, "labels", classes, provenance)


def export_image(
    path: str | Path,
    image: np.ndarray,
    *,
    format: str | Format | None = None,
    placement: Placement,
    provenance: Mapping[str, object],
) -> tuple[Path, ...]:
    """Write an image in [0, 1], such as a translation, with its provenance; see `export`.

    OME-TIFF holds the float32 values, PNG 256 grey levels.

    Returns
    -------
    tuple of Path
        The image file and the sidecar.
    """
    path = Path(path)
    chosen = format_of(path, format)
    check_holds_images(chosen)
    values = np.asarray(image, dtype=np.float32)
    _check_axes("image", values, placement)
    return _write(
        path, chosen, FileContent(image_stem(path), placement, image=values), "image", (), provenance
    )


def check_holds_images(chosen: Format) -> None:
    """Refuse to write an image in a format for labels only.

    Raises
    ------
    InputError
        If it is one.
    """
    if "images" not in chosen.holds:
        others = " or ".join(file_format.title for file_format in formats() if "images" in file_format.holds)
        raise InputError(f"{chosen.title} holds labels, but this is an image; export as {others}.")


def _write(
    path: Path,
    chosen: Format,
    content: FileContent,
    role: str,
    classes: Sequence[LabelClass],
    provenance: Mapping[str, object],
) -> tuple[Path, ...]:
    """Write the file, its provenance, and beside it what the format cannot hold."""
    content = replace(content, source=_source(chosen, content), options=chosen.options)
    _check_fits(chosen, content)
    tables = {"effort": content.effort, "measures": content.measures}
    given = {"confidence": content.confidence, **tables}
    beside = companions(
        path, [part for part, what in given.items() if what is not None and part not in chosen.holds]
    )
    targets = (path, *beside.paths.values())
    check_replaceable(path, chosen)
    _check_room(chosen, content)
    with atomic_files(*targets, folders=targets[: chosen.folder]) as temporaries:
        growing = _growing(chosen, path, temporaries[0], content)
        notes = tuple(chosen.write(temporaries[0], content) or ())
        notes += _about_values(content)
        if content.joined_along is not None:
            notes += content.options.words
        notes += _about_source(content)
        fields = {**provenance, "export_notes": notes}
        if growing is not None:
            fields[IMAGES] = growing.told(fields)
        text = sidecar_text(
            fields,
            files={role: path.name, **_names(beside)},
            classes=classes,
            placement=content.placement,
            earlier=beside.earlier,
        )
        for companion, temporary in zip(beside.paths, temporaries[1:], strict=True):
            if companion == "confidence":
                sure = FileContent(f"{content.name} confidence", content.placement, image=content.confidence)
                OME_TIFF.write(temporary, sure)
            else:
                written = text if companion == PROVENANCE else tables[companion] or ""
                temporary.write_text(written, encoding="utf-8", newline="\n")
    return targets


def _about_values(content: FileContent) -> tuple[str, ...]:
    """Say which values nobody has named, where it was asked what the objects are."""
    made = "instances" in vars(content) and content.known_instances is None
    if content.labels is None or not made or content.numbered:
        return ()
    rest = () if content.not_labelled is None else (content.not_labelled,)
    known = [*(one.value for one in content.named), *rest]
    return without_class(
        content.labels, known, content.name, "taken for classes, and not for numbers of objects"
    )


def _about_source(content: FileContent) -> tuple[str, ...]:
    """Say that the image is not the one that was labelled, or was changed since, as far as its pixels tell."""
    labelled = (content.provenance.get("source") or {}).get("pixels")
    if (
        content.source is None
        or not labelled
        or content.labels is None
        or content.source.shape != content.labels.shape
    ):
        return ()
    with suppress(InputError):  # it may be gone, and is not written everywhere
        if pixels_key(content.source) != labelled:
            return (
                f"{content.source.name} does not hold the pixels that were labelled, by the provenance of the labels; it was taken for "
                "their image all the same.",
            )
    return ()


def _growing(chosen: Format, path: Path, folder: Path, content: FileContent) -> GrowingSet | None:
    """Bring the other images of a set into its new version; None for what holds one image."""
    if not chosen.collects:
        return None
    source = content.provenance.get("source")
    return GrowingSet.begun(path, folder, case_of(content), source, chosen.shared)


def check_replaceable(path: Path, chosen: Format) -> None:
    """Refuse to replace a folder of somebody else, or to write under a name that others would not find.

    Raises
    ------
    InputError
        If it holds anything and its provenance does not say that it was exported; or if its name will not do.
    """
    if chosen.pattern and not re.fullmatch(chosen.pattern, path.name):
        raise InputError(
            f"{chosen.title} has a name like {chosen.proposed}, or others would not find it, but this is {path.name}; choose such a name."
        )
    if not chosen.folder or not path.is_dir():
        return
    if any(path.iterdir()) and not described(sidecar_path(path)).is_about(path):
        raise InputError(
            f"{path.name} is a folder that was not exported here, and would be replaced; choose another name."
        )


def _check_room(chosen: Format, content: FileContent) -> None:
    """Refuse what the memory cannot hold, before the work begins; what was asked for would take minutes until then.

    Raises
    ------
    InputError
        If there is less memory than that.
    """
    values = content.image if content.labels is None else content.labels
    assert values is not None
    size = values.size * chosen.bytes_per_pixel
    if size > _ALWAYS_THERE and size > (free := free_memory()):
        others = " or ".join(one.title for one in formats() if one.streamed)
        raise InputError(
            f"Writing {chosen.title} of an image as large as this takes about {in_words(size)} of memory, but {in_words(free)} are "
            f"free; export regions of it, or as {others}."
        )


def _check_fits(chosen: Format, content: FileContent) -> None:
    values = content.image if content.labels is None else content.labels
    assert values is not None
    if not chosen.takes(values.shape):
        raise InputError(
            f"{chosen.title} holds one plane, but this is a stack of shape {values.shape}; export as {takes_stacks()}."
        )
    if (side := max(values.shape[-2:])) > chosen.largest_side:
        raise InputError(
            f"{chosen.title} reaches {chosen.largest_side:,} pixels, but this image is {side:,} high or wide; export a part of "
            f"it, or as {takes_stacks()}."
        )
    if content.labels is None:
        return
    if "classes" not in chosen.holds:
        values = content.instances
    if (highest := values.max()) > chosen.largest:
        roomy = next(file_format.title for file_format in formats() if file_format.largest >= highest)
        raise InputError(
            f"{chosen.title} holds labels up to {chosen.largest}, but these reach {highest}; export as {roomy}."
        )


def _source(chosen: Format, content: FileContent) -> Image | None:
    """Return the image of the labels, which has to be there for some formats."""
    if chosen.source == "no" or content.labels is None:
        return content.source
    found = content.source
    source = content.provenance.get("source") or {}
    told = source.get("path")
    if found is None and told and Path(told).exists():
        from napari_pseudolabel.imaging import read

        found = read(told, position=source.get("position"))
    if found is None and chosen.source == "wanted":
        return None
    if found is None:
        raise InputError(
            f"{chosen.title} holds the image beside its labels, and the image of these is not known; open it, or name it with --image."
        )
    if found.shape != content.labels.shape:
        raise InputError(
            f"The image {found.name} has the shape {found.shape}, but the labels have {content.labels.shape}; give the image that "
            "they are of."
        )
    return found


def _names(beside: Companions) -> dict[str, str]:
    """Return what the provenance says of the files beside it."""
    return {role: path.name for role, path in beside.paths.items() if role != PROVENANCE}


def checked_labels(labels: np.ndarray) -> np.ndarray:
    """Return labels of an unsigned type that formats take.

    Raises
    ------
    InputError
        If they are no labels.
    """
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
    values: np.ndarray, labelled: np.ndarray, classes: Sequence[LabelClass], marks: bool
) -> tuple[np.ndarray, int | None]:
    """Labels in which everything that is not labelled has a value of its own, and that value; 0 where none marks it."""
    if np.shape(labelled) != values.shape:
        raise InputError(
            f"What is labelled has the shape {np.shape(labelled)}, but the labels have {values.shape}; "
            "export them for the same region."
        )
    if np.all(labelled):
        return values, None
    if not marks:
        return np.where(labelled, values, values.dtype.type(0)), None
    most = max(int(values.max()), *(label_class.value for label_class in classes), 0)
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
