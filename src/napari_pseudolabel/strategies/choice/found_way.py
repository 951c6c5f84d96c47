"""The way that was chosen for images, and what speaks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging import Image
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.models.grids import sizes_of
from napari_pseudolabel.strategies.choice.judging import DISPUTED, TIE, TURNED, WayScores
from napari_pseudolabel.strategies.choice.ways import LabelWay, opposed, short_names
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.label_settings import Region
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import some


@dataclass(frozen=True, eq=False)
class TriedWay:
    """A way, and how well its labels hold up.

    Attributes
    ----------
    scores
        None where it could not be tried, or is not judged.
    reasons
        Why it is not to be chosen; empty if nothing speaks against it.
    cost
        About how many seconds a plane of a megapixel takes on one thread of a usual CPU, quality included.
    labels
        (h, w) uint8 of each place; empty where it could not be tried.
    alike
        Of one that is not judged: mean Dice with what the groups of the others say, in [0, 1]; None where that cannot be compared.
    """

    way: LabelWay
    scores: WayScores | None
    reasons: tuple[str, ...]
    cost: float
    labels: tuple[NDArray[np.uint8], ...] = ()
    alike: float | None = None

    @property
    def possible(self) -> bool:
        """Whether it could be tried."""
        return bool(self.labels)

    @property
    def consensus(self) -> float | None:
        """Mean Dice with what the others say; None where none says anything that can be compared."""
        return self.alike if self.scores is None else self.scores.consensus

    @property
    def words(self) -> str:
        """Its scores in a few words, or why it has none."""
        if not self.possible:
            return f"not possible: {'; '.join(self.reasons)}"
        first = (
            f"not judged, because {self.way.why_not_judged}"
            if self.scores is None
            else f"looks agree {self.scores.agreement:.2f}"
        )
        others = "" if self.consensus is None else f", others say the same {self.consensus:.2f}"
        if self.scores is None and self.consensus is None:
            others = ", and it has one class only"
        against = f"; probably not usable: {'; '.join(self.reasons)}" if self.reasons else ""
        return f"{first}{others}{against}"

    @property
    def told(self) -> JsonObject:
        """The same for files."""
        scores = self.scores
        return {
            "way": self.way.title,
            "group": self.way.group,
            "strategy": self.way.strategy,
            "translator": self.way.translator,
            "segmenter": self.way.segmenter,
            "agreement": None if scores is None else round(scores.agreement, 4),
            "consensus": None if self.consensus is None else round(self.consensus, 4),
            "judged": self.way.judged,
            "against": list(self.reasons),
            "seconds_per_megapixel": round(self.cost, 1),
        }


@dataclass(frozen=True, eq=False)
class LookedAt:
    """A place of an image on which the ways were tried.

    Attributes
    ----------
    image, path
        Its name, and where it was read from.
    plane, region
        Where.
    pixels
        (h, w) float32 in [0, 1]: the image there.
    found
        The scale that was found for the image, by grid of the model that sees it; empty where it is known.
    lean
        Of the whole layer on the grid of the models, as `lean_of` measures it; empty where nothing was compared with it.
    """

    image: str
    path: str | None
    plane: tuple[int, ...]
    region: Region
    pixels: NDArray[np.float32]
    found: tuple[FoundScale, ...] = ()
    lean: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class WayLook:
    """What a way says of one place, to be looked at.

    Attributes
    ----------
    labels
        (1, h, w) uint8.
    classes, region, planes
        What the labels mean, and where they are.
    """

    labels: NDArray[np.uint8]
    classes: tuple[LabelClass, ...]
    region: Region
    planes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class FoundWay:
    """The answer of `FindWayJob`.

    Attributes
    ----------
    tried
        All ways, in the order in which they were listed.
    best
        Number of the one to take.
    ties
        Numbers of those that are as good, the best included.
    places
        What was looked at.
    classes
        Of the labels.
    """

    tried: tuple[TriedWay, ...]
    best: int
    ties: tuple[int, ...]
    places: tuple[LookedAt, ...]
    classes: tuple[LabelClass, ...]

    @property
    def chosen(self) -> TriedWay:
        """The one to take."""
        return self.tried[self.best]

    @property
    def sure(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.chosen.reasons

    @property
    def warning(self) -> str:
        """What speaks for caution although nothing speaks against it, in one sentence; empty for nothing."""
        scores = self.chosen.scores
        if not self.sure or scores is None or scores.backed:
            return ""
        look = "the labels may be of no use, so look at them first."
        if scores.consensus is None:
            return f"There was no other usable way to compare it with: {look}"
        rivals = [one.scores for one in self._others if one.scores is not None]
        if rivals and all(opposed(self.chosen.way, one.way) for one in self._others):
            second = max(one.agreement for one in rivals)
            if any(TURNED in one.reasons for one in self._others):
                return (
                    "The only others see bright and dark the other way around and cannot agree with it; what is bright and what is dark in "
                    f"the labelled images decided (looks agree {scores.agreement:.2f}, theirs {second:.2f}): {look}"
                )
            return (
                "The only others see bright and dark the other way around and cannot agree with it; that its looks agree "
                f"{scores.agreement:.2f}, theirs {second:.2f}, is all there is to go by: {look}"
            )
        return f"No other way says the same ({scores.consensus:.2f}): {look}"

    @property
    def _others(self) -> tuple[TriedWay, ...]:
        """Usable ways of other groups, those among them that are disputed included."""
        return tuple(
            one
            for one in self.tried
            if one.scores is not None
            and set(one.reasons) <= {DISPUTED, TURNED}
            and one.way.group != self.chosen.way.group
        )

    @property
    def beside(self) -> str:
        """What is to be known of the ways that are not judged, in a sentence or two; empty where there are none."""
        said = [one.consensus for one in self.tried if one.scores is not None and not one.reasons]
        most = max((one for one in said if one is not None), default=None)
        told = []
        for one in self.tried:
            if one.way.judged or not one.possible or one.reasons:
                continue
            # benchmarks/choice_otsu.py: who takes it then loses .014 of Dice in the mean, .031 at most.
            backed = self.chosen.scores is not None and self.chosen.scores.backed
            alike = backed and one.alike is not None and most is not None and one.alike >= most - TIE
            told.append(
                f"“{one.way.title}” is not judged"
                + (f", and says what the others say ({one.alike:.2f})." if alike else "; compare it by eye.")
            )
        return " ".join(told)

    @property
    def reason(self) -> str:
        """Why this one, in one sentence, and a second one where caution is needed."""
        chosen = self.chosen
        if not self.sure:
            against = "; ".join(chosen.reasons)
            return (
                f"These labels are probably not usable: no way makes any that look so ({against}). "
                f"The least bad was taken: {chosen.way.title}."
            )
        others = [self.tried[number].way.title for number in self.ties if number != self.best]
        if others:
            also = some(others, 2, "; ", "; and {} more")
            why = f"Chosen, as the cheapest of {len(self.ties)} that are as good: {chosen.way.title}. As good: {also}."
        else:
            why = f"Chosen, because its looks agree best: {chosen.way.title}."
        return " ".join(filter(None, (why, self.warning, self.beside)))

    @property
    def verdict(self) -> str:
        """The same in a few words, for beside pictures of all ways."""
        if not self.sure:
            told = "These labels are probably not usable: no way makes any that look so. The least bad was taken; look at the pictures."
        elif self.warning:
            told = f"{self.warning} Click another way to take it."
        elif len(self.ties) > 1:
            told = f"The cheapest of {len(self.ties)} that are as good was taken. Click another to take it."
        else:
            told = "What agrees best with itself was taken. Click another to take it."
        return f"{told} {self.beside}".rstrip()

    def caution(self, number: int) -> str:
        """Return what speaks against labels of one of the ways, or for caution, in a sentence; empty for nothing."""
        if reasons := self.tried[number].reasons:
            return f"Its labels are probably not usable: {'; '.join(reasons)}."
        return self.warning if number == self.best else ""

    @property
    def names(self) -> tuple[str, ...]:
        """Of all ways in two words, each another."""
        return short_names([one.way for one in self.tried])

    def classes_of(self, number: int) -> tuple[LabelClass, ...]:
        """Return the classes of the labels of a way; those that are not judged may have others."""
        way = self.tried[number].way
        return self.classes if way.judged else way.classes

    def look(self, number: int) -> WayLook:
        """Return what a possible way says of the first place."""
        place = self.places[0]
        return WayLook(
            self.tried[number].labels[0][None], self.classes_of(number), place.region, (place.plane,)
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for every way, the best first."""
        marks = dict.fromkeys(self.ties, "as good") | {self.best: "chosen"}
        return tuple(
            f"{self.tried[number].way.title}: {self.tried[number].words}"
            + (f" [{marks[number]}]" if number in marks else "")
            for number in self.order
        )

    @property
    def order(self) -> tuple[int, ...]:
        """Numbers of all ways, the best first, then those that are usable, not judged, not usable, and not possible."""

        def key(number: int) -> tuple[bool, bool, bool, bool, float]:
            one = self.tried[number]
            return (
                number != self.best,
                not one.possible,
                bool(one.reasons),
                not one.way.judged,
                -(one.scores.agreement if one.scores else 0.0),
            )

        return tuple(sorted(range(len(self.tried)), key=key))

    def job(self, image: Image, asked: LabelRequest, number: int | None = None) -> LabelJob:
        """Return the labelling job of an image by the way that was chosen, or by another one that a person takes.

        What it makes carries the strategy and the models of that way, and says how they were chosen.
        """
        number = self.best if number is None else number
        way = self.tried[number].way
        seen = [one for one in self.places if (one.image, one.path) == (image.name, image.path)]
        found = asked.found or next((fitting(one.found, way) for one in seen), None)
        job = way.job(image, replace(asked, found=found))
        return replace(job, origin=replace(job.origin, choice=self.taking(number)))

    def taking(self, number: int) -> JsonObject:
        """Return what is written into the provenance of labels that one of the ways makes: this search, and who chose."""
        return {
            "reason": self.reason if number == self.best else "A person chose it instead of the best.",
            "best": self.chosen.way.title,
            "as_good": [self.tried[one].way.title for one in self.ties if one != self.best],
            "looked_at": [
                {"image": one.image, "plane": list(one.plane), "region": list(vars(one.region).values())}
                for one in self.places
            ],
            "tried": [self.tried[one].told for one in self.order],
        }


def fitting(found: Sequence[FoundScale], way: LabelWay) -> FoundScale | None:
    """Return the scale among those that were found for an image that is one for the models of a way."""
    grid = sizes_of(way.first_card.source if way.first_card is not None else None)
    return next((replace(one, models=()) for one in found if one.fits(grid)), None)
