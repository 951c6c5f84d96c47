"""What a strategy is: one description, from which docks, shell, provenance and *Predict again* follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.labels.refitting import ConfidenceFit, ConfirmedRegion
from napari_pseudolabel.strategies.fixed_settings import (
    AS_A_WHOLE,
    NOT_TRANSLATED,
    FixedSetting,
    refuse_unused,
    with_fixed,
)
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.jobs import Job, LabelJob, Origin
from napari_pseudolabel.strategies.label_settings import LabelSettings, ModelUse, Region, Role

if TYPE_CHECKING:
    from napari_pseudolabel.training.data.target_images import TargetImages

ModelRole = Literal["translator", "segmenter"]


@dataclass(frozen=True)
class LabelRequest:
    """What a person asks of a strategy.

    Attributes
    ----------
    translator, segmenter, second_opinions
        References of models, as far as they were chosen.
    tutor
        What made the images that the segmenters learned from.
    options
        Of the class that the strategy names; None for one without.
    folder
        Gets what is prepared once; None where nobody said.
    images
        What is to be labelled, for a preparation that learns from it.
    targets
        The same with what a person has decided, for a preparation that learns from all of it; None for others.
    notes
        What the preparation has to say to whoever sees the labels.
    settings, region, planes, found, confidence, confirmed
        As of `LabelJob`.
    """

    translator: str | None = None
    segmenter: str | None = None
    second_opinions: tuple[str, ...] = ()
    tutor: ModelUse | None = None
    options: Any = None
    folder: Path | None = None
    images: tuple[Image, ...] = ()
    targets: TargetImages | None = None
    notes: tuple[str, ...] = ()
    settings: LabelSettings = field(default_factory=LabelSettings)
    region: Region | None = None
    planes: tuple[tuple[int, ...], ...] | None = None
    found: FoundScale | None = None
    confidence: ConfidenceFit | None = None
    confirmed: tuple[ConfirmedRegion, ...] = ()

    @property
    def features(self) -> str | None:
        """The translator, where only its features are used."""
        return self.translator

    def job(self, image: Image, **models: Any) -> LabelJob:
        """Return a labelling job on the region and planes that are asked for, with these models."""
        return LabelJob(
            image,
            **models,
            settings=self.settings,
            region=self.region,
            planes=self.planes,
            found=self.found,
            confidence=self.confidence,
            confirmed=self.confirmed,
            origin=Origin(notes=self.notes),
        )


@dataclass(frozen=True)
class RequiredModel:
    """A model that a strategy cannot do without.

    Attributes
    ----------
    role
        "translator" or "segmenter".
    words
        For a sentence, such as "a segmenter of the labelled modality".
    """

    role: ModelRole
    words: str


class PreparingJob(Job, Protocol):
    """Keeps what it makes in its folder, goes on from there, and hands out the same result once it is done.

    The result has `notes`, sentences for the person.
    """

    @property
    def folder(self) -> Path:
        """Where it keeps what it makes."""

    @property
    def done(self) -> bool:
        """Whether all that it makes is there."""


@dataclass(frozen=True)
class Preparation:
    """What is done once before any image is labelled: something is trained.

    Attributes
    ----------
    job
        Describes it, from what is asked for and what the images show, empty if unknown. Raises InputError.
    with_result
        What is asked for, with what the job has made: the segmenters, and their tutor.
    sources
        Folders that it learns from, into which no result may go.
    event_text
        What the shell says about an event of the job; empty for nothing.
    sees_images
        It learns from what is to be labelled, which the request holds then.
    takes_targets
        It learns from all that is to be labelled and from what a person has decided there, which the request holds then.
    makes
        The model that it makes; the person chooses the others.
    takes
        About how long it takes, in a few words.
    brings
        What a person has to bring besides, in a few words; empty for nothing but the image.
    """

    job: Callable[[LabelRequest, str], PreparingJob]
    with_result: Callable[[LabelRequest, Any, Any], LabelRequest]
    sources: Callable[[Any], tuple[Path, ...]] = lambda job: ()
    event_text: Callable[[object], str] = lambda event: ""
    sees_images: bool = False
    takes_targets: bool = False
    makes: ModelRole = "segmenter"
    takes: str = ""
    brings: str = ""


def by_models(image: Image, request: LabelRequest) -> LabelJob:
    """Translate and segment, or one of the two, as the models say that are there."""
    return request.job(
        image,
        translator=request.translator,
        segmenter=request.segmenter,
        second_opinions=request.second_opinions,
    )


@dataclass(frozen=True)
class Strategy:
    """A recipe that makes pseudo labels.

    Attributes
    ----------
    name
        In the shell and in the provenance; never changed, because files say it.
    title
        In docks, in plain words.
    does
        What it does, for the help of the shell: "translates the images and segments the translations".
    sentences
        What it does and when to choose it, for the dock.
    needs
        Models to be chosen.
    captions
        Of the picture of the dock: the image, what becomes of it, and the labels; None for no picture.
    options
        A dataclass of its own options, see `napari_pseudolabel.options`; None without.
    preparation
        Its first job; None if it labels at once.
    label
        The labelling job of an image. What it makes carries the name of the strategy.
    labels
        False for one that only translates; lists of strategies leave it out.
    size_by
        How it finds out itself how large things are, in a few words, so that nobody is asked; empty where it does not.
    term
        What papers call it, where the title is plainer: for the tooltips, the shell and its errors.
    chooses
        It makes no labels itself, but finds out which of the others does best.
    by_features
        Of the translator only the features are used: no image is translated.
    regions_of_plane
        The kinds of regions that it finds are those of one plane: naming one names none in other planes.
    lacking
        What is missing in its options before it can label, in a sentence; empty if nothing is.
    fixes
        Settings of which it makes nothing, besides those of translations where it translates no image.
    """

    name: str
    title: str
    does: str
    sentences: str
    needs: tuple[RequiredModel, ...] = ()
    captions: tuple[str, str, str] | None = None
    options: type[Any] | None = None
    preparation: Preparation | None = None
    label: Callable[[Image, LabelRequest], LabelJob] = by_models
    labels: bool = True
    size_by: str = ""
    term: str = ""
    chooses: bool = False
    by_features: bool = False
    regions_of_plane: bool = False
    lacking: Callable[[Any], str] = lambda options: ""
    fixes: tuple[FixedSetting, ...] = ()

    @property
    def word(self) -> str:
        """Its name in the shell and in errors."""
        return self.term or self.title

    @property
    def previews(self) -> bool:
        """Whether a part can be labelled in a moment."""
        return self.preparation is None and not self.chooses

    @property
    def chosen_see_images(self) -> bool:
        """Whether the models that are chosen see the images themselves; else they only prepare what does."""
        return self.preparation is None or self.preparation.takes_targets

    @property
    def recorded(self) -> tuple[Role, ...]:
        """The models that its provenance has to name, what is prepared among them."""
        if self.by_features:
            return ("features",)
        if self.preparation is None:
            return self.roles
        return ("segmenter",) if self.preparation.makes == "segmenter" else ("translator", *self.roles)

    @property
    def roles(self) -> tuple[ModelRole, ...]:
        """The models that the person chooses, in the order in which an image meets them."""
        return tuple(need.role for need in self.needs)

    @property
    def translates(self) -> bool:
        """Whether images are translated."""
        made = self.preparation is not None and self.preparation.makes == "translator"
        return (self.takes("translator") or made) and not self.by_features

    @property
    def fixed(self) -> tuple[FixedSetting, ...]:
        """All settings that change nothing, as its jobs have them."""
        chooses_how = self.translates and self.chosen_see_images
        made = self.preparation is not None and self.preparation.makes == "translator"
        return self.fixes if chooses_how or made or self.chooses else (*self.fixes, *NOT_TRANSLATED)

    @property
    def whole(self) -> bool:
        """Whether it looks at an image as a whole, so that no magnification counts."""
        return any(one == AS_A_WHOLE for one in self.fixed)

    def refuse_unused(self, request: LabelRequest, *, flags: bool = False) -> None:
        """Refuse what a person asks for and would not get.

        Parameters
        ----------
        flags
            The sentence is for the shell, where everything is a flag.

        Raises
        ------
        InputError
            If it takes no such model, prepares nothing to be kept, or has no use for a setting.
        """
        dashes = "--" if flags else ""
        for role in get_args(ModelRole):
            if getattr(request, role) is not None and not self.takes(role):
                raise InputError(f"{self.word} takes no {role}; leave out {dashes}{role}.")
        if request.second_opinions and not self.takes("segmenter"):
            name = "--second-opinion" if flags else "second_opinions"
            raise InputError(f"{self.word} takes no segmenters; leave out {name}.")
        if request.folder is not None and self.preparation is None:
            raise InputError(
                f"{self.word} prepares nothing; leave out {'--work-dir' if flags else 'folder'}."
            )
        refuse_unused(self.word, request.settings, self.fixed, flags=flags)

    def takes(self, role: ModelRole) -> bool:
        """Whether the person chooses a model of this role."""
        return role in self.roles

    def job(self, image: Image, request: LabelRequest) -> LabelJob:
        """Return the labelling job of an image, which names this strategy.

        Raises
        ------
        InputError
            If a model is missing, or something in the options.
        """
        own = self.options() if request.options is None and self.options is not None else request.options
        # What a preparation lacks it says itself; once it is done, nothing of that is asked for any more.
        if self.preparation is None and (lacking := self.lacking(own)):
            raise InputError(lacking)
        for role in self.recorded:
            if getattr(request, role) is None:
                what = "translator" if role == "features" else role
                raise InputError(f"{self.word} needs a {what}; choose one.")
        job = self.label(image, replace(request, settings=with_fixed(request.settings, self.fixed)))
        if job.strategy_name == self.name and job.origin.options == request.options:
            return job
        return replace(job, origin=replace(job.origin, strategy=self.name, options=request.options))
