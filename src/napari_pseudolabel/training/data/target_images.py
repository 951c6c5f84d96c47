"""Images that a segmenter is to learn from without labels: a folder or open layers, with what a person has decided in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel, Image, Intensities, ReadOptions
from napari_pseudolabel.imaging.reading.file_images import FileImage, images_at
from napari_pseudolabel.imaging.reading.file_names import label_files_in, stem
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.windows import Window, holding
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.models.grids import sizes_of
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.data.image_folders import Notify, class_planes, ignore_notes


@dataclass(frozen=True, eq=False)
class TargetImages:
    """Images of which most pixels have no labels that anybody has looked at.

    Attributes
    ----------
    planes
        Of open layers; empty where `source` is given.
    source
        An image file, or a folder of them.
    corrected
        Folder of label images with the names of some of these images: what is labelled in them is right. A quarter of each is
        kept to judge by.
    scale, reading, channel
        What the person says about sizes, how the files are read, and which channel counts.
    found
        Magnification of the images that bring no size along, where it was found out; None for 1.
    """

    planes: tuple[AnnotatedPlane, ...] = ()
    source: Path | None = None
    corrected: Path | None = None
    scale: Scale = Scale()
    reading: ReadOptions = ReadOptions()
    channel: Channel | None = None
    found: float | None = None

    def factor(self, plane: AnnotatedPlane, modality: Modality | None) -> tuple[float, str]:
        """Pixels on the grid of a model per pixel of a plane, and a sentence where that had to be assumed."""
        model_um, object_px = sizes_of(modality)
        if self.found is not None and self.scale.missing(plane.pixel_size_um, model_um):
            return self.found, ""
        factor, why = self.scale.to_model(plane.pixel_size_um, model_um, object_px)
        return factor, why if why.startswith("The ") else ""

    def known(self, notify: Notify = ignore_notes) -> Iterator[AnnotatedPlane]:
        """Yield every plane, one image after the other.

        Raises
        ------
        InputError
            If there is none, or a file cannot be used.
        """
        yield from self.planes
        if self.source is None:
            if not self.planes:
                raise InputError("There are no images to learn from; choose a folder, or open some.")
            return
        corrected = {} if self.corrected is None else {stem(p): p for p in label_files_in(self.corrected)}
        images = images_at(self.source, self.reading)
        if corrected and not any(one.name in corrected for one in images):
            raise InputError(
                f"No label image in {self.corrected} has the name of an image in {self.source}; give both the same names."
            )
        for one in images:
            yield from self._of_file(one, corrected.get(one.name), notify)

    def _of_file(self, one: FileImage, labels: Path | None, notify: Notify) -> Iterator[AnnotatedPlane]:
        from napari_pseudolabel.exporting import not_labelled  # descriptions of trainings do without objects

        image = one.read(self.reading)
        notify(image.assumed(self.channel))
        intensities = Intensities.of(image, self.channel)
        values = iter(class_planes(labels, image, self.reading, notify)) if labels is not None else None
        rest = None if labels is None else not_labelled(labels)
        for index in image.planes():
            plane = plane_without_labels(image, index, self.channel, intensities)
            if values is not None:
                truth = next(values)
                touched = np.full(truth.shape, fill_value=True) if rest is None else truth != rest
                kept = _kept_back(touched, plane.name)
                plane = replace(plane, labels=truth, touched=touched, validation=kept)
            yield plane

    @property
    def fingerprint(self) -> str:
        """Of the planes of layers: what they show, and what a person has decided in them."""
        digest = hashlib.sha256(repr((self.scale, self.channel, self.found)).encode())
        for plane in self.planes:
            decided = np.where(plane.touched, plane.labels, np.uint8(0))
            for array in (plane.image, decided, plane.touched, plane.validation):
                digest.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def plane_without_labels(
    image: Image, index: tuple[int, ...], channel: Channel | None, intensities: Intensities
) -> AnnotatedPlane:
    """Return a plane of an image in which nobody has decided anything; `intensities` are those of the whole image."""
    plane = image.plane(index, channel)
    nothing = np.zeros(plane.shape, bool)
    name = f"{image.name}, plane {', '.join(map(str, index))}" if index else image.name
    return AnnotatedPlane(
        name=name,
        key=name,
        image=plane,
        limits=intensities.limits(),
        pixel_size_um=_pixel_size(image),
        labels=nothing.astype(np.uint8),
        touched=nothing,
        confidence=None,
        validation=nothing,
        modality=image.modality,
        intensities=intensities,
    )


def _kept_back(touched: NDArray[np.bool_], name: str) -> NDArray[np.bool_]:
    """(H, W), a corner of what is decided, half as high and half as wide: the same one whenever it is asked for."""
    kept = np.zeros(touched.shape, bool)
    rows, columns = _corner(holding(touched), hashlib.sha256(name.encode()).digest()[0] % 4)
    kept[rows, columns] = touched[rows, columns]
    return kept


def _corner(window: Window, number: int) -> Window:
    (rows, columns), (lower, right) = window, divmod(number, 2)
    height, width = (rows.stop - rows.start) // 2, (columns.stop - columns.start) // 2
    top = rows.stop - height if lower else rows.start
    left = columns.stop - width if right else columns.start
    return slice(top, top + height), slice(left, left + width)


def _pixel_size(image: Image) -> float | None:
    try:
        return image.placement.pixel_size_um()
    except InputError:
        return None  # pixels that are not square have no single size
