"""What was found out about a file or folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from napari_pseudolabel.models.assumed import assumed_line
from napari_pseudolabel.models.card_files import sidecar_path
from napari_pseudolabel.models.cards import Card


class Inspection(BaseModel):
    """What a path is.

    Attributes
    ----------
    path
        As resolved from a name.
    what
        A few words: "SynDiff generator".
    kind
        How it can be used; None if it cannot.
    usable
        Whether it can be loaded as it is, perhaps with assumptions.
    problem
        One sentence: why it cannot be used and what to do; None if it can.
    parameters
        Number of weights; None if unknown.
    contents
        The networks of an archive; the first is taken by default.
    inferred, assumed, missing
        Fields that the weights reveal, that were filled with the published default, and that are needed but
        unknown.
    warnings
        Sentences.
    card
        Everything that is known.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    what: str
    kind: Literal["translator", "segmenter"] | None = None
    usable: bool = False
    problem: str | None = None
    parameters: int | None = None
    sha256: str | None = None
    contents: tuple[str, ...] = ()
    inferred: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    card: Card | None = None


def useless(path: Path, what: str, problem: str, **more: object) -> Inspection:
    """Return what cannot be used, and one sentence about why."""
    return Inspection(path=str(path), what=what, problem=problem, **more)


def useful(path: Path, what: str, card: Card, *, note: tuple[str, ...] = (), **more: object) -> Inspection:
    """Return what can be used, with its card and sentences for the person."""
    from napari_pseudolabel.models.safe_load import sha256

    warnings = [*note, *card.notes]
    if assumed := assumed_line(card):
        warnings.append(assumed)
    if card.missing:
        warnings.append(f"Say what is missing in {sidecar_path(path).name} beside it, or where you use it.")
    return Inspection(
        path=str(path),
        what=what,
        kind=card.kind,
        usable=True,
        sha256=sha256(path),
        inferred=card.inferred,
        assumed=card.assumed,
        missing=card.missing,
        warnings=tuple(warnings),
        card=card,
        **more,
    )
