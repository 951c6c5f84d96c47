"""Labelled images from folders, nnU-Net data sets and open layers, on the grid of the translator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import not_labelled
from napari_pseudolabel.imaging import labels_to, normalise, resample
from napari_pseudolabel.imaging.reading.file_names import left_out
from napari_pseudolabel.labels.classes import BACKGROUND
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.grids import limits_for
from napari_pseudolabel.training.data.adapted_planes import Adapter
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.data.image_folders import (
    LabelledPlane,
    Notes,
    UnknownSizes,
    labelled_files,
    planes_of,
)
from napari_pseudolabel.training.data.labelled_sets import LabelledLayer, LabelledSet, NnunetSet
from napari_pseudolabel.training.data.nnunet_raw import read_raw
from napari_pseudolabel.training.data.training_inputs import check_values
from napari_pseudolabel.training.tutor.tutor_task import TutorTask


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Everything labelled that a job names.

    Attributes
    ----------
    planes
        On the grid of the translator; all planes of a file or layer carry its name.
    classes
        Background included, by value.
    notes
        Sentences for the person.
    """

    planes: tuple[LabelledPlane, ...]
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
    notes = Notes()
    classes = {label_class.value: label_class for label_class in job.classes}
    planes: list[LabelledPlane] = []
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
        notes |= reader.notes
    classes.setdefault(0, LabelClass(name=BACKGROUND, value=0))
    ordered = tuple(classes[value] for value in sorted(classes))
    if len(ordered) < 2:
        raise InputError("Name at least one class besides the background, which has the value 0.")
    notes.add(check_values(planes, {one.name: one.value for one in ordered}, "labelled"))
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
        self.notes = Notes()

    def read(self, source: LabelledSet | NnunetSet | LabelledLayer) -> Iterator[LabelledPlane]:
        """Every labelled plane."""
        if isinstance(source, LabelledLayer):
            for known in source.planes:
                yield from self._annotated(source.name, known)
        elif isinstance(source, NnunetSet):
            raw = read_raw(source.folder)
            self.classes = {label_class.value: label_class for label_class in raw.classes}
            self.notes.add(raw.notes)
            sizes = UnknownSizes(source.folder, self.adapter.preparation(source.reading))
            for case in raw.cases:
                yield from self._pair(case.image, case.labels, case.name, raw.ignored, sizes)
            self.notes.add(sizes.notes)
        else:
            self.notes.add(left_out(source.images, source.labels))
            sizes = UnknownSizes(source.images, self.adapter.preparation(source.reading))
            for image, labels in labelled_files(source.images, source.labels):
                yield from self._pair(image, labels, image.name, not_labelled(labels), sizes)
            self.notes.add(sizes.notes)

    def _pair(
        self, path: Path, labels: Path, name: str, ignored: int | None, sizes: UnknownSizes
    ) -> Iterator[LabelledPlane]:
        image = sizes.preprocessing.reading.image(path)
        self.notes.add(image.assumed())
        sizes.add(name, image)
        yield from planes_of(self.prefix + name, image, labels, ignored, sizes.preprocessing, self.notes.add)

    def _annotated(self, name: str, known: AnnotatedPlane) -> Iterator[LabelledPlane]:
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
        yield LabelledPlane(self.prefix + name, plane, truth, weight, kept if kept.any() else None)

    def _factor(self, pixel_um: float | None) -> float:
        factor, why = self.adapter.factor(pixel_um)
        if why.startswith("The "):
            self.notes["The labelled images: " + why] = None
        return factor
