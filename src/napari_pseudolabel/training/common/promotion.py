"""Whether a trained model takes the place of the one before."""

from __future__ import annotations

from dataclasses import dataclass

from napari_pseudolabel.training.common.training_events import Score


@dataclass(frozen=True)
class Promotion:
    """The verdict, and a sentence with both numbers."""

    promoted: bool
    sentence: str


def promotion(before: Score | None, best: Score) -> Promotion:
    """Compare the best step of a training with the model it started from.

    Parameters
    ----------
    before
        The model before, on the same validation pixels as `best`; None when the training began from nothing.
    best
        The best validation of the training; its step is 0 if nothing was trained.

    Returns
    -------
    Promotion
        Promoted only if the mean Dice is strictly better.
    """
    if best.step == 0:
        return Promotion(False, "The training was stopped before its first step, so nothing was learned.")
    if before is None:
        return Promotion(
            True,
            f"Dice {best.mean:.3f} on the validation pixels; there is no model before to compare with, "
            "so the new one is used from now on.",
        )
    digits = 3 if f"{best.mean:.3f}" != f"{before.mean:.3f}" or best.mean == before.mean else 6
    new, old = f"{best.mean:.{digits}f}", f"{before.mean:.{digits}f}"
    if best.mean > before.mean:
        return Promotion(
            True,
            f"Dice on the validation pixels rose from {old} to {new}; the new model is used from now on.",
        )
    return Promotion(
        False, f"Dice on the validation pixels is {new} and was {old} before; the model before stays in use."
    )
