"""What the translations of a layer are like, measured once, so that a segmenter sees every part of them alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import IntensityRange, LayerStatistics
from napari_pseudolabel.imaging.statistics import ChannelStatistics, moments_of
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.strategies.chunks import ChunkJob
from napari_pseudolabel.strategies.survey import ModelFacts, Survey

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels


def as_raw(translation: NDArray[np.float32], card: Card) -> NDArray[np.float32]:
    """Bring translated values in [0, 1] to the raw values a segmenter was trained on.

    nnU-Net folders do not say their range; those of the method were trained on 8-bit images.
    """
    if card.normalisation.kind == "range":
        low, high = card.normalisation.low, card.normalisation.high
        return translation * np.float32(high - low) + np.float32(low)
    if card.family == "nnunet":
        return translation * np.float32(255)
    return translation


def of_translations(judge: ModelFacts, survey: Survey) -> LayerStatistics:
    """What a segmenter has to know of raw values as `as_raw` makes them."""
    need = judge.need
    limits = (
        IntensityRange(need.low, need.high)
        if need.kind == "range"
        else IntensityRange(0.0, 1.0, clip=need.kind != "none")
    )
    moments = None
    if need.moments:
        assert survey.translated is not None  # the second survey
        one, factor = survey.translated, float(as_raw(np.ones(1, np.float32), judge.card)[0])
        moments = replace(one, **{name: value * factor for name, value in vars(one).items()})
    return LayerStatistics((ChannelStatistics(limits, moments),))


@dataclass(frozen=True, eq=False)
class TranslationsJob:
    """Translate some places of a layer and measure them.

    Attributes
    ----------
    survey
        What is known of the models.
    chunks
        Spread over the layer. Noise belongs to positions, so they are always the same.
    """

    survey: Survey
    chunks: tuple[ChunkJob, ...]
    title: str = "Measuring the translation"

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """References of the models."""
        assert self.survey.translator is not None
        return (self.survey.translator.ref,)

    def run(self, control: Control, models: LoadedModels) -> Survey:
        """Do the work; the survey is complete afterwards."""
        parts = [chunk.run(control, models).translation for chunk in self.chunks]
        values = np.concatenate([part.ravel() for part in parts if part is not None])
        seen = values[np.isfinite(values)]  # nothing is translated where the image has no values
        return replace(self.survey, translated=moments_of(seen if seen.size else np.zeros(1, np.float32)))
