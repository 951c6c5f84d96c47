"""Labelled planes brought to the pixel grid and into the modality of a segmenter, kept on disk for a resume."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import ReadOptions, labels_to, normalise, resample, resample_to
from napari_pseudolabel.imaging.reading.file_names import left_out
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.class_values import refuse_numbers
from napari_pseudolabel.labels.windows import holding, padded
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.evaluations import Evaluations, mode_of
from napari_pseudolabel.models.grids import limits_for, magnification, need_of, sizes_of
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.translate import translate
from napari_pseudolabel.tiling import MemoryLimits, TileSettings
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.training.data.image_folders import (
    FolderPreprocessing,
    LabelledPlane,
    Notes,
    labelled_planes,
)
from napari_pseudolabel.training.data.labelled_sets import LabelledSet
from napari_pseudolabel.workspace import atomic_file


@dataclass(frozen=True, eq=False)
class Adapted:
    """A plane on the segmenter's grid.

    Attributes
    ----------
    train
        One plane per translation sample; empty if none of its pixels counts in training.
    validation
        The first sample, where only the pixels of the validation count; None if there are none.
    notes
        Sentences for the person.
    """

    train: tuple[LabelledPlane, ...]
    validation: LabelledPlane | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Adapter:
    """How images reach the segmenter.

    Attributes
    ----------
    segmenter
        Its card.
    translator
        None where the segmenter sees the images as they are.
    folder
        Keeps what was translated.
    tells_sizes
        Whether it is told of images whose size on the grid is not known.
    evaluations
        How thoroughly they are translated.
    """

    segmenter: Card
    translator: Translator | None
    scale: Scale
    samples: int
    seed: int
    device: str
    limits: MemoryLimits
    folder: Path
    tells_sizes: bool = True
    evaluations: Evaluations = "quality"

    @property
    def entry(self) -> Card:
        """Card of the first model that sees an image."""
        return self.translator.card if self.translator is not None else self.segmenter

    def factor(self, pixel_um: float | None) -> tuple[float, str]:
        """Pixels on the first model's grid per pixel of an image, and why."""
        return self.scale.to_model(pixel_um, *sizes_of(self.entry.source))

    def preparation(self, reading: ReadOptions) -> FolderPreprocessing:
        """How image files are brought to the first model's grid."""
        entry = self.entry
        sizes = sizes_of(entry.source)
        return FolderPreprocessing(self.scale, *sizes, need_of(entry), reading, self.tells_sizes)

    def annotated(self, plane: AnnotatedPlane, trust: float, control: Control) -> Adapted:
        """Bring a plane from the layers; only the part with pixels that count, and what surrounds it."""
        weights, held_out = plane.weights(trust), plane.held_out
        own = self if plane.scale is None else replace(self, scale=plane.scale)
        factor, why = own.factor(plane.pixel_size_um)
        box = self.box((weights > 0) | held_out, factor)
        if box is None:
            return Adapted((), None, ())
        limits = limits_for(self.entry, plane.of_layer)
        image = resample(normalise(plane.image[box], limits), factor)
        origin = round(box[0].start * factor), round(box[1].start * factor)
        looks, notes = self.segmenter_images(image, origin, control)
        shape = looks.shape[1:]
        labels, weight = labels_to(plane.labels[box], shape), labels_to(weights[box], shape)
        known = {c.value for c in self.segmenter.classes}
        named = np.isin(labels, list(known))
        if not named[weight > 0].all():
            notes += (f"Label values of {plane.name} that belong to no class were left out.",)
        weight = np.where(named, weight, np.float32(0))
        kept = (labels_to(held_out[box], shape) & named).astype(np.float32)
        if why.startswith("The "):
            notes += (why,)
        train = tuple(LabelledPlane(plane.name, look, labels, weight) for look in looks)
        return Adapted(
            train if weight.any() else (),
            LabelledPlane(plane.name, looks[0], labels, kept) if kept.any() else None,
            notes,
        )

    def labelled(self, source: LabelledSet, control: Control) -> tuple[list[LabelledPlane], tuple[str, ...]]:
        """Bring the planes of labelled folders, of which every pixel counts that is labelled."""
        preparation = self.preparation(source.reading)
        planes: list[LabelledPlane] = []
        told = Notes()
        told.add(left_out(source.images, source.labels))
        for plane in labelled_planes(source.images, source.labels, preparation, told.add):
            named = {one.value for one in self.segmenter.classes}
            refuse_numbers(plane.labels, set(np.unique(plane.known_labels).tolist()) - named, plane.name)
            looks, notes = self.segmenter_images(plane.image, (0, 0), control)
            told.add(notes)
            labels = labels_to(plane.labels, looks.shape[1:])
            weight = None if plane.weight is None else labels_to(plane.weight, looks.shape[1:])
            planes += [replace(plane, image=look, labels=labels, weight=weight) for look in looks]
        return planes, tuple(told)

    def segmenter_images(
        self, image: NDArray[np.float32], origin: tuple[int, int], control: Control
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Return what the segmenter sees of an image on the first model's grid.

        Returns
        -------
        NDArray, tuple of str
            (K, H, W) float32 in [0, 1] on the segmenter's grid, and sentences for the person. A translation is
            read from the folder if it was made before.
        """
        if self.translator is None:
            return image[None], ()
        path = self.folder / f"{self._key(image, origin)}.npz"
        if path.exists():
            with np.load(path, allow_pickle=False) as kept:
                return kept["looks"], tuple(map(str, kept["notes"]))
        made = translate(
            self.translator,
            image,
            # Several are the default here, so nobody need hear that others have only one answer.
            samples=self.samples if self.translator.diffusive else 1,
            seed=self.seed,
            origin=origin,
            evaluations=self.evaluations,
            settings=TileSettings(device=self.device),
            limits=self.limits,
            control=control,
        )
        step = magnification(self.translator.card.target, self.segmenter.source)
        height, width = image.shape
        looks = resample_to(made.samples, (max(1, round(height * step)), max(1, round(width * step))))
        notes = (*self.translator.warnings, *made.notes)
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, looks=looks, notes=np.array(notes, dtype=np.str_))
        return looks, notes

    def _key(self, image: NDArray[np.float32], origin: tuple[int, int]) -> str:
        assert self.translator is not None
        sizes = self.segmenter.source
        digest = hashlib.sha256(np.ascontiguousarray(image).tobytes())
        about = image.shape, origin, self.translator.sha256, self.samples, self.seed, sizes
        digest.update(repr(about).encode())
        # What was kept when there was but one mode was made with all steps.
        if (mode := mode_of(self.translator.card, self.evaluations)) != "quality":
            known = self.translator.card.evaluations
            digest.update(repr((mode, known.fast if known and mode == "fast" else ())).encode())
        return digest.hexdigest()[:32]

    def box(self, counted: NDArray[np.bool_], factor: float) -> tuple[slice, slice] | None:
        """Bounding box of the pixels that count, with a margin that the models need to see; None if none counts."""
        if not counted.any():
            return None
        tile = self.entry.architecture.get("image_size") or 128
        margin = int(np.ceil(tile / 2 / factor))
        return padded(holding(counted), margin, counted.shape)
