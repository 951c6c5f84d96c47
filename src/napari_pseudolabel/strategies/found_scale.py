"""The magnification at which the models agree best with themselves, and what speaks for it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class TriedScale:
    """What the models made of the image at one magnification.

    Attributes
    ----------
    factor
        Pixels on the grid of the first model per pixel of the image.
    agreement
        Mean Dice of mirrored looks, in [0, 1].
    foreground
        Share of the pixels that are not background, in [0, 1].
    wider
        By how many octaves the objects that were found are wider than those that the model learned from; None where none was found, or
        images were not brought to that size.
    """

    factor: float
    agreement: float
    foreground: float
    wider: float | None = None


@dataclass(frozen=True)
class FoundScale:
    """A magnification that was found, or could not be.

    Attributes
    ----------
    factor
        Pixels on the grid of the first model per pixel of the image; a proposal where it is not sure.
    sure
        Whether it is used without asking.
    why
        What speaks against it, as a clause; empty where it is sure.
    agreement
        Of the looks at this magnification, in [0, 1]; None where no model looked.
    spread
        By how much the agreement differs over what was tried.
    by_correlation, by_spectrum
        What the texture of the image says by itself, compared with the training images; None where it says nothing.
    object_size_px
        Width of a typical object of the model at this magnification, in pixels of the image; None if unknown.
    tried
        All magnifications that were looked at, ascending.
    grid
        Pixel size in um and object size in pixels on the grid of the first model, None where it does not say.
    models
        Sums of the models that looked; empty where any of this grid may use it, and as older versions wrote it.
    """

    factor: float
    sure: bool
    why: str = ""
    agreement: float | None = None
    spread: float = 0.0
    by_correlation: float | None = None
    by_spectrum: float | None = None
    object_size_px: float | None = None
    tried: tuple[TriedScale, ...] = ()
    grid: tuple[float | None, float | None] = (None, None)
    models: tuple[str, ...] = ()

    def fits(self, grid: tuple[float | None, float | None], models: tuple[str, ...] = ()) -> bool:
        """Whether it can be used for models of this grid; by their sums, where these are known: a file may hold others since."""
        same = not self.models or not models or self.models == models
        return same and (self.grid == (None, None) or self.grid == grid)

    @property
    def used(self) -> float:
        """The magnification of a run that nobody told another: as it is where nothing is sure."""
        return self.factor if self.sure else 1.0

    @property
    def typical_px(self) -> float | None:
        """Width of the objects that were found, in pixels of the image; None where nothing is sure, or none was measured."""
        if not self.sure or self.object_size_px is None or not self.tried:
            return None
        wider = min(self.tried, key=lambda one: abs(math.log2(one.factor / self.factor))).wider
        return None if wider is None else self.object_size_px * 2**wider

    @property
    def evidence(self) -> str:
        """What speaks for it, in a few words."""
        if self.agreement is not None:
            return f"looks agree {self.agreement:.2f}"
        return "by texture"

    @property
    def sentence(self) -> str:
        """For the person: what was found, or why nothing is claimed and what may fit."""
        if self.sure:
            return f"Magnified {self.factor:.3g} times (found; {self.evidence})."
        told = f"The scale was not found, because {self.why}; the image was used as it is."
        if self.factor == 1.0:
            return told
        return f"{told} Magnified {self.factor:.3g} times may fit better ({self.evidence}): look at it before you use it."

    @property
    def not_used(self) -> str:
        """For the person whose image has a size that stays in use."""
        return f"A better scale was looked for and not found, because {self.why}; the size that is known was used."
