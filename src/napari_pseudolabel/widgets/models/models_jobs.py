"""Jobs of the Models dock; they run where the files are, never in the window."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models import (
    Inspection,
    NamedCheckpoint,
    inspect_in_process,
    models_folder,
    named_checkpoints,
)
from napari_pseudolabel.models.card_files import card_shaped, complete, sidecar_path, write_sidecar
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.families import files_of
from napari_pseudolabel.models.model_zoo import ZooModel, get, zoo_models
from napari_pseudolabel.types import JsonObject

_PIECE = 2**22
OWN = "user:"
_SHIPPED = "sample:"


@dataclass(frozen=True)
class ListedModel:
    """A model in the list.

    Attributes
    ----------
    ref
        Its name.
    path
        The file or folder.
    size
        Bytes of all its files.
    card
        None if nobody knows what it is.
    problem
        Why it cannot be used, one sentence; empty if it can.
    zoo
        Where it is to be had, for one that is not on this computer yet.
    """

    ref: str
    path: Path
    size: int = 0
    card: Card | None = None
    problem: str = ""
    zoo: ZooModel | None = None

    @property
    def own(self) -> bool:
        """Whether it is on this computer because of the person, and did not come with the plugin."""
        return self.here and not self.ref.startswith(_SHIPPED)

    @property
    def here(self) -> bool:
        """Whether it is on this computer."""
        return self.zoo is None

    @property
    def title(self) -> str:
        """Its name for the person."""
        return (self.card.name if self.card else "") or self.ref.partition(":")[2]


def facts_of(named: NamedCheckpoint, found: Inspection | None = None) -> ListedModel:
    """Return what is known of a named model; `found` is what was found in one without a card."""
    card = named.card or (found.card if found else None)
    size = sum(one.stat().st_size for one in files_of(named.path))
    return ListedModel(named.name, named.path, size, card, (found.problem or "") if found else "")


@dataclass(frozen=True)
class ListModels:
    """List the named models; files that do not say what they are are looked at in a process of its own."""

    title: str = "Looking for models"

    def run(self, control: Control, models: object) -> tuple[ListedModel, ...]:
        """List them, those of the person first."""
        named = named_checkpoints()
        looked_at = inspect_in_process([one.path for one in named if one.card is None], check=control.check)
        found = [facts_of(one, next(looked_at) if one.card is None else None) for one in named]
        return tuple(sorted(found, key=lambda one: not one.own))


@dataclass(frozen=True)
class ListZoo:
    """List the models of the zoo that are not on this computer.

    Attributes
    ----------
    files
        Zoo files, before those of the environment and of the person's folder.
    """

    files: tuple[Path, ...] = ()
    title: str = "Reading the zoo"

    def run(self, control: Control, models: object) -> tuple[ListedModel, ...]:
        """List them.

        Raises
        ------
        InputError
            If a file is missing, or is no zoo.
        """
        return tuple(_elsewhere(one) for one in zoo_models(self.files) if not one.here)


@dataclass(frozen=True)
class GetModel:
    """Download a model of the zoo, which has a name from then on."""

    model: ZooModel
    title: str = "Getting a model"

    def run(self, control: Control, models: object) -> str:
        """Download it; returns its name. Raises as `model_zoo.get` does."""
        get(self.model, control)
        return self.model.ref


def _elsewhere(model: ZooModel) -> ListedModel:
    said = card_shaped(model.card)
    told = "kind" in said and "family" in said
    return ListedModel(model.ref, model.path, card=complete(said, model.path) if told else None, zoo=model)


@dataclass(frozen=True)
class LookIntoModel:
    """Find out all about a file or folder."""

    path: str
    title: str = "Looking into the file"

    def run(self, control: Control, models: object) -> Inspection:
        """Look at it in a process of its own."""
        (found,) = inspect_in_process([self.path], check=control.check)
        return found


@dataclass(frozen=True)
class AddModel:
    """Copy a model, with its card, into the person's folder of models, where it has a name.

    Attributes
    ----------
    answers
        What the card says beside what it said before.
    """

    path: str
    answers: JsonObject = field(default_factory=dict)
    title: str = "Adding a model"

    def run(self, control: Control, models: object) -> str:
        """Copy it; returns its name.

        Raises
        ------
        InputError
            If there is one of that name, or it cannot be used with these answers; nothing was added.
        """
        source, folder = Path(self.path).absolute(), models_folder()
        target = folder / source.name
        if target.exists():
            raise InputError(
                f"There is a model called {source.name} already; remove it first, or rename the file."
            )
        folder.mkdir(parents=True, exist_ok=True)
        # Names that begin with a dot are not listed.
        aside = folder / f".adding-{source.name}"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            aside.mkdir()
            self._copy(source, aside, control)
            (found,) = inspect_in_process([aside / source.name], check=control.check)
            if not found.usable:
                raise InputError(found.problem or f"{source.name} cannot be used.")
            # The model last: until then there is none.
            for one in sorted(aside.iterdir(), key=lambda one: one.name == source.name):
                one.replace(folder / one.name)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        names = {one.path: one.name for one in named_checkpoints()}
        return names.get(target, f"{OWN}{source.stem}")

    def _copy(self, source: Path, aside: Path, control: Control) -> None:
        files, card = [*files_of(source)], sidecar_path(source)
        if card.is_file():
            files.append(card)
        stage = control.stage("Copying", max(sum(one.stat().st_size for one in files), 1))
        for one in files:
            target = aside / one.relative_to(source.parent)
            target.parent.mkdir(parents=True, exist_ok=True)
            with one.open("rb") as reading, target.open("wb") as writing:
                while piece := reading.read(_PIECE):
                    writing.write(piece)
                    stage.advance(len(piece))
        if self.answers:
            from napari_pseudolabel.models.card_files import overlay, read_sidecar

            said = read_sidecar(aside / source.name) or {}
            overlay(said, self.answers)
            write_sidecar(aside / source.name, said)


@dataclass(frozen=True)
class PackModel:
    """Write a segmenter as a BioImage.IO package; `author` is who made it, empty where its card says."""

    path: str
    target: str
    author: str = ""
    title: str = "Exporting a model"

    def run(self, control: Control, models: object) -> tuple[str, ...]:
        """Write it; returns sentences about what it does not say."""
        from napari_pseudolabel.api.pack_models import export_model

        authors = [self.author] if self.author else []
        return export_model(self.path, self.target, authors=authors, control=control)


def belongings(path: Path) -> Iterator[Path]:
    """Yield what has to go with a model: the folder or its files, and its card."""
    yield from (path,) if path.is_dir() else files_of(path)
    if (card := sidecar_path(path)).is_file():
        yield card


def listed_by(kind: str, models: Sequence[ListedModel]) -> list[ListedModel]:
    """Return the models of a kind, in their order; all if `kind` is empty."""
    return [one for one in models if not kind or (one.card is not None and one.card.kind == kind)]
