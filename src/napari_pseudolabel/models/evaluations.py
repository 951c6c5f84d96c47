"""How often the network of a diffusion is asked for a translation: all its steps, a few that do nearly as well, or the first."""

from __future__ import annotations

from typing import Literal, get_args

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.cards import Card, EvaluationMode

Evaluations = Literal["auto", "quality", "fast", "preview"]
"""What a person asks for; ``auto`` is what the card of the translator says."""


def mode_of(card: Card, asked: Evaluations) -> EvaluationMode:
    """Return what is meant by what was asked for: ``auto`` is fast where that was measured to cost next to nothing.

    Raises
    ------
    InputError
        If there is no such mode.
    """
    if asked not in get_args(Evaluations):
        raise InputError(f"A translation cannot be made by “{asked}”; choose auto, quality, fast or preview.")
    if asked != "auto":
        return asked
    return "quality" if card.evaluations is None else card.evaluations.usual


def steps_of(card: Card, asked: Evaluations, total: int) -> tuple[int, ...]:
    """Return the steps of a diffusion that are evaluated, in their order.

    Parameters
    ----------
    total
        How many steps it has; 1 for translators that are no diffusion.

    Returns
    -------
    tuple of int
        The first is always ``total - 1``, where there is nothing but noise yet. Quality takes all of them, preview the
        first, fast those that the card says, else the first and the last.
    """
    mode, first = mode_of(card, asked), total - 1
    if mode == "quality" or not first:
        return tuple(range(first, -1, -1))
    if mode == "preview":
        return (first,)
    known = card.evaluations
    return (first, 0) if known is None or not known.fast else known.fast
