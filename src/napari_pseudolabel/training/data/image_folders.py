"""Folders of images, and of labels with the same names, as planes on the model's grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, Need, ReadOptions, labels_to, measure, normalise, resample
from napari_pseudolabel.imaging.blank_layer import nothing_in
from napari_pseudolabel.imaging.reading.file_names import images_in, label_files_in, partners
from napari_pseudolabel.imaging.reading.label_values import like
from napari_pseudolabel.imaging.same_place import lie_elsewhere
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.class_values import refuse_grey

Notify = Callable[[tuple[str, ...]], None]
"""Hears what had to be assumed about files: sentences for the person."""

_LARGEST_CLASS = 255
_MOST_NAMES = 3


def ignore_notes(notes: tuple[str, ...]) -> None:
    """Let sentences fall, as a `Notify`."""


class Notes(dict[str, None]):
    """Sentences for the person, each once, in the order in which they were told."""

    def add(self, notes: Iterable[str]) -> None:
        """Add them; a `Notify`."""
        self.update(dict.fromkeys(notes))


@dataclass(frozen=True)
class FolderPreprocessing:
    """How the images of one folder are brought to the model's grid and to [0, 1].

    Attributes
    ----------
    scale
        What is known about the sizes in the images; see `Scale`.
    model_pixel_um, model_object_px
        Pixel size and object size on the model's grid.
    need
        What of each image becomes 0 and 1, as the first model that sees it asks for.
    reading
        How the files are read.
    tells
        Whether it is told of images whose size on the grid is not known; not where the images make the grid.
    """

    scale: Scale = Scale()
    model_pixel_um: float | None = None
    model_object_px: float | None = None
    need: Need = field(default_factory=Need)
    reading: ReadOptions = ReadOptions()
    tells: bool = True

    def missing(self, image: Image) -> str:
        """Say in a clause what is not known, so that `image` is used as it is; empty where all is known."""
        return self.scale.missing(self.scale.asked_of(image.placement), self.model_pixel_um)

    def factor(self, image: Image) -> float:
        """Pixels on the model's grid per pixel of `image`."""
        pixel = self.scale.asked_of(image.placement)
        return self.scale.to_model(pixel, self.model_pixel_um, self.model_object_px)[0]


