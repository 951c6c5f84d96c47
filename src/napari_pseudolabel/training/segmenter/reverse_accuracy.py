"""Reverse classification accuracy: how well a segmenter learns from labels tells how good they are. Importable without torch.

Source: Valindria et al., "Reverse Classification Accuracy: Predicting Segmentation Performance in the Absence of Ground
Truth", IEEE Transactions on Medical Imaging 36 (2017). A quick segmenter learns from one image with its pseudo labels, and is
judged on images whose labels are known. Here these are of another modality, so they are translated first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label, regionprops

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, labels_to
from napari_pseudolabel.imaging.reading.file_names import images_in
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.class_values import are_numbers, listed
from napari_pseudolabel.labels.contrast import contrast, turned_around
from napari_pseudolabel.models.cards import Card, LabelClass, Modality
from napari_pseudolabel.models.grids import need_of, sizes_of
from napari_pseudolabel.training.data.labelled_sets import LabelledSet

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.training.data.image_folders import LabelledPlane

# Small and quick: it has to see whether labels fit their image, not to become good.
_ARCHITECTURE = {"filters": (16, 32, 64), "tile": 128}
_LARGEST_CLASS = 255
_USABLE, _UNUSABLE = 0.5, 0.3
_OTHER_SIZE = 2.0
_SPECK_PX = 20


@dataclass(frozen=True)
class ReverseAccuracy:
    """How well a segmenter learns from pseudo labels.

    Attributes
    ----------
    mean
        Dice in [0, 1] on the labelled images, mean over the classes. Low where labels do not fit their image. It is no
        estimate of the Dice of the labels, and small differences mean nothing (docs/benchmarks.md).
    per_class
        Dice by class name.
    planes
        Labelled planes that it was measured on.
    notes
        Sentences for the person.
    """

    mean: float
    per_class: dict[str, float]
    planes: int
    notes: tuple[str, ...] = ()

    @property
    def meaning(self) -> str:
        """A sentence that says what the number means; the bounds are from docs/benchmarks.md."""
        learned = f"A quick segmenter that learned from these labels alone finds the known ones with a Dice of {self.mean:.2f}"
        if self.mean >= _USABLE:
            return (
                f"{learned}, so the labels fit their image; how right they are it does not say, nor which of two usable "
                "sets of labels is better."
            )
        if self.mean >= _UNUSABLE:
            return f"{learned}, between usable labels (about .7) and unusable ones (about .1); look at them."
        return (
            f"{learned}, where usable labels reach about .7: either they do not fit their image, or the known images show "
            "something else, at another scale or in another modality."
        )


@dataclass(frozen=True, eq=False)
class ReverseAccuracyJob:
    """Measure the reverse classification accuracy of the pseudo labels of one image.

    Attributes
    ----------
    image
        The image.
    labels
        Class values, shape of the image.
    classes
        Background included.
    reference
        Labelled images; `reference.translator` brings them into the modality of the image.
    folder
        Keeps the translated images, so that the next labels are checked sooner.
    scale
        What is known about the sizes in the image.
    steps, batch, patch
        Of the quick training.
    seed
        Of all random numbers.
    """

    image: Image
    labels: NDArray[np.integer]
    classes: tuple[LabelClass, ...]
    reference: LabelledSet
    folder: Path
    scale: Scale = Scale()
    steps: int = 250
    batch: int = 4
    patch: int = 96
    seed: int = 0
    device: str = "auto"

    @property
    def title(self) -> str:
        """What is being done, for the person."""
        return f"Checking the labels of {self.image.name}"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return (self.reference.translator,) if self.reference.translator else ()

    def run(self, control: Control, models: LoadedModels) -> ReverseAccuracy:
        """Do the work.

        Raises
        ------
        InputError
            When there is nothing to learn from, or images and labels do not fit each other.
        Cancelled
            If `control` said so.
        """
        from napari_pseudolabel.tiling import pick_device
        from napari_pseudolabel.training.segmenter.segmenter_settings import SegmenterSettings
        from napari_pseudolabel.training.segmenter.segmenter_training import SegmenterTraining

        if self.image.shape != self.labels.shape:
            raise InputError(
                f"{self.image.name} has the shape {self.image.shape}, but its labels {self.labels.shape}; "
                "give labels of this image."
            )
        if not np.isin(self.labels, [one.value for one in self.classes if one.value]).any():
            raise InputError(
                f"The labels of {self.image.name} hold none of the classes, so nothing can be learned from them; their "
                f"values are {listed(np.unique(self.labels))}."
            )
        if are_numbers(self.labels):
            raise InputError(
                f"The labels of {self.image.name} number their objects; give labels whose values are classes."
            )
        card, notes = self._card(models)
        known, more = self._known(card, models, control)
        planes, assumed = self._planes(card)
        notes += (*more, *assumed, *self._comparable(planes, known))
        settings = SegmenterSettings(
            steps=self.steps, batch=self.batch, patch=self.patch, seed=self.seed, validate_every=self.steps
        )
        training = SegmenterTraining(
            planes, known, card, settings, device=pick_device(self.device), learned=None
        )
        stage = control.stage("Learning from the labels", self.steps)
        for _ in range(self.steps):
            control.check()
            training.train_step()
            stage.advance()
        found = training.validate(control)
        return ReverseAccuracy(
            found.mean, found.per_class, len(known), (*self.image.assumed(), *notes, *training.notes)
        )

    def _card(self, models: LoadedModels) -> tuple[Card, tuple[str, ...]]:
        """Of the quick segmenter: it sees images on the grid of what the translator makes, or of the image."""
        notes: tuple[str, ...] = ()
        if self.reference.translator:
            source = models.translator(self.reference.translator).card.target
        else:
            source, notes = self._own_grid()
        classes = self.classes
        if not any(label_class.value == 0 for label_class in classes):
            classes = (LabelClass(name="background", value=0), *classes)
        about = {"source": source, "classes": classes, "architecture": dict(_ARCHITECTURE)}
        return Card(kind="segmenter", family="monai-unet", **about), notes

    def _own_grid(self) -> tuple[Modality | None, tuple[str, ...]]:
        """Return the grid of the image, to which the known images are brought where both say their pixel size."""
        first = images_in(self.reference.images)[0]
        own = self.scale.pixel_size_um or self.image.placement.pixel_size_um()
        known = (
            self.reference.scale.pixel_size_um
            or self.reference.reading.image(first).placement.pixel_size_um()
        )
        if own and known:
            return Modality(name=self.image.name, pixel_size_um=own), ()
        what = "Neither the image nor the known images say" if not (own or known) else "Only one side says"
        return None, (f"{what} the size of a pixel, so the pixels are taken to be of one size.",)

    def _comparable(self, planes: Sequence[LabelledPlane], known: Sequence[LabelledPlane]) -> tuple[str, ...]:
        """Find out whether a number would mean something.

        Returns
        -------
        tuple of str
            Sentences about what makes it smaller than the labels deserve.

        Raises
        ------
        InputError
            If the known labels number their objects or hold no class, or the images cannot be of one modality.
        """
        names = {label_class.value: label_class.name for label_class in self.classes if label_class.value}
        sides = [
            {int(value) for plane in part for value in np.unique(plane.known_labels)}
            for part in (planes, known)
        ]
        if any(are_numbers(plane.labels) for plane in known):
            raise InputError(
                f"The labels in {self.reference.labels} number their objects; give labels whose values are classes."
            )
        if not names.keys() & sides[1]:
            raise InputError(
                f"The labels in {self.reference.labels} hold none of the classes; their values are {listed(sides[1])}."
            )
        if not names.keys() & sides[0] & sides[1]:
            raise InputError(
                f"No class is in the labels of {self.image.name} ({listed(sides[0])}) as well as in {self.reference.labels} "
                f"({listed(sides[1])}); check the classes."
            )
        notes = [
            f"The labels of {self.image.name} hold no {names[value]} ({value}), but the known ones do: its Dice is 0."
            for value in sorted(names.keys() & sides[1] - sides[0])
        ]
        notes += [
            f"The known labels hold no {names[value]} ({value}), so nothing is said about it."
            for value in sorted(names.keys() & sides[0] - sides[1])
        ]
        if strange := sides[1] - {0, *names}:
            notes.append(
                f"The values {listed(strange)} of the known labels are no class and count as background."
            )
        return (*notes, *self._alike(planes, known, {0: "background", **names}))

    def _alike(
        self, planes: Sequence[LabelledPlane], known: Sequence[LabelledPlane], names: dict[int, str]
    ) -> Iterator[str]:
        """Whether the images look as if they were of one modality, and one scale."""
        own, theirs = (
            contrast([plane.image for plane in part], [_of(names, plane.labels) for plane in part])
            for part in (planes, known)
        )
        turned = turned_around(own, theirs)
        if turned is None:
            yield (
                "The grey levels do not tell whether the known images are of the modality of the image; if they are not, "
                "the number means nothing."
            )
        elif turned:
            bright, dark = (names[value] for value in turned[0])
            after = (
                f" after the translation by {self.reference.translator}" if self.reference.translator else ""
            )
            what = (
                "give a translator that makes images like this one (--translator), not its opposite"
                if after
                else "give a translator (--translator) that turns them into the modality of the image, or known images of it"
            )
            raise InputError(
                f"As labelled, {bright} is brighter than {dark} in {self.image.name}, but darker in {self.reference.images}"
                f"{after}: these are different modalities, or the values mean different classes, and a number would say "
                f"nothing about the labels; {what}."
            )
        sizes = [_object_size(part, names) for part in (planes, known)]
        if all(sizes) and not 1 / _OTHER_SIZE <= (ratio := sizes[1] / sizes[0]) <= _OTHER_SIZE:
            yield (
                f"The objects of the known images are {ratio:.2g} times as large in pixels as those of the labels, which "
                "makes the number smaller than good labels deserve; check the pixel sizes."
            )

    def _planes(self, card: Card) -> tuple[list[LabelledPlane], tuple[str, ...]]:
        """Return the image with its pseudo labels on the grid of the segmenter, and what is not known of its size."""
        from napari_pseudolabel.training.data.image_folders import FolderPreprocessing, LabelledPlane, prepare

        preparation = FolderPreprocessing(self.scale, *sizes_of(card.source), need_of(card))
        planes = prepare(self.image, preparation)
        missing = card.source is not None and preparation.missing(self.image)
        told = f"{self.image.name}: {missing}, so it was used as it is; give its pixel size."
        notes = (told,) if missing else ()
        values = [label_class.value for label_class in card.classes]
        found = []
        for index, plane in zip(self.image.planes(), planes, strict=True):
            labels = np.asarray(self.labels[index])
            # What belongs to no class teaches nothing.
            named = labels_to(np.isin(labels, values).astype(np.uint8), plane.shape) > 0
            own = labels_to(np.clip(labels, 0, _LARGEST_CLASS).astype(np.uint8), plane.shape)
            weight = named.astype(np.float32)
            found.append(
                LabelledPlane(self.image.name, plane, np.where(named, own, 0).astype(np.uint8), weight)
            )
        return found, notes

    def _known(
        self, card: Card, models: LoadedModels, control: Control
    ) -> tuple[list[LabelledPlane], tuple[str, ...]]:
        """Return the labelled images as they would look in the modality of the image."""
        from napari_pseudolabel.training.data.adapted_planes import Adapter

        adapter = Adapter(
            segmenter=card,
            translator=models.translator(self.reference.translator) if self.reference.translator else None,
            scale=self.reference.scale,
            samples=1,
            seed=self.seed,
            device=self.device,
            limits=models.limits,
            folder=self.folder,
            tells_sizes=card.source is not None,  # else `_own_grid` has told
        )
        return adapter.labelled(self.reference, control)


def _of(names: dict[int, str], labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Labels with the background where they have no name."""
    return np.where(np.isin(labels, list(names)), labels, 0).astype(np.uint8)


def _object_size(planes: Sequence[LabelledPlane], names: dict[int, str]) -> float:
    """Median diameter of the pieces of a class, 0 if there are none; of specks nobody speaks."""
    diameters: list[float] = []
    for plane in planes:
        pieces = label(_of(names, plane.labels), connectivity=2)
        diameters += [one.equivalent_diameter_area for one in regionprops(pieces) if one.area >= _SPECK_PX]
    return float(np.median(diameters)) if diameters else 0.0
