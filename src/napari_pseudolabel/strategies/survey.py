"""What a job has to know of its models before it can cut the image; found by a worker, which loads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control, Progress
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel, Image, LayerStatistics, Need
from napari_pseudolabel.imaging.statistics import ChannelStatistics, Moments
from napari_pseudolabel.labels.object_size import least_area
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.models.evaluations import Evaluations, steps_of
from napari_pseudolabel.models.families import family_named
from napari_pseudolabel.models.fitting import Link, refuse_misfit
from napari_pseudolabel.models.grids import as_raw, limits_of_translations, magnification, need_of
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.label_settings import LabelSettings, ModelUse, Role
from napari_pseudolabel.tiling import Layout

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels
    from napari_pseudolabel.models.segmenters.base import Segmenter
    from napari_pseudolabel.models.translators.base import Translator


class SegmenterFactory(Protocol):
    """A segmenter that is made, not loaded; frozen, and small enough to travel. It stands where a reference would."""

    @property
    def name(self) -> str:
        """For the person."""

    def make(self) -> Segmenter:
        """Whatever gives probabilities; called in the worker."""


@runtime_checkable
class LayerFactory(SegmenterFactory, Protocol):
    """A segmenter that is made for one layer, and has to know something of all of it first."""

    def of_layer(self, image: Image, channel: Channel | None, factor: float, control: Control) -> Self:
        """Return the same with what it must know; called where the image is, before it is cut.

        Parameters
        ----------
        image
            The whole layer, whatever part of it is labelled.
        channel
            As in `Image.plane`.
        factor
            Pixels of the segmenter per pixel of the image.

        Raises
        ------
        InputError
            If the image cannot be read.
        """


@runtime_checkable
class DerivedFactory(Protocol):
    """A segmenter that is made of a translator in the worker, and learns from some places of the layer first.

    It takes the images that the translator takes, and stands where a reference would.
    """

    @property
    def name(self) -> str:
        """For the person."""

    @property
    def translator(self) -> str:
        """Reference of the translator."""

    @property
    def learned(self) -> bool:
        """Whether it knows all it must."""

    def learn(
        self, places: Sequence[NDArray[np.float32]], translator: Translator, control: Control
    ) -> DerivedFactory:
        """Return the same with what it must know.

        Parameters
        ----------
        places
            (H, W) in [0, 1] each, on the grid of the translator, always the same for a layer (`imaging.places`).
        """

    def make_of(self, translator: Translator) -> Segmenter:
        """Whatever gives probabilities."""


@runtime_checkable
class PlaneFactory(SegmenterFactory, Protocol):
    """A segmenter that looks at each plane as a whole first, made small, in the worker; a part is given what was seen there."""

    @property
    def longest_px(self) -> int:
        """How long the longer side of a plane may be when it is looked at."""

    @property
    def checkpoint(self) -> str | None:
        """Reference of what it looks through; None where it needs nothing."""

    def looked_at(self, plane: tuple[int, ...]) -> bool:
        """Whether it knows what is in a plane."""

    def look(
        self,
        plane: tuple[int, ...],
        picture: NDArray[np.float32],
        models: LoadedModels,
        device: str,
        control: Control,
    ) -> PlaneFactory:
        """Return the same with what is in a plane.

        Parameters
        ----------
        picture
            (h, w) in [0, 1].
        """

    def only(self, plane: tuple[int, ...]) -> PlaneFactory:
        """Return the same without what is known of other planes."""

    def made_of(self, models: LoadedModels) -> ModelUse | None:
        """Return what it looks through, for the provenance; raises as loading it does."""


SegmenterRef = str | SegmenterFactory | DerivedFactory
"""A segmenter that is loaded, made, or made of a translator."""


def references(refs: Iterable[SegmenterRef | None]) -> tuple[str, ...]:
    """Return the checkpoints behind models."""

    def behind(ref: SegmenterRef | None) -> object:
        if isinstance(ref, DerivedFactory):
            return ref.translator
        return ref.checkpoint if isinstance(ref, PlaneFactory) else ref

    return tuple(found for found in map(behind, refs) if isinstance(found, str))


@dataclass(frozen=True)
class ModelFacts:
    """A model that takes part in a run.

    Attributes
    ----------
    layout
        Where its tiles lie in a whole plane.
    need
        What it must know of a whole layer.
    channels
        Of the images that it takes.
    zoom
        Pixels on its network's grid per pixel of the grid of its modality, along Y and X.
    steps
        Of a diffusion; 1 for all others.
    made_of
        The model that it was made of, for the provenance; None for one that was loaded, or made of nothing.
    """

    role: Role
    ref: SegmenterRef
    card: Card
    sha256: str
    layout: Layout
    need: Need = field(default_factory=Need)
    channels: int = 1
    zoom: tuple[float, float] = (1.0, 1.0)
    steps: int = 1
    made_of: ModelUse | None = None

    def evaluated(self, asked: Evaluations) -> tuple[int, ...]:
        """Return the steps of a diffusion that are taken; one for all others."""
        return steps_of(self.card, asked, self.steps)

    @property
    def own_objects(self) -> bool:
        """As of its `Family`."""
        return family_named(self.card.family).own_objects

    @property
    def link(self) -> Link:
        """What the model takes and makes."""
        return Link.of(self.card, self.name)

    @property
    def name(self) -> str:
        """Its reference, or the name of what is made."""
        return self.ref if isinstance(self.ref, str) else self.ref.name

    @property
    def use(self) -> ModelUse:
        """The model as a report names it."""
        return ModelUse(self.role, self.card.name or self.name, self.name, self.sha256)


@dataclass(frozen=True)
class Survey:
    """All models of a run.

    Attributes
    ----------
    classes
        Of the segmenter, in the order of its channels; empty without one.
    second_opinions
        More segmenters with the same classes.
    translated
        What segmenters behind a translator must know of the translations of the whole layer; None until it was measured.
    first_translated
        The same of first predictions alone, which a draft shows.
    found
        The scale of the image, where it was looked for.
    """

    translator: ModelFacts | None
    segmenter: ModelFacts | None
    classes: tuple[LabelClass, ...]
    second_opinions: tuple[ModelFacts, ...] = ()
    translated: Moments | None = None
    first_translated: Moments | None = None
    found: FoundScale | None = None

    @property
    def segmenters(self) -> tuple[ModelFacts, ...]:
        """The segmenter and the second opinions."""
        return (() if self.segmenter is None else (self.segmenter,)) + self.second_opinions

    @property
    def wants_places(self) -> bool:
        """Whether the segmenter has to learn from some places of the layer."""
        ref = None if self.segmenter is None else self.segmenter.ref
        return isinstance(ref, DerivedFactory) and not ref.learned

    def unseen(self, planes: Iterable[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
        """Return those planes that the segmenter has to look at as a whole first."""
        ref = None if self.segmenter is None else self.segmenter.ref
        return tuple(one for one in planes if isinstance(ref, PlaneFactory) and not ref.looked_at(one))

    def of_plane(self, plane: tuple[int, ...]) -> Survey:
        """Return the same without what was seen in other planes, for a chunk."""
        facts = self.segmenter
        if facts is None or not isinstance(facts.ref, PlaneFactory):
            return self
        return replace(self, segmenter=replace(facts, ref=facts.ref.only(plane)))

    @property
    def wants_translations(self) -> bool:
        """Whether a segmenter has to know what the translations of the whole layer are like."""
        seen = self.translator is not None and any(segmenter.need.moments for segmenter in self.segmenters)
        return seen and self.translated is None

    def grid_of(self, segmenter: ModelFacts, first: tuple[int, int]) -> tuple[int, int]:
        """(H, W) of a plane on the grid of a segmenter, from that on the grid of the first model."""
        assert self.segmenter is not None
        before = self.segmenter.card.source if self.translator is None else self.translator.card.target
        step = magnification(before, segmenter.card.source)
        for zoom in segmenter.zoom:
            if not 1 / 64 <= step * zoom <= 64:
                raise InputError(
                    f"{segmenter.card.name} asks for pixels that differ {max(step * zoom, 1 / (step * zoom)):.3g} times in size "
                    "from those that it would be given; correct the spacing in its plans or the pixel sizes in the cards."
                )
        height, width = (
            max(1, round(size * step * zoom)) for size, zoom in zip(first, segmenter.zoom, strict=True)
        )
        return height, width

    def of_layer(self, image: Image, channel: Channel | None, factor: float, control: Control) -> Survey:
        """Return the same where the segmenter is made for one layer; parameters as of `LayerFactory.of_layer`."""
        if self.segmenter is None or not isinstance(self.segmenter.ref, LayerFactory):
            return self
        made = self.segmenter.ref.of_layer(image, channel, factor, control)
        return replace(self, segmenter=_facts_of(made, "segmenter", made.make()))

    @property
    def models(self) -> tuple[ModelFacts, ...]:
        """In the order in which an image meets them."""
        chosen = tuple(model for model in (self.translator, self.segmenter) if model is not None)
        return chosen + self.second_opinions

    @property
    def looking(self) -> tuple[str, ...]:
        """Sums of the models that look for a scale."""
        return tuple(model.sha256 for model in self.models[:2])

    @property
    def chain(self) -> tuple[Link, ...]:
        """The same, as it matters for whether they fit each other and the image; what is made for a layer fits it."""
        made = LayerFactory, PlaneFactory
        return tuple(model.link for model in self.models if not isinstance(model.ref, made))


@dataclass(frozen=True)
class SurveyJob:
    """Load the models and say what they are."""

    translator: str | None
    segmenter: SegmenterRef | None
    title: str = "Loading the models"
    second_opinions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise InputError if there is no model."""
        if self.translator is None and self.segmenter is None:
            raise InputError("There is no model to label with; choose a translator, a segmenter, or both.")

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return references((self.translator, self.segmenter)) + self.second_opinions

    def run(self, control: Control, models: LoadedModels) -> Survey:
        """Do the work; raises CheckpointError or InputError where a model cannot be used, or does not fit the others."""
        control.report(Progress(self.title, 0, 1))
        translator = segmenter = None
        classes: tuple[LabelClass, ...] = ()
        if self.translator is not None:
            model = models.translator(self.translator)
            translator = ModelFacts(
                "translator",
                self.translator,
                model.card,
                model.sha256,
                model.layout,
                need_of(model.card),
                steps=int(model.card.schedule.get("num_timesteps", 2)) if model.diffusive else 1,
            )
            control.check()
        if self.segmenter is not None:
            segmenter, classes = _segmenter(self.segmenter, "segmenter", models)
        others: list[ModelFacts] = []
        for ref in self.second_opinions:
            control.check()
            facts, its_classes = _segmenter(ref, "second opinion", models)
            _check_classes(ref, classes, its_classes)
            others.append(facts)
        found = Survey(translator, segmenter, classes, tuple(others))
        if others and (apart := next((one for one in found.segmenters if one.own_objects), None)):
            raise InputError(
                f"{apart.use.name} tells objects apart itself, and a mean with other opinions would join them; choose it alone."
            )
        refuse_misfit(found.chain)
        return found


