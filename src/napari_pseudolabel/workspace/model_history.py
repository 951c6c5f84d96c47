"""The models that were trained in a workspace, and which of them is in use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.atomic import write_bytes
from napari_pseudolabel.workspace.json_file import JsonFile, make_folder


class Scored(Protocol):
    """What `ModelHistory.add` needs of a score, such as `training.common.training_events.Score`."""

    @property
    def mean(self) -> float:
        """Over the classes."""

    @property
    def per_class(self) -> Mapping[str, float]:
        """By the name of the class."""

    @property
    def f1(self) -> Mapping[str, float]:
        """Of the objects that people count, by name."""


class ModelScore(BaseModel, frozen=True):
    """On the validation pixels: Dice, the mean without the background and of each class; and F1 of objects."""

    mean: float
    per_class: dict[str, float]
    f1: dict[str, float] = {}


class _Entry(BaseModel, frozen=True):
    id: str
    file: str  # inside of the workspace, so that the folder can be moved
    name: str
    parent: str
    date: datetime
    score: ModelScore | None = None
    before: ModelScore | None = None
    promoted: bool = False
    note: str = ""


class WorkspaceModel(_Entry, frozen=True):
    """A model of the workspace.

    Attributes
    ----------
    path
        Its ``.safetensors`` file; as text a reference that `models.registry` understands.
    parent
        Reference of the model it was trained from; empty if it began from nothing.
    score, before
        Of this model and of the one before it, on the same validation pixels; None where none was measured.
    promoted
        Whether it was found better and taken into use when it came.
    note
        A sentence for the person.
    """

    path: Path


class _Content(BaseModel):
    version: Literal[1] = 1
    current: str | None = None
    entries: list[_Entry] = []


class ModelHistory:
    """The list of models of a workspace: ``history.json`` and ``models/``.

    Parameters
    ----------
    folder
        The workspace; made by the first `add`.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._stored = JsonFile(self._folder / "history.json", _Content)

    def entries(self) -> tuple[WorkspaceModel, ...]:
        """All models, newest last.

        Raises
        ------
        InputError
            When the list is damaged.
        """
        return tuple(self._entry(entry) for entry in self._stored.read().entries)

    def add(
        self,
        checkpoint: bytes,
        *,
        name: str,
        parent: str,
        score: Scored | None = None,
        before: Scored | None = None,
        promoted: bool = False,
        note: str = "",
    ) -> WorkspaceModel:
        """Keep a model; a promoted one is in use from now on.

        Parameters
        ----------
        checkpoint
            Content of a ``.safetensors`` file with its card in the header.

        Raises
        ------
        InputError
            When it cannot be written, or the list is damaged; nothing was changed then.
        """
        with self._stored.changing() as content:
            number = len(content.entries) + 1
            slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "model"
            entry = _Entry(
                id=f"{number:04d}",
                file=f"models/{number:04d}-{slug}.safetensors",
                name=name,
                parent=parent,
                date=datetime.now(UTC).replace(microsecond=0),
                score=_score(score),
                before=_score(before),
                promoted=promoted,
                note=note,
            )
            make_folder(self._folder / "models")
            write_bytes(self._folder / entry.file, checkpoint)
            content.entries.append(entry)
            if promoted:
                content.current = entry.id
        return self._entry(entry)

    def current(self) -> str | None:
        """Return reference of the model in use; None for the model the workspace began with.

        Raises
        ------
        InputError
            When the list is damaged.
        """
        content = self._stored.read()
        found = [entry for entry in content.entries if entry.id == content.current]
        return str(self._folder / found[0].file) if found else None

    def choose(self, id: str | None) -> None:
        """Take a model into use; None for the one the workspace began with.

        Raises
        ------
        InputError
            When there is no such model or its file is gone, or the list cannot be changed.
        """
        with self._stored.changing() as content:
            found = [entry for entry in content.entries if entry.id == id]
            if id is not None and not found:
                raise InputError(f"There is no model {id} in the workspace {self._folder}; choose another.")
            if found and not (self._folder / found[0].file).is_file():
                raise InputError(
                    f"The file of the model “{found[0].name}” is gone from {self._folder / 'models'}; choose another."
                )
            content.current = id

    def _entry(self, one: _Entry) -> WorkspaceModel:
        return WorkspaceModel(path=self._folder / one.file, **dict(one))


def _score(score: Scored | None) -> ModelScore | None:
    return (
        None
        if score is None
        else ModelScore(mean=score.mean, per_class=dict(score.per_class), f1=dict(score.f1))
    )
