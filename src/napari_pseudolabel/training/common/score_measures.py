"""The score of a validation as measures of a card."""

from __future__ import annotations

from napari_pseudolabel.models.cards import Measure
from napari_pseudolabel.training.common.training_events import Score


def measures_of(score: Score, data: str, *, on: str = "", command: str = "") -> tuple[Measure, ...]:
    """Return Dice of each class, then F1 of what people count.

    Parameters
    ----------
    data
        What it was measured on.
    on
        Stands behind the names, such as "synthetic images", where nobody may take the numbers for those of real images.
    command
        That prints them.
    """
    behind = f" on {on}" if on else ""
    return tuple(
        Measure(metric=f"{measure} {name}{behind}", value=round(value, 3), data=data, command=command)
        for measure, values in (("Dice", score.per_class), ("F1", score.f1))
        for name, value in values.items()
    )