@dataclass(frozen=True)
class LearnPlacesJob:
    """Have a segmenter that is made of a translator learn from some places of the layer.

    Attributes
    ----------
    places
        See `DerivedFactory.learn`.
    """

    survey: Survey
    places: tuple[NDArray[np.float32], ...]
    title: str = "Finding kinds of regions"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return references(model.ref for model in self.survey.models)

    def run(self, control: Control, models: LoadedModels) -> Survey:
        """Do the work; the survey is complete afterwards."""
        facts = self.survey.segmenter
        assert facts is not None
        assert isinstance(facts.ref, DerivedFactory)
        ref = facts.ref.learn(self.places, models.translator(facts.ref.translator), control)
        learned, classes = _segmenter(ref, "segmenter", models)
        return replace(self.survey, segmenter=learned, classes=classes)


@dataclass(frozen=True)
class LookAtPlanesJob:
    """Have a segmenter look at planes as a whole.

    Attributes
    ----------
    planes
        Index and picture of each, see `PlaneFactory.look`.
    """

    survey: Survey
    planes: tuple[tuple[tuple[int, ...], NDArray[np.float32]], ...]
    device: str
    title: str = "Looking at the image"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        return references(model.ref for model in self.survey.models)

    def run(self, control: Control, models: LoadedModels) -> Survey:
        """Do the work; the survey knows the planes afterwards."""
        facts = self.survey.segmenter
        assert facts is not None
        ref = facts.ref
        for number, (plane, picture) in enumerate(self.planes, start=1):
            assert isinstance(ref, PlaneFactory)
            own = control.part(f"plane {number} of {len(self.planes)}") if len(self.planes) > 1 else control
            ref = ref.look(plane, picture, models, self.device, own)
        learned, classes = _segmenter(ref, "segmenter", models)
        return replace(self.survey, segmenter=learned, classes=classes)


