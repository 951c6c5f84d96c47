"""How long a labelling job will take: from what such jobs took on this machine, or from how fast its models are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.evaluations import evaluations_of
from napari_pseudolabel.models.families import family_named
from napari_pseudolabel.models.grids import magnification, sizes_of
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.label_settings import LabelSettings
from napari_pseudolabel.strategies.model_speed import ModelSpeed

# As the shipped models take them on one thread of an x86_64 machine; a GPU is some 60 times as fast. Only until the models that
# are chosen have been measured.
_USUAL, _GPU = ModelSpeed(3.5e-6, 1.5e-6), 60
# Usual tiles of translators and segmenters, and what neighbours share.
_TILE, _SHARED = 128, 16
_WIDE, _COMMON = 256, 32
# What is done beside the networks on their grid.
_BESIDE = 1.2
# Resampling, confidence and islands, for a pixel of the image and each look: where pixels are much finer than those of the models,
# most of the work.
_PIXEL_S = 2.5e-7
# A search looks at so many pixels, twice, at so many magnifications where the card knows the texture; else at twice as many.
_LOOKED_AT_PX, _MAGNIFICATIONS = 400**2, 5


@dataclass(frozen=True)
class RunCost:
    """What decides how long a job takes on a machine.

    Attributes
    ----------
    kind
        Models, device and looks: jobs of the same kind take the same time for the same work.
    plane
        (H, W) of the image.
    evaluations, looks
        How often the translator and the segmenter see a pixel.
    factor
        Pixels of the first model's grid per pixel of the image, along an axis.
    step
        Pixels of the segmenter's grid per pixel of that grid.
    gpu
        Whether it runs on one.
    magnifications
        At which the scale is looked for first; 0 where it is known.
    """

    kind: str
    plane: tuple[int, int]
    evaluations: int
    looks: int
    factor: float
    step: float = 1.0
    gpu: bool = False
    magnifications: int = 0

    @classmethod
    def of(
        cls,
        settings: LabelSettings,
        image: Image,
        translator: Card | None,
        segmenter: Card | None,
        *,
        gpu: bool,
        found: FoundScale | None = None,
    ) -> RunCost:
        """Return what is known before models are loaded.

        Parameters
        ----------
        translator, segmenter
            Those of the job.
        gpu
            Whether there is one.
        found
            The scale, where it was looked for before.
        """
        alone = segmenter is not None and family_named(segmenter.family).own_objects
        looks = 0 if segmenter is None else 1 if alone else settings.samples * (settings.flips + 1)
        evaluations = (
            0 if translator is None else settings.samples * evaluations_of(translator, settings.evaluations)
        )
        device = settings.tiles.device
        if device == "auto":
            device = "gpu" if gpu else "cpu"
        names = [card.name or card.family for card in (translator, segmenter) if card is not None]
        kind = " | ".join((*names, device, f"{evaluations} steps", f"{looks} looks", settings.mode))
        first, scale = translator or segmenter, settings.scale
        source = first.source if first is not None else None
        searched = False
        try:
            sizes, asked = sizes_of(source), scale.asked_of(image.placement)
            factor, _ = scale.to_model(asked, *sizes)
            any_size = first is not None and family_named(first.family).any_size
            missing = bool(scale.missing(asked, sizes[0])) and not any_size
            if found is not None and missing:
                factor = found.used
            searched = found is None and (
                settings.find_scale == "always" or (missing and settings.find_scale != "never")
            )
        except InputError:
            factor = 1.0  # the job will say what is wrong
        between = translator.target if translator is not None else source
        step = magnification(between, segmenter.source if segmenter is not None else None)
        tried = _MAGNIFICATIONS * (1 if source is not None and source.texture is not None else 2)
        height, width = image.shape[-2:]
        return cls(
            kind, (height, width), evaluations, looks, factor, step, device != "cpu", tried if searched else 0
        )

    def seconds(self, shape: tuple[int, int], planes: int = 1, rate: float = 1.0) -> float:
        """Return about how long so many planes of a shape (H, W) take.

        Parameters
        ----------
        rate
            How many times as long as usual such work takes here, as `rate` and `rate_at` tell it.
        """
        usual = ModelSpeed(_USUAL.translator / _GPU, _USUAL.segmenter / _GPU) if self.gpu else _USUAL
        return rate * self._work(shape, planes, usual)

    def rate(self, shape: tuple[int, int], planes: int, seconds: float, report_factor: float) -> float:
        """Return how many times as long as usual a job took, at the magnification that it was done with."""
        return seconds / replace(self, factor=report_factor).seconds(shape, planes)

    def rate_at(self, speed: ModelSpeed) -> float:
        """Return how many times as long as usual models take that were measured."""
        return self._work(self.plane, 1, speed) / self.seconds(self.plane)

    def _work(self, shape: tuple[int, int], planes: int, speed: ModelSpeed) -> float:
        seen, judged = 1.0, 1.0
        for side, whole in zip(shape, self.plane, strict=True):
            wide, all_of = side * self.factor, whole * self.factor
            if self.looks:
                covered = _covered(wide * self.step, all_of * self.step, _WIDE, _COMMON)
                judged *= covered
                wide = min(covered / self.step, all_of)
            seen *= _covered(wide, all_of, _TILE, _SHARED)
        each = self.evaluations * seen * speed.translator + self.looks * judged * speed.segmenter
        looked_at = min(_LOOKED_AT_PX, math.prod(self.plane)) * (_TILE / (_TILE - _SHARED)) ** 2
        one = (speed.translator if self.evaluations else 0.0) + 2 * self.step**2 * speed.segmenter
        own = planes * math.prod(shape) * (self.looks + 1) * _PIXEL_S
        return _BESIDE * (planes * each + self.magnifications * looked_at * one) + own


def _covered(side: float, whole: float, tile: int, shared: int) -> float:
    """Pixels of the tiles along an axis that decide about a part of it, wherever it lies; for the whole axis without a ring."""
    most = max((whole - shared) / (tile - shared), 1.0)
    return min((side + tile) / (tile - shared), most) * min(tile, whole + shared)
