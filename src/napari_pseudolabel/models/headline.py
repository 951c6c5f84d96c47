"""The one number per class that lists of models show; everything else that was measured stands on the card."""

from __future__ import annotations

from napari_pseudolabel.models.cards import Card

_MEASURES = ("Dice", "F1")
_ITS_TRANSLATOR = " (its translator)"


def headline(card: Card | None) -> str:
    """Return how good a model is in what it is mainly for, such as "axon .85 F1 .80 · myelin .79".

    Cards list what a model is mainly for first. Of that it is Dice for each class, with F1 of the objects where it was
    measured; numbers of other methods, which stand on the card for comparison, are left out. Of a fast version it is what it loses
    or wins against its translator, on the class where it loses most: it was measured on other images than translators are.

    Returns
    -------
    str
        Empty if nothing was measured.
    """
    if card is None or not card.quality:
        return ""
    values: dict[str, dict[str, float]] = {}
    for measure in card.quality:
        kind, _, name = measure.metric.partition(" ")
        if measure.data == card.quality[0].data and kind in _MEASURES and name:
            values.setdefault(name, {}).setdefault(kind, measure.value)
    dice = {name: found["Dice"] for name, found in values.items() if "Dice" in found}
    changes = [
        dice[name.removesuffix(_ITS_TRANSLATOR)] - value
        for name, value in dice.items()
        if name.endswith(_ITS_TRANSLATOR)
    ]
    if changes:
        change = f"{min(changes):+.2f}".replace("0.", ".").replace("-", "−")
        return "as its translator" if change.endswith(".00") else f"its translator's {change}"
    values = {name: found for name, found in values.items() if "(" not in name}
    return " · ".join(f"{name} {_told(found)}" for name, found in sorted(values.items()))


def _told(found: dict[str, float]) -> str:
    dice, f1 = (found.get(kind) for kind in _MEASURES)
    return " ".join(
        filter(None, ("" if dice is None else short(dice), "" if f1 is None else f"F1 {short(f1)}"))
    )


def short(value: float) -> str:
    """Return a number of [0, 1] as tables show it: ".85"."""
    return f"{value:.2f}".removeprefix("0")