def segmenter_of(ref: SegmenterRef, models: LoadedModels) -> Segmenter:
    """Return a segmenter, loaded or made."""
    if isinstance(ref, DerivedFactory):
        return ref.make_of(models.translator(ref.translator))
    return models.segmenter(ref) if isinstance(ref, str) else ref.make()


def _segmenter(
    ref: SegmenterRef, role: Role, models: LoadedModels
) -> tuple[ModelFacts, tuple[LabelClass, ...]]:
    segmenter = segmenter_of(ref, models)
    found = _facts_of(ref, role, segmenter)
    if isinstance(ref, DerivedFactory):
        made_of = models.translator(ref.translator)
        use = ModelUse("features", made_of.card.name or ref.translator, ref.translator, made_of.sha256)
        found = replace(found, made_of=use)
    elif isinstance(ref, PlaneFactory):
        found = replace(found, made_of=ref.made_of(models))
    return found, segmenter.classes


def _facts_of(ref: SegmenterRef, role: Role, segmenter: Segmenter) -> ModelFacts:
    return ModelFacts(
        role,
        ref,
        segmenter.card,
        segmenter.sha256,
        segmenter.layout,
        segmenter.need,
        segmenter.channels,
        segmenter.zoom,
    )


def least_px(
    settings: LabelSettings, survey: Survey, segmenter: ModelFacts, factors: tuple[float, float]
) -> float:
    """Area of the smallest object of a segmenter in pixels of the image, 0 where it does not say."""
    wanted = segmenter.card.source
    before = segmenter.card.source if survey.translator is None else survey.translator.card.target
    on_grid = least_area(settings.smallest_object, wanted.object_size_px if wanted else None)
    return on_grid / (factors[0] * factors[1] * magnification(before, wanted) ** 2)


def typical_px(settings: LabelSettings, survey: Survey) -> float | None:
    """Width of a typical object in pixels of the image, as it was told or found; None where nobody knows, or models tell objects apart."""
    if any(model.own_objects for model in survey.segmenters):
        return None
    # Beside a magnification a size that is told does not count (`Scale.overruled`).
    told = settings.scale.object_size_px if settings.scale.factor is None else None
    return told or (None if survey.found is None else survey.found.typical_px)


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


def of_translations(segmenter: ModelFacts, survey: Survey) -> LayerStatistics:
    """Return what a segmenter has to know of raw values as `as_raw` makes them."""
    need = segmenter.need
    moments = None
    if need.moments:
        assert survey.translated is not None  # the second survey
        one, factor = survey.translated, float(as_raw(np.ones(1, np.float32), segmenter.card)[0])
        moments = replace(one, **{name: value * factor for name, value in vars(one).items()})
    return LayerStatistics((ChannelStatistics(limits_of_translations(need), moments),))
