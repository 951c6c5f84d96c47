"""By how much the image of a run is magnified, and what the person has to know of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.families import family_named
from napari_pseudolabel.models.grids import sizes_of
from napari_pseudolabel.strategies.chunks import ImageTask
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.scale_search import doubt_about
from napari_pseudolabel.strategies.survey import Survey

# Sizes that differ by fewer octaves are not worth a word.
_ALIKE = 0.5


@dataclass(frozen=True)
class DecidedScale:
    """The magnification of a run.

    Attributes
    ----------
    factor
        Pixels on the grid of the first model per pixel of the image.
    notes
        Sentences for the person: what was found, assumed, or looks wrong.
    found
        What was looked for, where it decides; None where the size is known.
    """

    factor: float
    notes: tuple[str, ...] = ()
    found: FoundScale | None = None


@dataclass(frozen=True, eq=False)
class RunScale:
    """All that decides about the magnification.

    Attributes
    ----------
    job
        The run; its whole image decides, whatever part of it is asked for.
    survey
        The models.
    found
        What was found, by this run or before it; None where nothing was looked for yet.
    """

    job: ImageTask
    survey: Survey
    found: FoundScale | None

    @property
    def wanted(self) -> bool:
        """Whether the scale has to be looked for."""
        asked = self.job.settings.find_scale
        unknown = bool(self._missing) and not family_named(self.survey.models[0].card.family).any_size
        return self.found is None and asked != "never" and (asked == "always" or unknown)

    def decided(self, control: Control) -> DecidedScale:
        """Return the magnification.

        Raises
        ------
        InputError
            If a size makes no sense, or the image cannot be read.
        """
        scale, found, missing = self.job.settings.scale, self.found, self._missing
        stated, why = scale.to_model(scale.asked_of(self.job.image.placement), *self._sizes)
        if missing:
            if found is None:
                return DecidedScale(stated, (why,))
            return DecidedScale(found.used, (f"{missing}. {found.sentence}",), found)
        if found is None or self.job.settings.find_scale != "always":
            return DecidedScale(stated, self._doubts(stated, control))
        if not found.sure:
            return DecidedScale(stated, (found.not_used,))
        return DecidedScale(found.factor, (found.sentence, *self._instead(stated, found.factor)), found)

    @property
    def _sizes(self) -> tuple[float | None, float | None]:
        return sizes_of(self.survey.models[0].card.source)

    @property
    def _missing(self) -> str:
        """What is not known about the size of things, as a clause."""
        scale = self.job.settings.scale
        return scale.missing(scale.asked_of(self.job.image.placement), self._sizes[0])

    def _doubts(self, stated: float, control: Control) -> tuple[str, ...]:
        """Say that the image does not look as if its size were right."""
        settings = self.job.settings
        if settings.scale.factor is not None or settings.find_scale == "never":
            return ()
        texture = doubt_about(self.job, self.survey, stated, control)
        if texture is None or texture.middle is None:
            return ()
        return self._instead(
            stated, texture.middle, " by the texture of the image; what is said was used. Check it"
        )

    def _instead(self, stated: float, better: float, why: str = "") -> tuple[str, ...]:
        """Say which size would fit better than the one that is known; nothing where they are alike."""
        scale = self.job.settings.scale
        objects = scale.object_size_px
        wrong = objects or scale.pixel_size_um or scale.asked_of(self.job.image.placement)
        if wrong is None or abs(math.log2(better / stated)) < _ALIKE:
            return ()
        # A larger magnification means larger pixels, but smaller objects.
        right = wrong * (stated / better if objects else better / stated)
        what, unit = ("Objects are", "px") if objects else ("A pixel is", "µm")
        return (f"{what} said to be {wrong:.3g} {unit} wide, but {right:.2g} {unit} would fit better{why}.",)
