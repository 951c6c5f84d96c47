"""Folders of several images, to which every export adds one: what was there stays, and is there in full or as before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting.sidecar import read_sidecar
from napari_pseudolabel.types import JsonObject

IMAGES = "images"
"""In the provenance of a set: that of each image, by its name in the set, with the names of its files."""
_FILES = "files"


@dataclass(frozen=True)
class GrowingSet:
    """A new version of a set that is being written.

    Attributes
    ----------
    folder
        Of the new version.
    case
        Name of the image that is added.
    others
        What is known of the other images.
    files
        Of the others, with the number by which the disk knows each.
    shared
        Names of files that are of all images.
    """

    folder: Path
    case: str
    others: Mapping[str, JsonObject]
    files: Mapping[str, int]
    shared: Collection[str]

    @classmethod
    def begun(
        cls, target: Path, folder: Path, case: str, source: object, shared: Collection[str]
    ) -> GrowingSet:
        """Bring into an empty folder what a set holds of other images; links, where the disk has such, cost nothing.

        Raises
        ------
        InputError
            If the set holds another image of that name.
        """
        images: dict[str, JsonObject] = {}
        if target.is_dir() and any(target.iterdir()):
            images = dict((read_sidecar(target).model_extra or {}).get(IMAGES, {}))
            shutil.copytree(target, folder, copy_function=_linked, dirs_exist_ok=True)
        before = images.pop(case, {})
        known = (before.get("source") or {}).get("path")
        wanted = (source or {}).get("path") if isinstance(source, Mapping) else None
        if known and wanted and Path(known).resolve() != Path(wanted).resolve():
            raise InputError(
                f"{target.name} holds another image called {case} ({known}); rename one, or choose another folder."
            )
        for name in before.get(_FILES, ()):
            folder.joinpath(name).unlink(missing_ok=True)
        files = {name: folder.joinpath(name).stat().st_ino for name in _files(folder)}
        return cls(folder, case, images, files, shared)

    def told(self, provenance: Mapping[str, Any]) -> JsonObject:
        """Return what is known of all images once this one is written.

        Raises
        ------
        InputError
            If a file of another image was replaced.
        """
        for name, one in self.others.items():
            for file in one.get(_FILES, ()):
                path = self.folder / file
                # What somebody deleted stays so, until its image is exported again.
                if (path.stat().st_ino if path.exists() else None) != self.files.get(file):
                    raise InputError(
                        f"{file} would be of {self.case} and of {name}, which is in the set already; rename one of the images."
                    )
        own = [name for name in _files(self.folder) if name not in self.files and name not in self.shared]
        return {**self.others, self.case: {**provenance, _FILES: own}}


def files_of(folder: Path, case: str) -> tuple[Path, ...]:
    """Return the files of one image in a set that was exported; none where it does not hold the image, or not all of it."""
    try:
        images = (read_sidecar(folder).model_extra or {}).get(IMAGES, {})
    except InputError:
        return ()
    found = tuple(folder / name for name in images.get(case, {}).get(_FILES, ()))
    return found if all(one.is_file() for one in found) else ()


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # a disk without links, or between two disks
        shutil.copy2(source, target)
    return target
