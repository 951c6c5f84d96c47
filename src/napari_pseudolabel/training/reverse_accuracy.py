"""Reverse classification accuracy: how well labels teach tells how good they are. Importable without torch.

Source: Valindria et al., "Reverse Classification Accuracy: Predicting Segmentation Performance in the Absence of Ground
Truth", IEEE Transactions on Medical Imaging 36 (2017). A quick segmenter learns from one image with its pseudo labels, and is
judged on images whose labels are known. Here these are of another modality, so they are translated first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image, labels_to
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.training.fine_tune import LabelledSet

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.training.folders import LabelledPlane

# Small and quick: it has to see whether labels fit their image, not to become good.
_ARCHITECTURE = {"filters": (16, 32, 64), "tile": 128}
_LARGEST_CLASS = 255


@dataclass(frozen=True)
class ReverseAccuracy:
    """How well pseudo labels teach.

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
    known
        Labelled images; `known.translator` brings them into the modality of the image.
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
    known: LabelledSet
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
        return (self.known.translator,) if self.known.translator else ()

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
        from napari_pseudolabel.training.segmenter import SegmenterSettings, SegmenterTraining

        if self.image.shape != self.labels.shape:
            raise InputError(
                f"{self.image.name} has the shape {self.image.shape}, but its labels {self.labels.shape}; "
                "give labels of this image."
            )
        if not np.isin(self.labels, [one.value for one in self.classes if one.value]).any():
            raise InputError(
                f"The labels of {self.image.name} hold none of the classes, so nothing can be learned from them."
            )
        card = self._card(models)
        known, notes = self._known(card, models, control)
        settings = SegmenterSettings(
            steps=self.steps, batch=self.batch, patch=self.patch, seed=self.seed, validate_every=self.steps
        )
        training = SegmenterTraining(
            self._planes(card), known, card, settings, device=pick_device(self.device)
        )
        stage = control.stage("Learning from the labels", self.steps)
        for _ in range(self.steps):
            control.check()
            training.train_step()
            stage.advance()
        found = training.validate(control)
        return ReverseAccuracy(found.mean, found.per_class, len(known), (*notes, *training.notes))

    def _card(self, models: LoadedModels) -> Card:
        """Of the quick segmenter: it sees images on the grid of what the translator makes."""
        source = models.translator(self.known.translator).card.target if self.known.translator else None
        classes = self.classes
        if not any(one.value == 0 for one in classes):
            classes = (LabelClass(name="background", value=0), *classes)
        return Card(
            kind="segmenter",
            family="monai-unet",
            source=source,
            classes=classes,
            architecture=dict(_ARCHITECTURE),
        )

    def _planes(self, card: Card) -> list[LabelledPlane]:
        """The image with its pseudo labels on the grid of the segmenter."""
        from napari_pseudolabel.training.folders import LabelledPlane, Preparation, prepare

        source = card.source
        preparation = Preparation(
            self.scale, source.pixel_size_um if source else None, source.object_size_px if source else None
        )
        planes = prepare(self.image, preparation)
        values = [one.value for one in card.classes]
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
        return found

    def _known(
        self, card: Card, models: LoadedModels, control: Control
    ) -> tuple[list[LabelledPlane], tuple[str, ...]]:
        """The labelled images as they would look in the modality of the image."""
        from napari_pseudolabel.training.adapted import Adapter

        adapter = Adapter(
            segmenter=card,
            translator=models.translator(self.known.translator) if self.known.translator else None,
            scale=self.known.scale,
            samples=1,
            seed=self.seed,
            device=self.device,
            limits=models.limits,
            folder=self.folder,
        )
        return adapter.labelled(self.known, control)
