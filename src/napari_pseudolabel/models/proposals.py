"""Which models to begin with for what an image shows: what was measured best there, and of equals the cheapest.

Nothing is known here by its name: cards say what a model takes, makes and was measured on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.evaluations import evaluations_of
from napari_pseudolabel.models.fitting import ANOTHER, ANY, same_modality

# Differences of mean Dice below this are not worth waiting for.
_AS_GOOD = 0.01
# As the measuring scripts write it: whose labels were carried to which images, and how.
_CARRIED = re.compile(r"labels carried (?P<source>.+?) -> (?P<target>.+?) by shipped (?P<how>[\w ]+)")
_OWN = re.compile(r"\d+ validation pixels, which chose the step \((?!synthetic)")
_DIRECT, _TRANSLATED, _BY_GREY_LEVELS = "tutorship", "adaptation", "grey levels"


@dataclass(frozen=True)
class Candidate:
    """A model that can be used, by the name or path that jobs take."""

    ref: str
    card: Card

    @property
    def takes(self) -> str:
        """What it takes, empty if unknown."""
        return self.card.source.name if self.card.source else ""

    @property
    def makes(self) -> str:
        """What a translator makes, empty if unknown."""
        return self.card.target.name if self.card.target else ""

    @property
    def passes(self) -> int:
        """How often a network sees every pixel of a translation; none for a curve of grey levels."""
        return evaluations_of(self.card, "auto")


@dataclass(frozen=True)
class Proposal:
    """Models for an image, and why.

    Attributes
    ----------
    translator
        None where the segmenter takes the image as it is.
    reason
        One sentence for the person.
    clear
        Whether a measurement on such images speaks for it; else it is only the cheapest of what fits.
    """

    translator: str | None
    segmenter: str
    reason: str
    clear: bool = True


@dataclass(frozen=True)
class _Route:
    translator: Candidate | None
    segmenter: Candidate
    dice: dict[str, float]

    @property
    def quality(self) -> float:
        """Mean Dice of the classes; below all that was measured if nothing was."""
        return _mean(self.dice) if self.dice else -1.0

    @property
    def cost(self) -> int:
        return 0 if self.translator is None else 1 + self.translator.passes


def propose(modality: str, models: Sequence[Candidate]) -> Proposal | None:
    """Return the models to begin with for images of a modality; None where it is unknown, or nothing fits it.

    Parameters
    ----------
    modality
        What the images show; empty if unknown, and then nothing is assumed.
    models
        All that can be used, those first that go before others of which nothing was measured.
    """
    if modality in ("", ANOTHER):
        return None
    routes = list(_routes(modality, models))
    if not routes:
        return None
    best = max(route.quality for route in routes)
    route = min(
        (route for route in routes if route.quality >= best - _AS_GOOD),
        key=lambda route: (route.cost, -route.quality),
    )
    translator = route.translator.ref if route.translator else None
    return Proposal(translator, route.segmenter.ref, _reason(modality, route, routes), bool(route.dice))


def known_modalities(models: Sequence[Candidate]) -> list[str]:
    """Return what images may show for which some model can be proposed, sorted."""
    taken = {one.takes for one in models if one.takes} - {ANY}
    return sorted((one for one in taken if propose(one, models) is not None), key=str.lower)


def _routes(modality: str, models: Sequence[Candidate]) -> Iterator[_Route]:
    segmenters = [one for one in models if one.card.kind == "segmenter" and one.takes]
    for segmenter in segmenters:
        if same_modality(segmenter.takes, modality):
            yield _Route(None, segmenter, _measured(segmenter.card, modality, _DIRECT))
    for translator in models:
        if translator.card.kind != "translator" or not (translator.takes and translator.makes):
            continue
        if translator.takes == ANY:  # it would be proposed for whatever no other model takes
            continue
        if not same_modality(translator.takes, modality):
            continue
        for segmenter in segmenters:
            if same_modality(segmenter.takes, translator.makes):
                # What a translation is worth stands with the labels that were carried, but for curves with the curve. A fast
                # version was kept because it is as good as its translator.
                known = (
                    _measured(segmenter.card, modality, _TRANSLATED)
                    if translator.passes
                    else _measured(translator.card, modality, _BY_GREY_LEVELS)
                )
                yield _Route(translator, segmenter, known)


def measured_for(card: Card, modality: str) -> float:
    """Return how good a segmenter is for images of another modality: its mean Dice on such images, translated for it.

    Where nobody measured that, it is its Dice on images that it takes, less 1; 0 less 1 where nobody measured anything.
    """
    takes = card.source.name if card.source else ""
    dice = _measured(card, modality, _TRANSLATED)
    return _mean(dice) if dice else _mean(_measured(card, takes, _DIRECT)) - 1


def _mean(dice: dict[str, float]) -> float:
    return sum(dice.values()) / len(dice) if dice else 0.0


def _measured(card: Card, modality: str, how: str) -> dict[str, float]:
    """Dice of each class on images of a modality that were labelled in a way; those of a model of their own count as direct."""
    found: dict[str, float] = {}
    for measure in card.quality:
        kind, _, name = measure.metric.partition(" ")
        carried = _CARRIED.match(measure.data)
        here = carried is not None and carried["how"].startswith(how)
        here = here and carried is not None and same_modality(carried["target"], modality)
        own = how == _DIRECT and _OWN.match(measure.data) is not None
        if kind == "Dice" and name and "(" not in name and (here or own):
            found.setdefault(name, measure.value)
    return found


def _reason(modality: str, route: _Route, routes: Sequence[_Route]) -> str:
    name = route.segmenter.card.name or route.segmenter.ref
    measured = ", ".join(f"{one} {dice:.2f}" for one, dice in sorted(route.dice.items()))
    dice = f" (Dice {measured})" if measured else ""
    if route.translator is not None:
        first = route.translator.card.name or route.translator.ref
        return f"Proposed for {modality}: “{first}”, then “{name}”{dice}."
    told = f"Proposed for {modality}: “{name}”{dice}"
    known = [other.quality for other in routes if other.translator is not None and other.dice]
    if not known or not route.dice:
        return f"{told}."
    return (
        f"{told}; translating first is {'hardly' if max(known) > route.quality else 'no'} better, and slower."
    )
