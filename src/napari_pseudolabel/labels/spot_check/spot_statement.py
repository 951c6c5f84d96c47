"""What a spot check says about labels, as a sentence for a paper and as JSON for provenance and pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.objects import scheme_for
from napari_pseudolabel.labels.objects.census import many
from napari_pseudolabel.labels.spot_check.labels_digest import digest_of
from napari_pseudolabel.labels.spot_check.spot_estimates import LEVEL, Share, clustered, judged
from napari_pseudolabel.labels.spot_check.spot_questions import SpotCheck, SpotChecks
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import Array, JsonObject

VOID = "the labels have changed since"
RULE = (
    "A label is right if there is one object and the label covers most of it and little else. An object belongs to the box "
    "in which its middle lies; it is missed if no label in the box is right about it."
)


@dataclass(frozen=True)
class SpotStatement:
    """What a spot check says about labels.

    Attributes
    ----------
    check
        What was asked and answered.
    void
        Whether the labels are others now, so that it says nothing about them.
    precision
        What share of the labelled objects is right; None before one was judged.
    recall
        What share of all objects was found, from the boxes; None before there is one.
    """

    check: SpotCheck
    void: bool
    precision: Share | None
    recall: Share | None

    @property
    def sentence(self) -> str:
        """As it can stand in a paper; empty before anything was judged."""
        parts = []
        name, unsure = _named(self.check.classes), self._unsure(self.check.objects)
        if self.precision is not None:
            number = self.precision.number
            parts.append(
                f"Precision {_interval(self.precision)}, {number} {many(name, number) if name else _objects(number)} judged{unsure})."
            )
        if self.recall is not None:
            number, boxes = self.recall.number, sum(box.answer == "done" for box in self.check.boxes)
            what = many(name, number) if name else _objects(number)
            unsure = self._unsure(self.check.boxes)
            parts.append(
                f"Recall {_interval(self.recall)}, {number} {what} in {boxes} box{'es'[: 2 * (boxes != 1)]}{unsure})."
            )
        said = " ".join(parts)
        return _void(said) if self.void else said

    def to_json(self) -> JsonObject:
        """Return what provenance and pages hold: both shares with their intervals, counts, the rule, and the sentence."""
        check = self.check
        unsure = [sum(one.answer == "not sure" for one in group) for group in (check.objects, check.boxes)]
        done = [box for box in check.boxes if box.answer == "done"]
        found: JsonObject = {
            "sentence": self.sentence,
            "void": self.void,
            "begun": check.begun,
            "seed": check.seed,
            "labels_digest": check.digest,
            "rule": RULE,
            "confidence_level": LEVEL,
            "objects_in_all": check.objects_in_all,
            "boxes_in_all": check.boxes_in_all,
            "box_side_px": check.side_px,
            "complete": check.following is None,
            "precision": None,
            "recall": None,
        }
        if self.void:
            found["void_because"] = VOID
        if self.precision is not None:
            found["precision"] = {
                **_numbers(self.precision),
                "judged": self.precision.number,
                "not_sure": unsure[0],
                "interval": "Wilson",
                "by_class": _by_class(check),
            }
        if self.recall is not None:
            found["recall"] = {
                **_numbers(self.recall),
                "found_right": sum(box.right for box in done),
                "found_wrong": sum(len(box.wrong) for box in done),
                "missed": sum(len(box.missed) for box in done),
                "boxes": len(done),
                "not_sure": unsure[1],
                "interval": "Wilson, effective number of objects (boxes are clusters)",
                "effective_objects": round(self.recall.effective, 1),
            }
        return found

    @staticmethod
    def _unsure(group: tuple[object, ...]) -> str:
        number = sum(getattr(one, "answer", None) == "not sure" for one in group)
        return f", {number} not sure" if number else ""


def statement(check: SpotCheck, digest: str) -> SpotStatement:
    """Return what a spot check says about labels with this digest.

    Whoever was not sure counts neither as right nor as wrong, and is reported apart.
    """
    told = [one.answer for one in check.objects if one.answer in ("right", "wrong")]
    done = [box for box in check.boxes if box.answer == "done"]
    return SpotStatement(
        check,
        check.digest != digest,
        judged(told.count("right"), len(told)),
        clustered([box.right for box in done], [box.right + len(box.missed) for box in done]),
    )


def statements(checks: SpotChecks, labels: Array, labelled: NDArray[np.bool_] | None) -> list[JsonObject]:
    """Return what all spot checks say about labels as they are now, the newest last, for provenance and pages.

    Parameters
    ----------
    labels, labelled
        As for `digest_of`.
    """
    if not any(check.answered for check in checks.checks):
        return []
    digest = digest_of(labels, labelled)
    return [statement(check, digest).to_json() for check in checks.checks if check.answered]


def still_true(told: Sequence[JsonObject], digest: str) -> list[JsonObject]:
    """Return statements that were written beside labels, as they are about labels with this digest: void where these are others."""
    return [
        one
        if one.get("void") or one.get("labels_digest") == digest
        else {
            **one,
            "void": True,
            "void_because": VOID,
            "sentence": _void(str(one.get("sentence") or "")),
        }
        for one in told
    ]


def _void(said: str) -> str:
    return f"Void, because {VOID}: {said}" if said else ""


def _named(classes: tuple[LabelClass, ...]) -> str:
    """Name of the one class that people count; empty where there are several."""
    sheaths = {fibre.outer for fibre in scheme_for(classes).fibres}
    names = [one.name for one in classes if one.value and one.value not in sheaths]
    return names[0] if len(names) == 1 else ""


def _objects(number: int) -> str:
    return f"object{'s'[: number != 1]}"


def _interval(share: Share) -> str:
    value, low, high = (round(100 * one) for one in (share.value, share.low, share.high))
    return f"{value} % ({LEVEL:.0%} CI {low}–{high}".replace("95%", "95 %")


def _numbers(share: Share) -> JsonObject:
    return {name: round(getattr(share, name), 4) for name in ("value", "low", "high")}


def _by_class(check: SpotCheck) -> JsonObject:
    """Return counts of every class that was asked about; its interval follows from them."""
    names = {one.value: one.name for one in check.classes}
    found: JsonObject = {}
    for value in sorted({one.value for one in check.objects}):
        answers = [one.answer for one in check.objects if one.value == value]
        found[names.get(value, str(value))] = {
            told.replace(" ", "_"): answers.count(told) for told in ("right", "wrong", "not sure")
        }
    return found
