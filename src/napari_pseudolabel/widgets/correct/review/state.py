"""What must be known of a review after a restart; it lives in the metadata of the labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_pseudolabel.labels.review import TARGET, Box, Place
from napari_pseudolabel.labels.windows import window_of

if TYPE_CHECKING:
    from napari.layers import Labels

REVIEW_KEY = "napari_pseudolabel_review"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReviewRegion(_Frozen):
    """A region by its plane and its rectangle."""

    plane: tuple[int, ...] = ()
    box: Box

    @property
    def place(self) -> Place:
        """As the queue knows it."""
        return self.plane, self.box

    @property
    def window(self) -> tuple[slice, slice]:
        """Its part of Y and X."""
        return window_of(self.box)


class Reviewed(ReviewRegion):
    """A region that a person has accepted or mended.

    Attributes
    ----------
    tool
        "accept" or "fix".
    estimate
        Quality that was estimated before, not calibrated; None if the region had not been measured.
    truth
        Dice between what was predicted and what the person left there.
    path_px
        Boundary that was expected to be redrawn.
    seconds
        What it took.
    """

    tool: str = "accept"
    estimate: float | None = None
    truth: float = 1.0
    path_px: float = 0.0
    seconds: float = 0.0


class ReviewState(_Frozen):
    """How far a review is.

    Attributes
    ----------
    side
        Of the regions in pixels, once one was reviewed: regions must stay regions when labels change.
    target
        Quality that is wanted.
    done
        In the order in which they were reviewed.
    skipped
        For later, in the order in which they come again.
    """

    version: Literal[1] = 1
    side: int | None = None
    target: float = Field(TARGET, gt=0, le=1)
    done: tuple[Reviewed, ...] = ()
    skipped: tuple[ReviewRegion, ...] = ()

    @classmethod
    def of(cls, labels: Labels) -> ReviewState:
        """Return the state of a Labels layer; a fresh one if it has none that can be read."""
        try:
            return cls.model_validate(labels.metadata.get(REVIEW_KEY, {}))
        except ValidationError:
            return cls()

    def keep(self, labels: Labels) -> None:
        """Put it into the metadata of a Labels layer."""
        labels.metadata[REVIEW_KEY] = self.model_dump(mode="json")

    def accepted(self, region: Reviewed, side: int) -> ReviewState:
        """With a region that was reviewed; if it was before, the last time counts for the time, the first for the quality."""
        earlier = next((reviewed for reviewed in self.done if reviewed.place == region.place), None)
        if earlier is not None:
            kept = {"estimate": earlier.estimate, "truth": min(earlier.truth, region.truth)}
            region = region.model_copy(update=kept | {"seconds": earlier.seconds + region.seconds})
        return self.model_copy(
            update={
                "side": self.side or side,
                "done": (*(reviewed for reviewed in self.done if reviewed.place != region.place), region),
                "skipped": tuple(one for one in self.skipped if one.place != region.place),
            }
        )

    def skip(self, region: ReviewRegion) -> ReviewState:
        """With a region left for later."""
        others = tuple(review_region for review_region in self.skipped if review_region.place != region.place)
        return self.model_copy(
            update={"skipped": (*others, ReviewRegion(plane=region.plane, box=region.box))}
        )
