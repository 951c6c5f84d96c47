"""Which temperature a run has: that of the cards, or one that was fitted on regions that a person confirmed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from napari_pseudolabel.labels.refitting import ConfidenceFit, ConfirmedRegion, refitted
from napari_pseudolabel.models.cards import CardCalibration
from napari_pseudolabel.strategies.label_settings import ModelUse
from napari_pseudolabel.strategies.survey import ModelFacts, Survey

_SHA = 12


def mark_of(models: Iterable[ModelUse]) -> str:
    """Return what tells models that label an image from others; empty where one of them is no file."""
    known = [model.sha256[:_SHA] for model in models if model.role != "tutor"]
    return "+".join(known) if all(known) else ""


def fit_for(survey: Survey, confirmed: Sequence[ConfirmedRegion], image: str = "") -> ConfidenceFit | None:
    """Return the temperature for the models of a survey; None for a mere translation.

    Parameters
    ----------
    confirmed
        By any models; those of others do not count.
    image
        Path or name of the image.
    """
    if not survey.segmenters:
        return None
    translated = survey.translator is not None
    heats = [
        1.0 if known is None else known.of(translated=translated)
        for known in (segmenter.card.calibration for segmenter in survey.segmenters)
    ]
    # As the members of an ensemble are put together.
    usual = float(np.exp(np.mean([math.log(heat) for heat in heats])))
    mark = mark_of(model.use for model in survey.models)
    return refitted([one for one in confirmed if mark and one.models == mark], usual, image)


def with_fit(survey: Survey, fit: ConfidenceFit | None) -> Survey:
    """Return a survey whose segmenters have this temperature; the same where it is that of their cards.

    A run that is done again has the temperature of the first time, although cards may have learned another one since.
    """
    if fit is None or fit_for(survey, ()) == ConfidenceFit(fit.temperature, fit.temperature):
        return survey
    temperature = fit.temperature

    def cooled(facts: ModelFacts) -> ModelFacts:
        known = facts.card.calibration or CardCalibration()
        fitted = known.model_copy(update={"temperature": temperature, "carried": temperature})
        return replace(facts, card=facts.card.model_copy(update={"calibration": fitted}))

    return replace(
        survey,
        segmenter=None if survey.segmenter is None else cooled(survey.segmenter),
        second_opinions=tuple(map(cooled, survey.second_opinions)),
    )


def told(fit: ConfidenceFit | None) -> tuple[str, ...]:
    """Return a note on a temperature that is not that of the cards."""
    if fit is None or not fit.regions:
        return ()
    change = "less" if fit.temperature > fit.usual else "more"
    where = "" if fit.images < 2 else f" in {fit.images} images"
    return (
        f"Confidence fitted on {fit.regions} confirmed regions of {fit.pixels} pixels{where}: {change} sure than the models by "
        f"themselves (temperature {fit.temperature:.2f}, usually {fit.usual:.2f}).",
    )
