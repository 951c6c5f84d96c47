"""The images that a workspace holds labels of, and how each of them stands."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from napari_pseudolabel.imaging.reading.file_images import FileImage
from napari_pseudolabel.imaging.reading.file_names import stem
from napari_pseudolabel.imaging.reading.read_request import Position
from napari_pseudolabel.strategies.finished_images import FinishedImages
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace import Workspace
from napari_pseudolabel.workspace.json_file import JsonFile

IMAGES = "images"
"""Folder of a workspace."""
_LIST = "list.json"
_LABELS, _KEPT = ".ome.tif", ".kept.zip"
# So that every file that belongs to it has a name that a disk can hold.
_LONGEST_NAME = 120

Standing = Literal["waiting", "labelled", "changed"]


class ListedImage(BaseModel, frozen=True):
    """An image of the list.

    Attributes
    ----------
    name
        Of its files in the workspace; it stays that of this image for ever, so that no labels come to another.
    path
        Of its file.
    position
        Which image of the file it is; None where that holds one.
    listed
        False once it was taken off the list; its labels stay.
    """

    name: str
    path: str
    position: Position | None = None
    listed: bool = True

    @property
    def file(self) -> FileImage:
        """What is to be read."""
        return FileImage(Path(self.path), self.name, self.position)

    @property
    def place(self) -> str:
        """Where it is, for the person."""
        return self.path if self.position is None else f"{self.path}, {self.position}"


class ListContent(BaseModel):
    """What the file of the list holds; `id` tells lists apart, wherever their workspaces are moved."""

    id: str = ""
    images: tuple[ListedImage, ...] = ()


@dataclass(frozen=True)
class ImageStanding:
    """How an image stands.

    Attributes
    ----------
    kind
        No labels yet, labelled by a run, or changed by a person since.
    told
        What the run told of its labels; empty without.
    """

    kind: Standing
    told: JsonObject


class ImageList:
    """The images of a workspace in the order in which they were added; several programs may have it open.

    Beside the list lie the labels of each image as the last run wrote them (``NAME.ome.tif`` with confidence and
    provenance), and what is shown and decided since it was opened (``NAME.kept.zip``, see `KeptLabels`), into which no run
    writes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.finished = FinishedImages(folder)
        self._file = JsonFile(folder / _LIST, ListContent)

    @classmethod
    def of(cls, workspace: Workspace) -> ImageList:
        """Return the list of a workspace, which may be empty."""
        return cls(workspace.folder / IMAGES)

    @property
    def id(self) -> str:
        """By what the list is known; empty while nothing was ever added."""
        return self._file.read().id

    def images(self) -> tuple[ListedImage, ...]:
        """Return what is listed; raises as `JsonFile.read` does."""
        return tuple(one for one in self._file.read().images if one.listed)

    def named(self, name: str) -> ListedImage | None:
        """Return an image by its name, also one that was taken off the list."""
        return next((one for one in self._file.read().images if one.name == name), None)

    def add(self, images: Iterable[str | Path | FileImage]) -> tuple[ListedImage, ...]:
        """List images that are not listed yet; what was taken off the list comes back with its labels.

        Parameters
        ----------
        images
            Files that hold one image, or images of files; see `images_in_files`.

        Returns
        -------
        tuple of ListedImage
            What is new.

        Raises
        ------
        InputError
            When the workspace cannot be written to.
        """
        wanted = {_key(one): one.name for one in map(_as_image, images)}
        with self._file.changing() as content:
            content.id = content.id or uuid.uuid4().hex
            known = {(one.path, one.position): one for one in content.images}
            taken = {_folded(one.name) for one in content.images}
            added = []
            for key, own_name in wanted.items():
                before = known.get(key)
                if before is not None and before.listed:
                    continue
                name = _free_name(own_name, taken) if before is None else before.name
                taken.add(_folded(name))
                path, position = key
                added.append(ListedImage(name=name, path=path, position=position))
            again = {one.name for one in added}
            content.images = (*(one for one in content.images if one.name not in again), *added)
        return tuple(added)

    def take_off(self, names: Collection[str]) -> None:
        """List images no more; their labels stay where they are, for when they are added again."""
        with self._file.changing() as content:
            content.images = tuple(
                one.model_copy(update={"listed": False}) if one.name in names else one
                for one in content.images
            )

    def labels_path(self, one: ListedImage) -> Path:
        """Where a run writes the labels of an image."""
        return self.folder / f"{one.name}{_LABELS}"

    def kept_path(self, one: ListedImage) -> Path:
        """Where is kept what is shown and decided since an image was opened."""
        return self.folder / f"{one.name}{_KEPT}"

    def standing(self, one: ListedImage) -> ImageStanding:
        """Say how an image stands; answers at once."""
        told = self.finished.last(self.labels_path(one)) or {}
        if self.kept_path(one).is_file():
            return ImageStanding("changed", told)
        return ImageStanding("labelled" if told else "waiting", told)


def _as_image(one: str | Path | FileImage) -> FileImage:
    return one if isinstance(one, FileImage) else FileImage(Path(one), stem(Path(one)))


def _key(one: FileImage) -> tuple[str, Position | None]:
    return str(one.path.expanduser().absolute()), one.position


def _free_name(wanted: str, taken: Collection[str]) -> str:
    plain = wanted[:_LONGEST_NAME].lstrip(".") or "image"
    numbered = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in numbered if _folded(name) not in taken)


def _folded(name: str) -> str:
    """Return what names have in common that are one file on some disks."""
    return unicodedata.normalize("NFC", name).casefold()
