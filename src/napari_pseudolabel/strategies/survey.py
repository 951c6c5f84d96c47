"""What a job has to know of its models before it can cut the image; found by a worker, which loads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.strategies.description import ModelUse

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels

# Networks without attention do not tell the size of their training tiles.
_DEFAULT_TILE = 128


@dataclass(frozen=True)
class ModelFacts:
    """A model that takes part in a run."""

    role: Literal["translator", "segmenter"]
    ref: str
    card: Card
    sha256: str

    @property
    def use(self) -> ModelUse:
        """The model as a report names it."""
        return ModelUse(self.role, self.card.name or self.ref, self.ref, self.sha256)


@dataclass(frozen=True)
class Survey:
    """All models of a run.

    Attributes
    ----------
    classes
        Of the segmenter, in the order of its channels; empty without one.
    """

    translator: ModelFacts | None
    segmenter: ModelFacts | None
    classes: tuple[LabelClass, ...]

    @property
    def models(self) -> tuple[ModelFacts, ...]:
        """In the order in which an image meets them."""
        return tuple(model for model in (self.translator, self.segmenter) if model is not None)

    @property
    def tile(self) -> int:
        """Side of the tiles in pixels on the grid of the first model."""
        first = self.models[0].card.architecture
        return int(first.get("image_size") or first.get("tile") or _DEFAULT_TILE)


@dataclass(frozen=True)
class SurveyJob:
    """Load the models and say what they are."""

    translator: str | None
    segmenter: str | None
    title: str = "Loading the models"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return tuple(ref for ref in (self.translator, self.segmenter) if ref is not None)

    def run(self, control: Control, models: LoadedModels) -> Survey:
        """Do the work; raises CheckpointError or InputError where a model cannot be used."""
        control.report(Progress(self.title, 0, 1))
        found = []
        classes: tuple[LabelClass, ...] = ()
        if self.translator is not None:
            translator = models.translator(self.translator)
            found.append(ModelFacts("translator", self.translator, translator.card, translator.sha256))
            control.check()
        if self.segmenter is not None:
            segmenter = models.segmenter(self.segmenter)
            found.append(ModelFacts("segmenter", self.segmenter, segmenter.card, segmenter.sha256))
            classes = segmenter.classes
        of = {one.role: one for one in found}
        return Survey(of.get("translator"), of.get("segmenter"), classes)
