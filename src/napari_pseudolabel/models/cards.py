"""What the weights mean: the card of a checkpoint."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from pydantic_core import PydanticKnownError

from napari_pseudolabel.imaging.scale.texture import Texture
from napari_pseudolabel.models.families import families
from napari_pseudolabel.types import JsonObject

LARGEST_TILE = 4096
"""Longest side of a tile that a model may ask for, in pixels."""

LARGEST_WIDTH = 16_384
"""Most channels that a layer of a network may have."""

LONGEST_NAME = 500
"""Most letters of the name of a model, a modality or a class."""


def _known(name: object) -> object:
    names = [family.name for family in families()]
    if name not in names:
        expected = f"{', '.join(map(repr, names[:-1]))} or {names[-1]!r}"
        raise PydanticKnownError("literal_error", {"expected": expected})
    return name


def _short(name: str) -> str:
    # Not by pydantic's own limit, which also refuses letters that cannot be written; those are shown as what they are.
    if len(name) > LONGEST_NAME:
        raise PydanticKnownError("string_too_long", {"max_length": LONGEST_NAME})
    return name


Name = Annotated[str, AfterValidator(_short)]
"""Of a model, a modality or a class."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Modality(_Frozen):
    """An imaging modality as a model expects it.

    ``pixel_size_um`` is the side of a pixel on the model's grid in micrometres, ``object_size_px``
    the median diameter of the objects on that grid in pixels. Either is enough to bring an image
    to the model's scale. ``texture`` says how coarse the training images are on that grid, for
    images that bring no size along.
    """

    name: Name
    pixel_size_um: float | None = Field(default=None, ge=1e-6, le=1e6, allow_inf_nan=False)
    object_size_px: float | None = Field(default=None, ge=1e-3, le=1e6, allow_inf_nan=False)
    texture: Texture | None = None


class Normalisation(_Frozen):
    """How raw intensities become the model's input.

    ``percentile``: the `low` and `high` percentiles of the whole layer go to 0 and 1, clipped.
    ``range``: the raw values `low` and `high` go to 0 and 1, clipped.
    ``none``: raw values are handed over.
    """

    kind: Literal["percentile", "range", "none"] = "percentile"
    low: float = Field(default=0.5, allow_inf_nan=False)
    high: float = Field(default=99.5, allow_inf_nan=False)


