"""What a job has to know of its models before it can cut the image; found by a worker, which loads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.strategies.description import ModelUse, Role

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

    role: Role
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
    second_opinions
        More segmenters with the same classes.
    """

    translator: ModelFacts | None
    segmenter: ModelFacts | None
    classes: tuple[LabelClass, ...]
    second_opinions: tuple[ModelFacts, ...] = ()

    @property
    def models(self) -> tuple[ModelFacts, ...]:
        """In the order in which an image meets them."""
        chosen = tuple(model for model in (self.translator, self.segmenter) if model is not None)
        return chosen + self.second_opinions


@dataclass(frozen=True)
class SurveyJob:
    """Load the models and say what they are."""

    translator: str | None
    segmenter: str | None
    title: str = "Loading the models"
    second_opinions: tuple[str, ...] = ()

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        chosen = tuple(ref for ref in (self.translator, self.segmenter) if ref is not None)
        return chosen + self.second_opinions

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
            segmenter, classes = _segmenter(self.segmenter, "segmenter", models)
        others = []
        for ref in self.second_opinions:
            control.check()
            facts, its_classes = _segmenter(ref, "second opinion", models)
            _check_classes(ref, classes, its_classes)
            others.append(facts)
        return Survey(translator, segmenter, classes, tuple(others))


def _segmenter(ref: str, role: Role, models: LoadedModels) -> tuple[ModelFacts, tuple[LabelClass, ...]]:
    judge = models.segmenter(ref)
    tile = int(judge.card.architecture.get("tile", _SEGMENTER_TILE))
    return ModelFacts(role, ref, judge.card, judge.sha256, tile, tile // 4), judge.classes


def _check_classes(ref: str, wanted: tuple[LabelClass, ...], found: tuple[LabelClass, ...]) -> None:
    """Segmenters can only be averaged where they mean the same by the same value."""
    one, other = ({c.value: c.name for c in classes} for classes in (wanted, found))
    if one != other:
        raise InputError(
            f"The second opinion {ref} knows {_listed(other)}, but the segmenter {_listed(one)}; "
            "choose segmenters with the same classes."
        )


def _listed(classes: dict[int, str]) -> str:
    return ", ".join(f"{name} = {value}" for value, name in sorted(classes.items()))
