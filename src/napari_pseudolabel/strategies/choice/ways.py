"""Which ways to labels there are for images of a modality: a strategy with its models each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.models.fitting import ANY, channels_of, same_modality
from napari_pseudolabel.models.plain_curves import is_plain, plain_card
from napari_pseudolabel.models.proposals import Candidate, measured_for
from napari_pseudolabel.models.registry import resolve
from napari_pseudolabel.models.translators.curve_file import FAMILY, bending, turns_around
from napari_pseudolabel.strategies.choice.judging import POLARITIES
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.label_settings import ModelUse
from napari_pseudolabel.strategies.registry import find
from napari_pseudolabel.strategies.strategy import LabelRequest

WayGroup = Literal["direct", "translated", "turned around", "as it is", "without labels"]
"""What ways have in common, and may get wrong together: a segmenter of the modality of the images, an image that a network
translated, a segmenter of another modality that sees bright and dark turned around, or as they are, or what never saw labels."""


Objects = tuple[tuple[str, int], ...]
"""Classes that are looked for, by name and value, without the background."""


@dataclass(frozen=True)
class LabelWay:
    """A way to labels that can be tried.

    Attributes
    ----------
    title
        In a list, in plain words.
    group
        Has one vote; see `judging`.
    strategy
        Name of one in the registry.
    segmenter, translator
        As `LabelRequest` takes them.
    second_opinions, tutor
        Of proxies that were trained for it.
    segmenter_card, translator_card
        What is known of them without loading them.
    options
        Of the strategy, an `ObjectOptions` where the segmenter is None.
    scale
        That it was made for; None for that of the run.
    """

    title: str
    group: WayGroup
    strategy: str
    segmenter: str | None
    translator: str | None = None
    second_opinions: tuple[str, ...] = ()
    tutor: ModelUse | None = None
    segmenter_card: Card | None = None
    translator_card: Card | None = None
    options: Any = None
    scale: Scale | None = None

    @property
    def judged(self) -> bool:
        """Whether the agreement of its looks says anything about its labels."""
        return self.group != "without labels"

    @property
    def why_not_judged(self) -> str:
        """A clause; empty for what is judged."""
        if self.judged:
            return ""
        if find(self.strategy).preparation is None:
            return "mirrored looks of a threshold always agree"
        return (
            "it learned from drawings made after this image, and nobody measured what its agreement is worth"
        )

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """Those of its labels."""
        found: tuple[LabelClass, ...] = (self.segmenter_card or self.options).classes
        return found

    def made(self, job: LabelJob) -> bool:
        """Whether a job labels by this way."""
        models = (self.strategy, self.translator)
        if self.segmenter is None:
            return models == (job.strategy_name, job.translator) and job.origin.options == self.options
        return (*models, self.segmenter) == (job.strategy_name, job.translator, job.segmenter)

    @property
    def short(self) -> str:
        """In two words, under a picture."""
        if not self.judged:
            return find(self.strategy).title
        if self.group in ("direct", "translated"):
            return "Of its kind" if self.group == "direct" else "Translated"
        how = (self.translator or "unchanged:").partition(":")[0]
        return {"inverted": "Inverted", "unchanged": "As it is"}.get(how, "Matched")

    @property
    def first_card(self) -> Card | None:
        """Of the model that sees the image."""
        return self.translator_card or self.segmenter_card

    def request(self, asked: LabelRequest) -> LabelRequest:
        """Return what was asked for, with the models of this way."""
        return replace(
            asked,
            translator=self.translator,
            segmenter=self.segmenter,
            second_opinions=self.second_opinions,
            tutor=self.tutor,
            options=self.options,
            settings=asked.settings if self.scale is None else replace(asked.settings, scale=self.scale),
        )

    def job(self, image: Image, asked: LabelRequest) -> LabelJob:
        """Return the labelling job of an image."""
        return find(self.strategy).job(image, self.request(asked))


def opposed(one: LabelWay, other: LabelWay) -> bool:
    """Whether two ways see bright and dark the other way around, so that one of them is wrong."""
    return {one.group, other.group} == set(POLARITIES)


CLEARLY_NEARER = 0.03
"""Distances, in grey levels from 0 to 1, that differ by less say nothing: axons have .04 to .07, mitochondria 0 (docs/benchmarks.md)."""


LEANS = 0.15
"""Cosines below it say nothing. Chosen on images that take no part in the table of docs/benchmarks.md, see there."""


def likely_polarity(
    ways: Sequence[LabelWay], pixels: Sequence[NDArray[np.floating]], lean: Sequence[float]
) -> str | None:
    """Return the one of `POLARITIES` in which images look more like those of the labelled modality; None where nothing tells.

    Parameters
    ----------
    pixels
        Of each image, in [0, 1].
    lean
        Of the images on the grid of the models, see `imaging.scale.texture.lean_of`; empty if unknown.
    """
    return nearer_polarity(ways, pixels) or leaning_polarity(ways, lean)


def leaning_polarity(ways: Sequence[LabelWay], lean: Sequence[float]) -> str | None:
    """Return the one of `POLARITIES` in which details of images stick out, bright or dark, as in the labelled modality.

    None where the models learned from several modalities, or from one of which it is not known, and where it says nothing.
    """
    cards = {way.segmenter: way.segmenter_card for way in ways if way.group in POLARITIES}
    known = [lean_in(card) for card in cards.values()]
    if len(known) != 1 or not known[0] or not lean:
        return None
    ours, theirs = (np.array(one[: min(len(lean), len(known[0]))]) for one in (lean, known[0]))
    length = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    alike = float(ours @ theirs) / length if length else 0.0
    if abs(alike) < LEANS:
        return None
    return "as it is" if alike > 0 else "turned around"


def lean_in(card: Card | None) -> tuple[float, ...]:
    """Return the lean of the images that a model learned from; empty if unknown."""
    texture = None if card is None or card.source is None else card.source.texture
    return () if texture is None else texture.lean


def nearer_polarity(ways: Sequence[LabelWay], pixels: Sequence[NDArray[np.floating]]) -> str | None:
    """Return the one of `POLARITIES` in which the grey levels of images, in [0, 1], are nearer to those of the labelled modality.

    Told by curves that match the histograms of both, one that turns around and one that does not; None where either is missing, or
    they are about as near: the histograms of many micrographs are nearly symmetric, and say nothing.
    """
    bent: dict[str, float] = {}
    for way in ways:
        card = way.translator_card
        if way.translator is None or is_plain(way.translator) or card is None or card.family != FAMILY:
            continue
        try:
            path = resolve(way.translator)
            far = float(np.mean([bending(path, one) for one in pixels]))
        except PseudolabelError:
            continue
        bent[way.group] = min(far, bent.get(way.group, far))
    if set(bent) != set(POLARITIES):
        return None
    nearer, farther = sorted(POLARITIES, key=lambda group: bent[group])
    return nearer if bent[farther] - bent[nearer] >= CLEARLY_NEARER else None


def short_names(ways: Sequence[LabelWay]) -> tuple[str, ...]:
    """Return of each way what it is in two words; where several are the same, a second line with the model that tells them apart."""
    shared = Counter(one.short for one in ways)

    def told(way: LabelWay) -> str:
        if shared[way.short] == 1:
            return way.short
        alike = [one for one in ways if one.short == way.short]
        role = "segmenter" if len({one.segmenter for one in alike}) > 1 else "translator"
        card, ref = getattr(way, f"{role}_card"), getattr(way, role)
        return f"{way.short}\n{(card.name if card else '') or ref}"

    return tuple(told(one) for one in ways)


def ways(
    modality: str,
    models: Sequence[Candidate],
    *,
    segmenter: Candidate | None = None,
    translator: Candidate | None = None,
    objects: Objects | None = None,
) -> tuple[LabelWay, ...]:
    """List the ways to labels of images of a modality, those first that translate nothing.

    Parameters
    ----------
    modality
        What the images show; empty if unknown, which fits every model that is given.
    models
        All that can be used, those first that go before others alike.
    segmenter
        That is to be used, or whose classes others for this modality have; None for those that the models for it know.
    translator
        The only one to be tried; None for all that are made for the modality.
    objects
        What is looked for, one of `objects_for`; None for what the first model for the modality knows.

    Returns
    -------
    tuple of LabelWay
        All of the same classes. As it is and inverted is tried with one segmenter of every other modality.

    Raises
    ------
    InputError
        If there is none.
    """
    segmenters = [one for one in models if one.card.kind == "segmenter"]
    translators = [one for one in models if one.card.kind == "translator"]
    if segmenter is not None:
        segmenters = [segmenter, *(one for one in segmenters if one.ref != segmenter.ref)]
    if translator is not None:
        translators = [translator]
    elif not modality and segmenter is None:
        translators = []  # one among those of all modalities would be a guess
    if segmenter is not None:
        objects = _classes(segmenter)
    elif objects is None:
        objects = _first_objects(modality, [*segmenters, *translators])
    segmenters = [one for one in segmenters if _classes(one) == objects]
    if segmenter is not None:  # others only where they are made for such images
        segmenters = [
            one
            for one in segmenters
            if one is segmenter or (modality and one.takes and same_modality(one.takes, modality))
        ]
    found = [*_ways(modality, segmenters, translators)]
    if not found:
        raise _no_way(modality)
    return tuple(sorted(found, key=lambda way: _ORDER.index(way.group)))


_ORDER: tuple[WayGroup, ...] = ("direct", "translated", "turned around", "as it is")


def objects_for(modality: str, models: Sequence[Candidate]) -> tuple[Objects, ...]:
    """Return what can be looked for in images of a modality, that first which the first model made for them knows.

    That is what segmenters of the modality know, and those of modalities to which a translator leads: nothing where no model is made
    for it. Where it is unknown (empty), it is what any segmenter knows.
    """
    segmenters = [one for one in models if one.card.kind == "segmenter"]
    # What takes images of any modality says nothing about these.
    makes = [
        one.makes
        for one in models
        if one.card.kind == "translator"
        and one.makes
        and one.takes != ANY
        and same_modality(one.takes, modality)
    ]
    found = segmenters if not modality else []
    for takes in (modality, *makes) if modality else ():
        found += [one for one in segmenters if one.takes and same_modality(one.takes, takes)]
    return tuple(dict.fromkeys(classes for one in found if (classes := _classes(one))))


def _first_objects(modality: str, models: Sequence[Candidate]) -> Objects:
    if not modality:
        raise InputError(
            "Say what the images show, or choose a segmenter, so that it is known which ways there are."
        )
    if not (found := objects_for(modality, models)):
        raise _no_way(modality)
    return found[0]


def _no_way(modality: str) -> InputError:
    return InputError(
        f"No model takes {modality or 'such'} images; choose a segmenter whose classes are wanted."
    )


def _ways(
    modality: str, segmenters: Sequence[Candidate], translators: Sequence[Candidate]
) -> Iterator[LabelWay]:
    direct = [one for one in segmenters if modality and one.takes and same_modality(one.takes, modality)]
    for one in direct:
        yield LabelWay(
            f"As it is, by “{_name(one)}”", "direct", "segmentation", one.ref, segmenter_card=one.card
        )
    for one in _best_of_each([one for one in segmenters if one not in direct], modality):
        fitting = [
            it
            for it in translators
            if same_modality(it.takes, modality)
            and one.takes
            and same_modality(it.makes, one.takes)
            and it.makes
        ]
        for it in fitting:
            group: WayGroup = "translated" if it.passes else polarity(it.ref)
            how = "Translated" if it.passes else "Grey levels matched"
            yield _behind(f"{how} by “{_name(it)}”, then “{_name(one)}”", group, it.ref, it.card, one)
        if channels_of(one.card) == 1:
            # On the grid that translators know to fit, where there is one.
            like = fitting[0] if fitting else one
            yield _plain("inverted", "Inverted, then “{}”", "turned around", like, one)
            yield _plain("unchanged", "As it is, by “{}”", "as it is", like, one)


def polarity(curve: str) -> WayGroup:
    """Return the group of images whose grey levels a curve changes."""
    try:
        return "turned around" if turns_around(resolve(curve)) else "as it is"
    except PseudolabelError:
        return "as it is"  # trying it will say what is wrong with it


def _best_of_each(segmenters: Sequence[Candidate], modality: str) -> list[Candidate]:
    """One of every modality: what was measured best for the images, and of equals the first."""
    found: dict[str, Candidate] = {}
    for one in segmenters:
        before = found.get(one.takes.lower())
        if before is None or measured_for(one.card, modality) > measured_for(before.card, modality):
            found[one.takes.lower()] = one
    return list(found.values())


def _plain(prefix: str, title: str, group: WayGroup, like: Candidate, segmenter: Candidate) -> LabelWay:
    ref, card = f"{prefix}:{like.ref}", plain_card(prefix, like.card)
    return _behind(title.format(_name(segmenter)), group, ref, card, segmenter)


def _behind(title: str, group: WayGroup, ref: str, card: Card, segmenter: Candidate) -> LabelWay:
    return LabelWay(
        title,
        group,
        "adaptation",
        segmenter.ref,
        ref,
        segmenter_card=segmenter.card,
        translator_card=card,
    )


def _classes(one: Candidate) -> Objects:
    return tuple(sorted((it.name, it.value) for it in one.card.classes if it.value))


def _name(one: Candidate) -> str:
    return one.card.name or one.ref
