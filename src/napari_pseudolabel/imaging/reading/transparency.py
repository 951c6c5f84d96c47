"""What the transparency of a picture hides: colours are stored there that no viewer shows."""

from __future__ import annotations

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.types import Array


def unseen_words(alpha: Array) -> tuple[str, ...]:
    """Return a sentence if there are transparent pixels; `alpha` is 0 there."""
    unseen = float((alpha == 0).mean())
    return (f"It is transparent on {unseen:.1%}, where the stored colours were used.",) if unseen else ()


def refuse_hidden_labels(values: Array, alpha: Array, name: str) -> None:
    """Refuse labels where nobody can tell whether what is stored under transparent pixels is meant.

    Parameters
    ----------
    values
        (..., S) colours or grey levels, without the transparency.
    alpha
        (...): 0 where it is transparent.
    name
        Of the file, for the sentence.

    Raises
    ------
    InputError
        If a transparent pixel has a value.
    """
    hidden = (alpha == 0) & values.any(axis=-1)
    if hidden.any():
        raise InputError(
            f"{name} is transparent on {float(hidden.mean()):.1%} where a value is stored, so it is not known what is labelled there; "
            "save the labels without transparency."
        )
