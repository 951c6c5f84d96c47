"""Labelled images from folders, nnU-Net data sets and open layers, on the grid of the translator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.export import not_labelled
from napari_pseudolabel.imaging import Image, Reading, labels_to, measure, normalise, resample
from napari_pseudolabel.imaging.reading.file_names import left_out
from napari_pseudolabel.labels.classes import BACKGROUND
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.grids import limits_for, need_of
from napari_pseudolabel.training.data.adapted_planes import Adapter
from napari_pseudolabel.training.data.image_folders import (
    LabelledPlane,
    class_planes,
    counted,
    labelled_files,
)
from napari_pseudolabel.training.data.known_plane import KnownPlane
from napari_pseudolabel.training.data.labelled_sets import LabelledLayer, LabelledSet, NnunetSet
from napari_pseudolabel.training.data.nnunet_raw import read_raw
from napari_pseudolabel.training.tutor.tutor_task import TutorTask


@dataclass(frozen=True, eq=False)
class SourcePlane:
    """A labelled plane of the modality that the translator starts from.

    Attributes
    ----------
    plane
        On the grid of the translator. Its name is that of the file or layer; its weight is 0 where nothing is known.
    kept
        (H, W), True where pixels never train; None if all may.
    """

    plane: LabelledPlane
    kept: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Everything labelled that a job names.

    Attributes
    ----------
    planes
        All planes of a file or layer carry its name.
    classes
        Background included, by value.
    notes
        Sentences for the person.
    """

    planes: tuple[SourcePlane, ...]
    classes: tuple[LabelClass, ...]
    notes: tuple[str, ...]


def labelled_images(job: TutorTask, adapter: Adapter) -> LabelledImages:
    """Read what the job names.

    Raises
    ------
    InputError
        If there is nothing, a file cannot be used, or the classes and the labels do not fit.
    """
    if not job.sources:
        raise InputError("No labelled images were given; choose a folder, a data set or open layers.")
    notes: dict[str, None] = {}
    classes = {one.value: one for one in job.classes}
    planes: list[SourcePlane] = []
    for number, source in enumerate(job.sources, 1):
        if isinstance(source, LabelledSet) and source.translator not in (None, job.translator):
            raise InputError(
                f"{source.images} names another translator than the tutorship; all labelled images take the same."
            )
        # Files of the same name in two folders are two files.
        prefix = f"{number}-" if len(job.sources) > 1 else ""
        reader = _Reader(replace(adapter, scale=source.scale), prefix)
        found = list(reader.read(source))
        if not job.classes:
            classes = _joined(classes, reader.classes)
        planes += found
        notes |= dict.fromkeys(reader.notes)
    classes.setdefault(0, LabelClass(name=BACKGROUND, value=0))
    ordered = tuple(classes[value] for value in sorted(classes))
    if len(ordered) < 2:
        raise InputError("Name at least one class besides the background, which has the value 0.")
    notes |= dict.fromkeys(_check_values(planes, ordered))
    return LabelledImages(tuple(planes), ordered, tuple(notes))


def _joined(known: dict[int, LabelClass], more: dict[int, LabelClass]) -> dict[int, LabelClass]:
    for value, one in more.items():
        if value in known and known[value].name != one.name:
            raise InputError(
                f"The label value {value} is {known[value].name} in one data set and {one.name} in another; "
                "use sets with the same classes, or name the classes."
            )
    return {**more, **known}


class _Reader:
    """Reads one source; collects the classes that it names, and sentences."""

    def __init__(self, adapter: Adapter, prefix: str) -> None:
        self.adapter, self.prefix = adapter, prefix
        self.classes: dict[int, LabelClass] = {}
        self.notes: dict[str, None] = {}

    def read(self, source: LabelledSet | NnunetSet | LabelledLayer) -> Iterator[SourcePlane]:
        """Every labelled plane."""
        if isinstance(source, LabelledLayer):
            for known in source.planes:
                yield from self._known(source.name, known)
        elif isinstance(source, NnunetSet):
            raw = read_raw(source.folder)
            self.classes = {one.value: one for one in raw.classes}
            self.notes |= dict.fromkeys(raw.notes)
            for case in raw.cases:
                yield from self._pair(case.image, case.labels, case.name, raw.ignored, source.reading)
        else:
            self.notes |= dict.fromkeys(left_out(source.images, source.labels))
            for image, labels in labelled_files(source.images, source.labels):
                yield from self._pair(image, labels, image.name, not_labelled(labels), source.reading)

    def _pair(
        self, path: Path, labels: Path, name: str, ignored: int | None, reading: Reading
    ) -> Iterator[SourcePlane]:
        image = reading.image(path)
        self._tell(image.assumed())
        measured = measure(image, (None,), need_of(self.adapter.entry.normalisation))
        self._tell(measured.notes)
        limits = measured.channels[0].limits
        factor = self._factor(self._pixel_um(image))
        for index, values in zip(
            image.planes(), class_planes(labels, image, reading, self._tell), strict=True
        ):
            plane = resample(normalise(image.plane(index, None), limits), factor)
            truth = labels_to(values, plane.shape)
            weight = counted(truth, ignored)
            if weight is None or weight.any():
                yield SourcePlane(LabelledPlane(self.prefix + name, plane, truth, weight))

    def _tell(self, notes: tuple[str, ...]) -> None:
        self.notes |= dict.fromkeys(notes)

    def _known(self, name: str, known: KnownPlane) -> Iterator[SourcePlane]:
        factor = self._factor(known.pixel_size_um)
        # Only what counts, and what surrounds it.
        box = self.adapter.box(known.touched, factor)
        if box is None:
            return
        limits = limits_for(self.adapter.entry, known.of_layer)
        plane = resample(normalise(known.image[box], limits), factor)
        truth, touched, kept = (
            labels_to(values[box], plane.shape) for values in (known.labels, known.touched, known.held_out)
        )
        weight = None if touched.all() else touched.astype(np.float32)
        yield SourcePlane(
            LabelledPlane(self.prefix + name, plane, truth, weight), kept if kept.any() else None
        )

    def _pixel_um(self, image: Image) -> float | None:
        scale = self.adapter.scale
        # Asked for only when it decides: pixels that are not square are an error.
        decided = scale.factor or scale.object_size_px or scale.pixel_size_um
        return None if decided else image.placement.pixel_size_um()

    def _factor(self, pixel_um: float | None) -> float:
        factor, why = self.adapter.factor(pixel_um)
        if why.startswith("The "):
            self.notes["The labelled images: " + why] = None
        return factor


def _check_values(planes: Sequence[SourcePlane], classes: Sequence[LabelClass]) -> tuple[str, ...]:
    """Every class must occur; values without a class are reported."""
    found: set[int] = set()
    for one in planes:
        labels, weight = one.plane.labels, one.plane.weight
        found |= {int(value) for value in np.unique(labels if weight is None else labels[weight > 0])}
    for wanted in classes:
        if wanted.value and wanted.value not in found:
            raise InputError(
                f"No labelled image holds the class {wanted.name} ({wanted.value}); check the classes and the labels."
            )
    if rest := sorted(found - {one.value for one in classes}):
        values = ", ".join(map(str, rest))
        return (f"The label values {values} belong to no class, so they count as background.",)
    return ()
