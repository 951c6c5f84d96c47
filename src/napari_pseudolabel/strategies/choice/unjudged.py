"""Ways that need no labels: shown beside those that are judged, because nothing known tells a good one of them from a bad one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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


def untried(prepared: Mapping[str, LabelRequest] | None = None) -> str:
    """Say which ways without labels no search tries by itself, because they have to learn first; empty if there are none."""
    titles = [
        f"“{one.title}”"
        for one in without_labels()
        if one.preparation is not None and one.name not in (prepared or {})
    ]
    return (
        f"Not tried, because they learn from the images first: {', '.join(titles)}. Choose one to compare it by eye."
        if titles
        else ""
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
