"""What a spot check asks and what was answered: values that live with the labels and come back with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.windows import Box, Index
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.types import JsonObject

SPOT_CHECK_KEY = "napari_pseudolabel_spot_check"
"""Of the metadata of a Labels layer."""

Verdict = Literal["right", "wrong", "not sure"]
Place = tuple[int, int]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class SpotObject(_Kept):
    """An object that is labelled.

    Attributes
    ----------
    plane
        Index over the axes before Y and X.
    place
        Row and column of its *middle*: the pixel of it that is farthest from its border.
    value
        Its class; of a fibre that of the axon.
    """

    plane: Index = ()
    place: Place
    value: int


class ObjectQuestion(SpotObject):
    """An object, and the question whether it is right; ``answer`` is None as long as nobody has said."""

    answer: Verdict | None = None


class BoxQuestion(_Kept):
    """A box, and the question what is missing in it.

    Attributes
    ----------
    box
        y0, x0, y1, x1 in pixels, half open.
    found
        Objects that have their middle in the box.
    wrong
        Numbers of those of them that the person called wrong.
    missed
        Row and column of every object that the person found to be missing.
    answer
        "done" once the person has looked at all of it, "not sure" where it cannot be told.
    """

    plane: Index = ()
    box: Box
    found: tuple[SpotObject, ...] = ()
    wrong: tuple[int, ...] = ()
    missed: tuple[Place, ...] = ()
    answer: Literal["done", "not sure"] | None = None

    @property
    def right(self) -> int:
        """How many objects were found there and are right."""
        return len(self.found) - len(self.wrong)

    def holds(self, at: Place) -> bool:
        """Whether a pixel lies in the box."""
        y0, x0, y1, x1 = self.box
        return y0 <= at[0] < y1 and x0 <= at[1] < x1


class SpotCheck(_Kept):
    """One sample of labels, and what a person said about it.

    Attributes
    ----------
    begun
        When; ISO 8601.
    seed
        Of the sample, which follows from it and the labels.
    digest
        Of the labels, see `digest_of`: about others this says nothing.
    classes
        As they were called.
    objects_in_all, boxes_in_all
        How many the sample was drawn from.
    side_px
        Of the boxes, about.
    """

    begun: str
    seed: int
    digest: str
    classes: tuple[LabelClass, ...]
    objects_in_all: int
    boxes_in_all: int
    side_px: int
    objects: tuple[ObjectQuestion, ...] = ()
    boxes: tuple[BoxQuestion, ...] = ()

    @property
    def questions(self) -> tuple[ObjectQuestion | BoxQuestion, ...]:
        """All of them, in the order in which they are asked."""
        return (*self.objects, *self.boxes)

    @property
    def answered(self) -> int:
        """How many have an answer."""
        return sum(question.answer is not None for question in self.questions)

    @property
    def following(self) -> int | None:
        """Number of the first question without an answer; None if all have one."""
        return next((at for at, one in enumerate(self.questions) if one.answer is None), None)

    def with_question(self, number: int, question: ObjectQuestion | BoxQuestion) -> SpotCheck:
        """Return the same with another question, or answer, in the place of one."""
        every = [*self.questions]
        every[number] = question
        objects = tuple(one for one in every if isinstance(one, ObjectQuestion))
        boxes = tuple(one for one in every if isinstance(one, BoxQuestion))
        return self.model_copy(update={"objects": objects, "boxes": boxes})


class SpotChecks(_Kept):
    """All spot checks of some labels, the newest last: what was said about labels that have changed since is kept."""

    version: Literal[1] = 1
    checks: tuple[SpotCheck, ...] = ()

    @classmethod
    def of(cls, metadata: Mapping[str, object]) -> SpotChecks:
        """Return those in the metadata of a layer.

        Raises
        ------
        InputError
            If they cannot be read.
        """
        try:
            return cls.model_validate(metadata.get(SPOT_CHECK_KEY, {}))
        except ValidationError:
            raise InputError(
                "The spot checks of these labels were written by another version of the plugin; update the plugin to go on."
            ) from None

    @property
    def newest(self) -> SpotCheck | None:
        """The one that was begun last."""
        return self.checks[-1] if self.checks else None

    def with_newest(self, check: SpotCheck) -> SpotChecks:
        """Return these with the newest one as it is now."""
        return self.model_copy(update={"checks": (*self.checks[:-1], check)})

    def begin(self, check: SpotCheck) -> SpotChecks:
        """Return these with one more; those to which nobody has answered anything are no loss."""
        kept = (one for one in self.checks if one.answered)
        return self.model_copy(update={"checks": (*kept, check)})

    def dumped(self) -> JsonObject:
        """Return what the metadata of a layer hold."""
        return self.model_dump(mode="json")
