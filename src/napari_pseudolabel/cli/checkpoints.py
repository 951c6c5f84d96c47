"""``pseudolabel inspect``, ``models`` and ``export-model``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_pseudolabel.cli.option_types import AsJson
from napari_pseudolabel.cli.output import show, table
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.wording import shown

if TYPE_CHECKING:
    from napari_pseudolabel.models import Card
    from napari_pseudolabel.models.registry import NamedCheckpoint

# Of a table, so that the name of a bundled model and two cells fit a line of 100 letters.
_USE, _QUALITY = 28, 26


def inspect(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="A file, a folder, or a name of `pseudolabel models`.")
    ],
    which: Annotated[int | None, typer.Option(help="Which generator of a SynDiff content.pth.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a checkpoint is, what its weights reveal and what is missing; nothing in it is executed."""
    from napari_pseudolabel.models import inspect_in_process
    from napari_pseudolabel.models.inspection_lines import lines_of

    (found,) = inspect_in_process([path], which)
    if found.usable or as_json:
        show(found.model_dump(mode="json"), "\n".join(map(shown, lines_of(found))), as_json=as_json)
    if not found.usable:
        raise CheckpointError(found.problem or f"{path} cannot be used ({found.what}).")


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
    text = "\n\n".join(_lists(named)) or "There are no named checkpoints."
    more = f"`pseudolabel inspect NAME` says more. Your own are called user:NAME; put them into\n{models_folder()}"
    show(data, f"{text}\n\n{more}", as_json=as_json)


def export_model(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A file, a folder, or a name of `pseudolabel models`.")
    ],
    output: Annotated[Path, typer.Argument(metavar="OUT.zip", help="The BioImage.IO package to write.")],
    author: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Who made the model; again for each. By default as its card says."),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="An image as the model sees them, of whose middle the test input is made; by default noise.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a segmenter as a BioImage.IO package (ONNX), validated and read back; for ilastik, deepImageJ and others."""
    from napari_pseudolabel.api.pack_models import export_model as write

    notes = write(model, output, authors=author or (), image=image)
    data = {"file": str(output), "notes": list(notes)}
    show(data, "\n".join([shown(str(output)), *notes]), as_json=as_json)


def _lists(named: Sequence[NamedCheckpoint]) -> Iterator[str]:
    """Make one table for translators, one for segmenters, and one for what has no card; lines of at most 100 letters."""
    from napari_pseudolabel.models.headline import headline

    heads = {
        "translator": ("translator", "from, to"),
        "segmenter": ("segmenter", "of, classes"),
        "": ("no card", ""),
    }
    for kind, head in heads.items():
        cards = {one.name: one.card for one in named if (one.card.kind if one.card else "") == kind}
        rows = [
            (name, _cut(_use(card), _USE), _cut(headline(card) or "not measured", _QUALITY))
            if card
            else (name, "see `pseudolabel inspect`", "")
            for name, card in cards.items()
        ]
        if rows:
            yield table((*head, "Dice, F1 of objects" if kind else ""), rows)


def _use(card: Card) -> str:
    """Say what a model is for in few words: modalities, or a modality and what is labelled in it."""
    if card.kind == "translator":
        from napari_pseudolabel.models.inspection_lines import purpose

        return purpose(card)
    names = ", ".join(one.name for one in card.classes if one.value) or "unknown classes"
    return f"{card.source.name}: {names}" if card.source else names


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]} …"
