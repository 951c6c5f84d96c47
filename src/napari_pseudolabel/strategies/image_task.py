"""What is asked of an image: which planes and which part of it, and how."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel, Image
from napari_pseudolabel.strategies.settings import LabelSettings, Region
from napari_pseudolabel.strategies.survey import Survey


@dataclass(frozen=True, eq=False)
class ImageTask(ABC):
    """What all jobs on an image share.

    Attributes
    ----------
    image
        The image, lazily.
    settings
        How it is done.
    region
        Part of the last two axes; the whole plane when None. Statistics always come from the whole layer.
    planes
        Which planes of a stack; all when None.
    """

    image: Image
    settings: LabelSettings = field(default_factory=LabelSettings, kw_only=True)
    region: Region | None = field(default=None, kw_only=True)
    planes: tuple[tuple[int, ...], ...] | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def title(self) -> str:
        """What is being done, for the person."""

    @property
    def whole_region(self) -> Region:
        """The region, inside of the image."""
        height, width = self.image.shape[-2:]
        return self.region.clipped(height, width) if self.region else Region(0, 0, height, width)

    @property
    def plane_indices(self) -> tuple[tuple[int, ...], ...]:
        """Every plane that is worked on."""
        return tuple(self.image.planes()) if self.planes is None else self.planes

    def channels(self, survey: Survey) -> tuple[Channel | None, ...]:
        """Which channels of the image are read: the chosen one, or all where the segmenter takes several.

        Raises
        ------
        InputError
            If the image has another number of channels, or several models do not agree.
        """
        wanted = survey.models[0].channels
        for model in survey.models:
            if model.channels != wanted:
                raise InputError(
                    f"{model.use.name} takes {model.channels} channels, but {survey.models[0].use.name} "
                    f"{'makes' if survey.translator else 'takes'} {wanted}; choose models that fit each other."
                )
        if wanted == 1:
            return (self.settings.channel,)
        if self.image.channels != wanted:
            raise InputError(
                f"{self.image.name} has {self.image.channels} channel{'s'[: self.image.channels > 1]}, but "
                f"{survey.models[0].use.name} takes {wanted}; choose another image, or another segmenter."
            )
        return tuple(range(wanted))
