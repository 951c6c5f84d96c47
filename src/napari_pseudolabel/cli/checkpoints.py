"""``pseudolabel inspect`` and ``pseudolabel models``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from napari_pseudolabel.cli.option_types import AsJson
from napari_pseudolabel.cli.output import show, table
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.wording import shown

if TYPE_CHECKING:
    from napari_pseudolabel.models import Card, Inspection, Modality


def inspect(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A file, a folder, or a name of `pseudolabel models`.")
    ],
    which: Annotated[int | None, typer.Option(help="Which generator of a SynDiff content.pth.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a checkpoint is, what its weights reveal and what is missing; nothing in it is executed."""
    from napari_pseudolabel.models import inspect_in_process

    (found,) = inspect_in_process([path], which)
    if found.usable or as_json:
        show(found.model_dump(mode="json"), "\n".join(map(shown, _lines(found))), as_json=as_json)
    if not found.usable:
        raise CheckpointError(found.problem or f"{path} cannot be used ({found.what}).")


def _lines(found: Inspection) -> Iterator[str]:
    yield f"{found.path}: {found.what}"
    card = found.card
    if card is not None:
        yield f"  {card.kind}, {_purpose(card)}"
        yield f"  pixel size: {_pixel_sizes(card)}"
        settings = {**card.architecture, **card.schedule}
        if settings:
            yield "  settings: " + ", ".join(f"{name}={value}" for name, value in settings.items())
        for measure in card.quality:
            yield f"  {measure.metric}: {measure.value:.3f} on {measure.data}"
    if found.parameters is not None:
        yield f"  weights: {found.parameters}"
    if found.sha256 is not None:
        yield f"  sha256: {found.sha256}"
    for title in ("contents", "inferred", "assumed", "missing"):
        if names := getattr(found, title):
            yield f"  {title}: {', '.join(names)}"
    yield from (f"  {warning}" for warning in found.warnings)


def models(as_json: AsJson = False) -> None:
    """List the checkpoints that can be called by name."""
    from napari_pseudolabel.models import models_folder, named_checkpoints

    named = named_checkpoints()
    data = {
        "models": [
            {
                "name": checkpoint.name,
                "path": str(checkpoint.path),
                "card": checkpoint.card.model_dump(mode="json") if checkpoint.card else None,
            }
            for checkpoint in named
        ],
        "folder": str(models_folder()),
    }
    rows = [
        (
            checkpoint.name,
            checkpoint.card.kind if checkpoint.card else "unknown",
            _purpose(checkpoint.card) if checkpoint.card else "no card: see `pseudolabel inspect`",
            _pixel_sizes(checkpoint.card) if checkpoint.card else "",
            _quality(checkpoint.card) if checkpoint.card else "",
        )
        for checkpoint in named
    ]
    text = (
        table(("name", "kind", "purpose", "pixel size", "quality"), rows)
        if rows
        else "There are no named checkpoints."
    )
    show(data, f"{text}\n\nPut your own into {models_folder()}; they are called user:NAME.", as_json=as_json)


def _purpose(card: Card) -> str:
    if card.kind == "translator":
        return " to ".join(
            modality.name if modality else "unknown" for modality in (card.source, card.target)
        )
    classes = ", ".join(f"{one.name}={one.value}" for one in card.classes) or "unknown classes"
    return f"{card.source.name}: {classes}" if card.source else classes


def _pixel_sizes(card: Card) -> str:
    sides = (card.source, card.target) if card.kind == "translator" else (card.source,)
    return " to ".join(_pixel_size(side) for side in sides)


def _pixel_size(modality: Modality | None) -> str:
    if modality is None or modality.pixel_size_um is None:
        return "unknown"
    return f"{modality.pixel_size_um:g} um"


def _quality(card: Card) -> str:
    return ", ".join(f"{measure.metric} {measure.value:.3f}" for measure in card.quality) or "not measured"
