"""All strategies, one line each; the first is proposed. Everything that lists or finds one asks here."""

from __future__ import annotations

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.strategies.adaptation import ADAPTATION
from napari_pseudolabel.strategies.choice.auto import AUTO
from napari_pseudolabel.strategies.cycled import CYCLED
from napari_pseudolabel.strategies.grounding import PHRASES
from napari_pseudolabel.strategies.otsu import OTSU
from napari_pseudolabel.strategies.regions import (
    ATTENTION_REGIONS,
    FEATURE_REGIONS,
    GREY_REGIONS,
    QUERY_REGIONS,
    SLIC_REGIONS,
)
from napari_pseudolabel.strategies.rendered import RENDERED
from napari_pseudolabel.strategies.segmentation import SEGMENTATION
from napari_pseudolabel.strategies.self_training import SELF_TRAINING
from napari_pseudolabel.strategies.strategy import LabelRequest, Strategy
from napari_pseudolabel.strategies.translation import TRANSLATION
from napari_pseudolabel.strategies.tutorship import TUTORSHIP
from napari_pseudolabel.strategies.zero_shot import ZERO_SHOT

STRATEGIES: tuple[Strategy, ...] = (
    ADAPTATION,
    TUTORSHIP,
    SEGMENTATION,
    OTSU,
    RENDERED,
    CYCLED,
    GREY_REGIONS,
    FEATURE_REGIONS,
    SLIC_REGIONS,
    ATTENTION_REGIONS,
    QUERY_REGIONS,
    PHRASES,
    SELF_TRAINING,
    ZERO_SHOT,
    TRANSLATION,
)


def get(name: str) -> Strategy | None:
    """Return the strategy of a name, None if there is none."""
    return next((strategy for strategy in (*STRATEGIES, AUTO) if strategy.name == name), None)


def offered() -> tuple[Strategy, ...]:
    """All strategies that make labels."""
    return tuple(strategy for strategy in STRATEGIES if strategy.labels)


def listed() -> tuple[Strategy, ...]:
    """All strategies that make labels, and the one that finds out which of them to take."""
    return (*offered(), AUTO)


def by_roles(request: LabelRequest) -> Strategy:
    """Return the strategy that models stand for where none is named: translate and segment, or one of the two."""
    if request.translator is None:
        return SEGMENTATION
    return TRANSLATION if request.segmenter is None else ADAPTATION


def find(name: str) -> Strategy:
    """Return the strategy of a name that makes labels.

    Raises
    ------
    InputError
        If there is none.
    """
    found = get(name)
    if found is None or not found.labels:
        names = [strategy.name for strategy in listed()]
        raise InputError(f"There is no strategy “{name}”; use {', '.join(names[:-1])} or {names[-1]}.")
    return found