class UnknownSizes:
    """Collects the images of a folder that are used as they are because nobody knows their size.

    Parameters
    ----------
    where
        The folder, in the sentence.
    preprocessing
        How its images are brought to the grid.
    """

    def __init__(self, where: Path, preprocessing: FolderPreprocessing) -> None:
        self.where, self.preprocessing = where, preprocessing
        self._names: list[str] = []
        self._seen = 0

    def add(self, name: str, image: Image) -> None:
        """Look at one image."""
        self._seen += 1
        if self.preprocessing.tells and self.preprocessing.missing(image):
            self._names.append(name)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for the person about all of them; nothing where there is none."""
        if not self._names:
            return ()
        pixel, thing = self.preprocessing.model_pixel_um, self.preprocessing.model_object_px
        rest = len(self._names) - _MOST_NAMES
        named = ", ".join(self._names[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
        advice = ["their pixel size"] * bool(pixel) + ["the size of their objects"] * bool(thing)
        unknown = "" if pixel else ", because the model does not say its pixel size"
        return (
            f"The scale is not known of {len(self._names)} of {self._seen} images in {self.where} ({named}){unknown}; used "
            f"as they are. Give {' or '.join(advice) or 'their magnification'} if they are not of the scale of the model.",
        )


@dataclass(frozen=True, eq=False)
class LabelledPlane:
    """One training image: (H, W) float32 in [0, 1] and (H, W) uint8 labels, on the model's grid.

    `weight`, (H, W) float32 in [0, 1], says how much each pixel counts, None that all count fully. A proxy never trains
    on pixels where `kept`, (H, W), is True.
    """

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.uint8]
    weight: NDArray[np.float32] | None = None
    kept: NDArray[np.bool_] | None = None

    @property
    def known_labels(self) -> NDArray[np.uint8]:
        """Labels of the pixels that count."""
        return self.labels if self.weight is None else self.labels[self.weight > 0]


def image_planes(
    folder: Path, preprocessing: FolderPreprocessing, notify: Notify = ignore_notes
) -> list[NDArray[np.float32]]:
    """All planes of all images of a folder, (H, W) float32 in [0, 1].

    Raises
    ------
    InputError
        If the folder is missing or holds no image, or an image cannot be read.
    """
    found: list[NDArray[np.float32]] = []
    sizes = UnknownSizes(folder, preprocessing)
    for path in images_in(folder):
        image = preprocessing.reading.image(path)
        notify(image.assumed())
        sizes.add(path.name, image)
        found += prepare(image, preprocessing, notify)
    notify(sizes.notes)
    return found


def labelled_planes(
    images: Path, labels: Path, preprocessing: FolderPreprocessing, notify: Notify = ignore_notes
) -> list[LabelledPlane]:
    """Images with the label file of the same name; what its provenance calls not labelled counts nothing.

    Raises
    ------
    InputError
        If a label file is missing or has another shape than its image, or nothing is labelled.
    """
    from napari_pseudolabel.exporting import not_labelled  # descriptions of trainings do without objects

    found: list[LabelledPlane] = []
    sizes = UnknownSizes(images, preprocessing)
    for path, label_path in labelled_files(images, labels):
        image = preprocessing.reading.image(path)
        notify(image.assumed())
        sizes.add(path.name, image)
        found += planes_of(path.name, image, label_path, not_labelled(label_path), preprocessing, notify)
    notify(sizes.notes)
    if not found:
        raise InputError(f"Nothing is labelled in the files of {labels}; label at least a part of one image.")
    return found


def planes_of(
    name: str,
    image: Image,
    labels: Path,
    ignored: int | None,
    preprocessing: FolderPreprocessing,
    notify: Notify,
) -> Iterator[LabelledPlane]:
    """Yield the planes of an image with those of its label file.

    Pixels of the value `ignored` count nothing, nor do pixels without a value, which are black to a model; an image in which there is
    nothing to see has no planes.
    """
    if (blank := nothing_in(image, so="nothing was learned from it")) is not None:
        notify((blank,))
        return
    decimal = np.dtype(image.data.dtype).kind == "f"
    empty = 0.0
    classes = class_planes(labels, image, preprocessing.reading, notify)
    planes = zip(image.planes(), prepare(image, preprocessing, notify), classes, strict=True)
    for index, plane, values in planes:
        truth = labels_to(values, plane.shape)
        counts = np.ones(plane.shape, bool) if ignored is None else truth != ignored
        if decimal:
            there = np.isfinite(image.plane(index, None))
            empty += 1 - float(there.mean())
            counts &= labels_to(there, plane.shape)
        if counts.all():
            yield LabelledPlane(name, plane, truth)
        elif counts.any():
            yield LabelledPlane(name, plane, truth, counts.astype(np.float32))
    if empty:
        share = empty / math.prod(image.shape[:-2])
        notify((f"{name} has no values (NaN, infinite) on {share:.1%}, and nothing was learned there.",))


def labelled_files(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Each image file with the label file of the same name.

    Raises
    ------
    InputError
        If a folder is missing or empty, a label file is missing, or two files claim the same one.
    """
    return partners(images_in(images), label_files_in(labels), "label file")


def class_planes(
    path: Path, image: Image, reading: ReadOptions = ReadOptions(), notify: Notify = ignore_notes
) -> Iterator[NDArray[np.uint8]]:
    """All planes of the label file of an image, in the order of the planes of the image.

    Raises
    ------
    InputError
        If the labels have another shape than the image, or values that are no integers 0 to 255.
    """
    labels = reading.labels(path)
    notify(labels.notes + lie_elsewhere(image, labels, (f"image {image.name}", "labels")))
    values = like(labels, image)
    refuse_grey(values, path.name)
    if values.max() > _LARGEST_CLASS:
        raise InputError(f"{path.name} is no image of classes: its values are not integers 0 to 255.")
    for index in image.planes():
        yield values[index].astype(np.uint8)


def prepare(
    image: Image, preprocessing: FolderPreprocessing, notify: Notify = ignore_notes
) -> list[NDArray[np.float32]]:
    """Normalise and resample every plane of an image."""
    measured = measure(image, (None,), preprocessing.need)
    notify(measured.notes)
    limits = measured.channels[0].limits
    factor = preprocessing.factor(image)
    # Normalised first: the statistics are those of the untouched layer.
    return [resample(normalise(image.plane(index, None), limits), factor) for index in image.planes()]
