"""All strategies, one line each; the first is proposed. Everything that lists or finds one asks here."""

from __future__ import annotations

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.strategies.adaptation import ADAPTATION
from napari_pseudolabel.strategies.segmentation import SEGMENTATION
from napari_pseudolabel.strategies.strategy import Strategy
from napari_pseudolabel.strategies.translation import TRANSLATION
from napari_pseudolabel.strategies.tutorship import TUTORSHIP

STRATEGIES: tuple[Strategy, ...] = (
    ADAPTATION,
    TUTORSHIP,
    SEGMENTATION,
    TRANSLATION,
)


def known(name: str) -> Strategy | None:
    """The strategy of a name, None if there is none."""
    return next((one for one in STRATEGIES if one.name == name), None)


def offered() -> tuple[Strategy, ...]:
    """All strategies that make labels."""
    return tuple(one for one in STRATEGIES if one.labels)


def find(name: str) -> Strategy:
    """The strategy of a name that makes labels.

    Raises
    ------
    InputError
        If there is none.
    """
    found = known(name)
    if found is None or not found.labels:
        names = [one.name for one in offered()]
        raise InputError(f"There is no strategy “{name}”; use {', '.join(names[:-1])} or {names[-1]}.")
    return found
