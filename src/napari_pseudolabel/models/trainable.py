"""Whether a model can be trained further here."""

from __future__ import annotations

from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.families import families, family_named
from napari_pseudolabel.models.fitting import channels_of


def why_untrainable(card: Card, name: str) -> str | None:
    """Say in one sentence why a segmenter cannot be trained further, and what to do; None if it can.

    Parameters
    ----------
    name
        As the person knows it.
    """
    if not family_named(card.family).trains:
        able = " and ".join(family.name for family in families("segmenter") if family.trains)
        return (
            f"The segmenter {name} ({card.family}) cannot be trained further here, only the plugin's own "
            f"({able}) can; choose one of those, or train a new one."
        )
    if (channels := channels_of(card)) != 1:
        return f"The segmenter {name} takes {channels} channels, but training uses one; choose another."
    return None
