"""What a job has to know of its models before it can cut the image; found by a worker, which loads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.strategies.description import ModelUse

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels


# What other families than our own are given.
_SEGMENTER_TILE = 256


@dataclass(frozen=True)
class ModelFacts:
    """A model that takes part in a run.

    Attributes
    ----------
    tile, overlap
        Its own tiles, in pixels on its grid.
    stride
        Sides of tiles are multiples of this.
    """

    role: Literal["translator", "segmenter"]
    ref: str
    card: Card
    sha256: str
    tile: int
    overlap: int
    stride: int = 1

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
        from napari_pseudolabel.models.translators.translate import own_overlap, own_tile

        control.report(Progress(self.title, 0, 1))
        translator = segmenter = None
        classes: tuple[LabelClass, ...] = ()
        if self.translator is not None:
            model = models.translator(self.translator)
            tile = own_tile(model.card)
            translator = ModelFacts(
                "translator", self.translator, model.card, model.sha256, tile, own_overlap(tile), model.stride
            )
            control.check()
        if self.segmenter is not None:
            judge = models.segmenter(self.segmenter)
            tile = int(judge.card.architecture.get("tile", _SEGMENTER_TILE))
            segmenter = ModelFacts("segmenter", self.segmenter, judge.card, judge.sha256, tile, tile // 4)
            classes = judge.classes
        return Survey(translator, segmenter, classes)
