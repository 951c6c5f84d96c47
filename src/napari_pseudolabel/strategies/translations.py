"""What segmenters have to know of the translations of a layer, so that they see every part of them alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging import IntensityRange, LayerStatistics
from napari_pseudolabel.imaging.statistics import ChannelStatistics
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.families import family_named
from napari_pseudolabel.strategies.survey import ModelFacts, Survey


def as_raw(translation: NDArray[np.float32], card: Card) -> NDArray[np.float32]:
    """Bring translated values in [0, 1] to the raw values a segmenter was trained on."""
    if card.normalisation.kind == "range":
        low, high = card.normalisation.low, card.normalisation.high
        return translation * np.float32(high - low) + np.float32(low)
    return translation * np.float32(family_named(card.family).brightest)


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
