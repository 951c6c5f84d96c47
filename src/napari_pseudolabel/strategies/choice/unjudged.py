"""What a search does not judge: ways that need no labels, because nothing known tells a good one from a bad one, and untried ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from napari_pseudolabel.models.registry import card_of
from napari_pseudolabel.strategies.choice.ways import LabelWay
from napari_pseudolabel.strategies.object_options import ObjectOptions
from napari_pseudolabel.strategies.registry import offered
from napari_pseudolabel.strategies.strategy import LabelRequest, Strategy


def without_labels() -> tuple[Strategy, ...]:
    """List the strategies that find objects without a label or a model."""
    return tuple(one for one in offered() if issubclass(one.options or object, ObjectOptions))


def unjudged(prepared: Mapping[str, LabelRequest] | None = None) -> tuple[LabelWay, ...]:
    """List the ways without labels that can label at once.

    Parameters
    ----------
    prepared
        By name of the strategy: what is asked for after it learned from these very images; those that learned nothing are no ways.
    """
    return tuple(way for one in without_labels() for way in _ways(one, (prepared or {}).get(one.name)))


def learning_first(known: Collection[str] = ()) -> tuple[Strategy, ...]:
    """List the strategies that no search tries by itself, because they have to learn first.

    Parameters
    ----------
    known
        Names of those that have learned from these very images.
    """
    return tuple(
        one
        for one in offered()
        if one.preparation is not None and one.preparation.takes and one.name not in known
    )


def untried(tried: Iterable[LabelWay] = ()) -> str:
    """Say which ways a search did not try, because they have to learn first, and what they ask for; empty if there are none."""
    told = [f"“{one.title}” ({asked(one)})" for one in learning_first({way.strategy for way in tried})]
    return (
        f"Not tried, because they have to learn first: {', '.join(told)}. Choose one to compare it by eye."
        if told
        else ""
    )


def asked(strategy: Strategy) -> str:
    """Return what a strategy that learns first asks of a person, in a few words."""
    found = strategy.preparation
    return (
        ""
        if found is None
        else "; ".join(filter(None, (found.takes, found.brings and f"needs {found.brings}")))
    )


def _ways(strategy: Strategy, asked: LabelRequest | None) -> Iterator[LabelWay]:
    if strategy.preparation is None:
        assert strategy.options is not None
        yield LabelWay(strategy.title, "without labels", strategy.name, None, options=strategy.options())
    elif asked is not None and asked.segmenter is not None:
        yield LabelWay(
            strategy.title,
            "without labels",
            strategy.name,
            asked.segmenter,
            segmenter_card=card_of(asked.segmenter),
            options=asked.options,
            scale=asked.settings.scale,
        )
