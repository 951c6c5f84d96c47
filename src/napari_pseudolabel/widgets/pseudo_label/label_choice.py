"""What the controls of the dock say, as values that can be compared, tested and turned into a job."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.refitting import ConfirmedRegion
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.fitting import ANOTHER, Link, same_modality, takes_colours
from napari_pseudolabel.models.grids import sizes_of
from napari_pseudolabel.strategies import FoundScale, LabelJob, LabelSettings, Region, registry
from napari_pseudolabel.strategies.strategy import LabelRequest

Where = Literal["view", "shape", "all"]
Kind = Literal["translator", "segmenter"]

PREVIEW_PX = 512
_SMALLEST_PREVIEW_PX = 96
# Sides on the grid of the models that take about two seconds.
_PREVIEW_CPU_PX = 256
_PREVIEW_GPU_PX = 1024


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be chosen.

    Attributes
    ----------
    ref
        Name or path, as jobs take it.
    title
        As the list shows it.
    card
        What is known about it; None until it was inspected.
    problem
        Why it cannot be used, one sentence; None if it can.
    """

    ref: str
    title: str
    kind: Kind
    card: Card | None = None
    problem: str | None = None

    @property
    def link(self) -> Link:
        """The model as it fits an image and others, by the name that the list shows."""
        return Link(self.kind, self.title, self.source, self.target)

    @property
    def source(self) -> str:
        """Modality it takes, empty if unknown."""
        return self.card.source.name if self.card and self.card.source else ""

    @property
    def target(self) -> str:
        """Modality it makes, empty if unknown or a segmenter."""
        return self.card.target.name if self.card and self.card.target else ""


@dataclass(frozen=True)
class ShownModality:
    """What is known about what an image shows.

    Attributes
    ----------
    modality
        Empty if unknown.
    colours
        It is RGB.
    by
        What tells, where the metadata do not: "name" of the image, or "folder", whose other images the person has told of.
    sample
        It is one to try things on, as the package brings or downloads it.
    """

    modality: str = ""
    colours: bool = False
    by: Literal["", "name", "folder"] = ""
    sample: bool = False

    @property
    def kind(self) -> tuple[str, bool]:
        """Of images for which a person chooses once: what is good for a sample says little about others."""
        return self.modality, self.sample

    def fits(self, entry: ModelEntry) -> bool:
        """Whether nothing speaks against a model that sees this image: colours of an unknown kind are a stain.

        Of what the person calls something else no model is known to be made, whatever it does not say of itself.
        """
        if self.modality == ANOTHER:
            return False
        if self.modality or not self.colours:
            return same_modality(self.modality, entry.source)
        return entry.card is None or takes_colours(entry.card)


@dataclass(frozen=True)
class LabelChoice:
    """All controls of the dock at one moment.

    Attributes
    ----------
    layer
        Unique id of the image layer.
    translator, segmenter
        References of models.
    all_planes
        Of a stack; otherwise the plane on the screen.
    settings
        How the job is done.
    first_axis_channels
        The first axis of an unnamed stack holds channels, not planes.
    options
        The strategy's own; None without.
    found
        The scale that these models found for this image before; None where they did not look.
    """

    layer: str | None = None
    strategy: str = registry.STRATEGIES[0].name
    translator: str | None = None
    segmenter: str | None = None
    where: Where = "view"
    all_planes: bool = True
    settings: LabelSettings = field(default_factory=LabelSettings)
    first_axis_channels: bool = False
    options: Any = None
    found: FoundScale | None = None


@dataclass(frozen=True)
class TrainingStatus:
    """What a workspace knows of a training.

    Attributes
    ----------
    done
        All that it makes is there.
    begun
        It was begun, and goes on.
    """

    done: bool
    begun: bool


def preview_side(
    scale: Scale,
    image: Image,
    translator: ModelEntry | None,
    segmenter: ModelEntry | None,
    *,
    gpu: bool,
    found: FoundScale | None = None,
) -> int:
    """Side in pixels of the image of what a preview can label in about two seconds.

    What counts is how many pixels the larger of the two models sees, which follows from the pixel
    sizes as far as the cards tell them, or from what was found.
    """
    sources = [entry.card.source if entry and entry.card else None for entry in (translator, segmenter)]
    target = translator.card.target if translator and translator.card else None
    first, second = sources
    try:
        pixel, (model_pixel, thing) = image.placement.pixel_size_um(), sizes_of(first)
        factor, _ = scale.to_model(pixel, model_pixel, thing)
        if found is not None and scale.missing(pixel, model_pixel):
            factor = found.used
    except InputError:
        factor = 1.0  # the job will say what is wrong
    between = 1.0
    if target and second and target.pixel_size_um and second.pixel_size_um:
        between = target.pixel_size_um / second.pixel_size_um
    side = (_PREVIEW_GPU_PX if gpu else _PREVIEW_CPU_PX) / max(factor, factor * between)
    return int(min(max(side, _SMALLEST_PREVIEW_PX), PREVIEW_PX))


def make_label_job(
    choice: LabelChoice,
    image: Image,
    region: Region | None,
    planes: tuple[tuple[int, ...], ...] | None,
    confirmed: tuple[ConfirmedRegion, ...] = (),
) -> LabelJob:
    """Return the frozen description of what the controls ask for.

    Where the strategy prepares something, that makes the models, and the job has none yet.

    Parameters
    ----------
    confirmed
        Regions that a person confirmed, see `LabelJob`.

    Raises
    ------
    InputError
        When a number is out of range.
    """
    strategy = registry.find(choice.strategy)
    asked = LabelRequest(
        options=choice.options,
        settings=choice.settings,
        region=region,
        planes=planes,
        found=choice.found,
        confirmed=confirmed,
    )
    if strategy.preparation is not None:
        return asked.job(image)
    models = {role: getattr(choice, role) for role in strategy.roles}
    return strategy.job(image, replace(asked, **models))


def models_of(choice: LabelChoice) -> str:
    """Name what looks at the image: models, or the strategy that makes them, and the channel."""
    strategy = registry.find(choice.strategy)
    names = [str(getattr(choice, role)) for role in strategy.roles] if strategy.chosen_see_images else []
    return " + ".join(
        [
            strategy.name,
            *names,
            *([str(choice.settings.channel)] if choice.settings.channel is not None else []),
        ]
    )
