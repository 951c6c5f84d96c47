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


def evaluations_of(card: Card, asked: Evaluations) -> int:
    """Return how often the network of a translator sees every pixel, by its card alone; 0 where it has none."""
    if not card.architecture:
        return 0
    return len(steps_of(card, asked, _total(card)))


def fast_told(card: Card | None) -> str:
    """Return what the fast mode of a translator is worth, and how it is done.

    Returns
    -------
    str
        Empty where it was not measured.
    """
    known = card.evaluations if card is not None else None
    fast, quality = (known.scores.get(mode) if known else None for mode in ("fast", "quality"))
    if card is None or known is None or fast is None or quality is None:
        return ""
    total = _total(card)
    steps = steps_of(card, "fast", total)
    taken = f"step{'s'[: len(steps) > 1]} {', '.join(map(str, steps))} of {total}"
    cost = "" if fast.cost is None else f", {fast.cost:.2f} of the time"
    dice = ", ".join(
        f"{name} {value:.3f} for {quality.dice[name]:.3f}"
        for name, value in fast.dice.items()
        if name in quality.dice
    )
    return f"{taken}{cost}: Dice {dice} on {known.data}{'; usual' if known.usual == 'fast' else ''}"


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


def _total(card: Card) -> int:
    return int(card.schedule.get("num_timesteps") or 1)