class LabelClass(_Frozen):
    """One class of a label image; `value` is its integer in the label image."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    value: int = Field(ge=0, le=255)
    color: str | None = None


class Training(_Frozen):
    """Where the weights come from."""

    data: tuple[str, ...] = ()
    licence: str = ""
    steps: int | None = None
    seed: int | None = None
    date: str = ""
    command: str = ""


class Measure(_Frozen):
    """One measured number: what, on which data, and the command that prints it."""

    metric: str
    value: float
    data: str
    command: str = ""


class TypicalLabels(_Frozen):
    """What labels of a segmenter look like on images that it can label; see `labels.evidence`.

    Attributes
    ----------
    agreement
        Of four mirrors.
    hesitation
        Mean entropy of the pixels that are not background, in nats.
    contrast
        Two class values, and the probability that a pixel of the first is brighter than one of the second.
    widths
        A class value, and how wide its parts are, in pixels of the grid of the segmenter.
    """

    agreement: float | None = Field(default=None, ge=0, le=1)
    hesitation: float | None = Field(default=None, ge=0, le=10)
    contrast: tuple[tuple[int, int, float], ...] = Field(default=(), max_length=10_000)
    widths: tuple[tuple[int, float], ...] = Field(default=(), max_length=256)


class CardCalibration(_Frozen):
    """What turns the probabilities of a segmenter into how often it is right; see `labels.confidence.tempered`.

    Attributes
    ----------
    temperature
        Of its probabilities, averaged over four mirrors, on images as it takes them. 1 leaves them as they are.
    carried
        The same where the image was translated for it; None for `temperature`.
    typical
        None where nobody knows.
    data
        What all that was fitted on.
    """

    temperature: float = Field(default=1.0, ge=0.05, le=20, allow_inf_nan=False)
    carried: float | None = Field(default=None, ge=0.05, le=20, allow_inf_nan=False)
    typical: TypicalLabels | None = None
    data: str = ""
    date: str = ""
    command: str = ""

    def of(self, *, translated: bool) -> float:
        """Return the temperature for images that were translated, or for those that were not."""
        return self.carried if translated and self.carried is not None else self.temperature


EvaluationMode = Literal["quality", "fast", "preview"]
"""How many of its steps a diffusion takes: all, those that the card says, the first alone; see `models.evaluations`."""

AS_GOOD = 0.01
"""So much Dice of a class may be lost by what is faster."""

_AS_GOOD_F1 = 0.02
_FEW = 256


class EvaluationScores(_Frozen):
    """What labels of translated images were worth in one mode, mean over images.

    Attributes
    ----------
    dice, f1
        Of each class, and of the objects of those that are counted.
    cost
        CPU seconds of the translations, as a share of those of all steps.
    """

    dice: dict[Name, Annotated[float, Field(ge=0, le=1)]] = Field(max_length=_FEW)
    f1: dict[Name, Annotated[float, Field(ge=0, le=1)]] = Field(default={}, max_length=_FEW)
    cost: float | None = Field(default=None, ge=0, le=100)

    def as_good_as(self, other: EvaluationScores) -> bool:
        """Whether no class and no kind of objects is worse by more than next to nothing."""
        return all(
            name in own and own[name] >= value - tolerated
            for own, better, tolerated in ((self.dice, other.dice, AS_GOOD), (self.f1, other.f1, _AS_GOOD_F1))
            for name, value in better.items()
        )


class CardEvaluations(_Frozen):
    """Which steps of a diffusion are worth their time, as it was measured for one translator.

    Attributes
    ----------
    fast
        Steps that are evaluated by the mode of that name, from the first (of T, T - 1) down; empty for the first and the last.
    scores
        What was measured for each mode.
    held_out
        The same on groups of images, such as animals, that the translator has not seen; empty where there are none.
    data
        Whose labels, by which segmenter.
    """

    fast: tuple[Annotated[int, Field(ge=0)], ...] = Field(default=(), max_length=1000)
    scores: dict[EvaluationMode, EvaluationScores] = Field(default={})
    held_out: dict[EvaluationMode, EvaluationScores] = Field(default={})
    data: str = ""
    date: str = ""
    command: str = ""

    @field_validator("fast")
    @classmethod
    def _downwards(cls, fast: tuple[int, ...]) -> tuple[int, ...]:
        if any(one <= next_one for one, next_one in itertools.pairwise(fast)):
            raise ValueError(f"steps are given from the first down, not as {', '.join(map(str, fast))}")
        return fast

    @property
    def usual(self) -> EvaluationMode:
        """The mode that a run takes which asks for none: fast where it was measured to be as good, also on what was held out."""
        known = [one for one in (self.scores, self.held_out) if one]
        measured = bool(self.scores) and all("fast" in one and "quality" in one for one in known)
        good = measured and all(one["fast"].as_good_as(one["quality"]) for one in known)
        return "fast" if good else "quality"


class Card(_Frozen):
    """Everything about a checkpoint that its weights do not say.

    Attributes
    ----------
    architecture
        Constructor arguments of the network, by their published names.
    schedule
        Diffusion schedule: ``num_timesteps``, ``beta_min``, ``beta_max``, ``use_geometric``.
    source, target
        A translator turns `source` into `target`. A segmenter has only `source`.
    classes
        Output classes of a segmenter in the order of its channels, background included.
    calibration
        None where nobody knows how often it is right.
    evaluations
        Of a diffusion; None where nobody has measured what fewer steps cost.
    inferred, assumed, missing
        Names of fields read from the weights, filled with the published default, and still
        unknown although needed.
    notes
        Sentences for the person: what was chosen of several possibilities when it was loaded.
    authors, citation
        Who made it, and what to cite, as its package says.
    """

    kind: Literal["translator", "segmenter"]
    family: Annotated[str, BeforeValidator(_known)]
    name: Name = ""
    description: str = ""
    architecture: JsonObject = Field(default_factory=dict)
    schedule: JsonObject = Field(default_factory=dict)
    source: Modality | None = None
    target: Modality | None = None
    normalisation: Normalisation = Normalisation()
    classes: tuple[LabelClass, ...] = Field(default=(), max_length=256)
    training: Training = Training()
    quality: tuple[Measure, ...] = ()
    calibration: CardCalibration | None = None
    evaluations: CardEvaluations | None = None
    parent: str | None = None
    licence: str = ""
    authors: tuple[Name, ...] = Field(default=(), max_length=256)
    citation: tuple[str, ...] = Field(default=(), max_length=256)
    inferred: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @field_validator("classes")
    @classmethod
    def _told_apart(cls, classes: tuple[LabelClass, ...]) -> tuple[LabelClass, ...]:
        for field in ("name", "value"):
            found = [getattr(label_class, field) for label_class in classes]
            twice = next((one for one in found if found.count(one) > 1), None)
            if twice is not None:
                raise ValueError(f"two classes have the {field} {twice!r}")
        return classes
