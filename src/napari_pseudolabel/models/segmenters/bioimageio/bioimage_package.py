"""A package is a folder or a zip archive with a description; what it holds is read as data."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from napari_pseudolabel.budget import BUDGET, check_regular, open_regular, open_zip, parse_yaml, read_bytes
from napari_pseudolabel.errors import CheckpointError, FileError
from napari_pseudolabel.types import JsonObject

DESCRIPTIONS = ("rdf.yaml", "bioimageio.yaml")
"""The file that every package has, by either name."""

_ZIP = b"PK\x03\x04"
_PIECE = 2**20


@dataclass(frozen=True)
class BioimagePackage:
    """Files by name.

    Attributes
    ----------
    path
        A folder, or a zip archive.
    """

    path: Path

    @cached_property
    def description_name(self) -> str:
        """The name of its description; empty if it has none, and so is no package."""
        if self.path.is_dir():
            return next((one for one in DESCRIPTIONS if (self.path / one).is_file()), "")
        if self.path.suffix != ".zip":
            return ""
        with open_regular(self.path) as file:
            if not file.read(4).startswith(_ZIP):
                return ""
        with open_zip(self.path) as archive:
            names = archive.namelist()
        return next((one for one in DESCRIPTIONS if one in names), "")

    @cached_property
    def description(self) -> JsonObject:
        """What the description says; raises a FileError if it is none."""
        name = self.description_name
        if self.path.is_dir():
            content = read_bytes(self.path / name, BUDGET.yaml_bytes)
        else:
            with open_zip(self.path) as archive:
                if archive.getinfo(name).file_size > BUDGET.yaml_bytes:
                    raise FileError(f"{name} in {self.path.name} is too large for a description.")
                content = archive.read(name)
        said = parse_yaml(content, f"{name} of {self.path.name}")
        if not isinstance(said, dict):
            raise FileError(
                f"{name} of {self.path.name} is no description of a package; correct or replace it."
            )
        return said

    def has(self, source: str) -> bool:
        """Whether there is a file of that name in the package."""
        if _leaves(source):
            return False
        if self.path.is_dir():
            try:
                check_regular(self.path / source)
            except (OSError, FileError):
                return False
            # A link may lead out of the folder.
            return (self.path / source).resolve().is_relative_to(self.path.resolve())
        with open_zip(self.path) as archive:
            return source in archive.namelist()

    def unpacked(self, source: str) -> tuple[Path, TemporaryDirectory[str] | None]:
        """Return a file of the package as a file of its own, with what is called like it and more, such as ``NAME.data``.

        Returns
        -------
        path, folder
            The file, and the folder that goes when it is forgotten; None where the package is a folder itself.
        """
        if self.path.is_dir():
            return self.path / source, None
        folder = TemporaryDirectory(prefix="pseudolabel-", ignore_cleanup_errors=True)
        with open_zip(self.path) as archive:
            for entry in archive.infolist():
                if entry.filename.startswith(source) and not _leaves(entry.filename):
                    _copy(archive, entry, Path(folder.name) / PurePosixPath(entry.filename).name)
        return Path(folder.name) / PurePosixPath(source).name, folder

    def check(self, source: str, sha256: object) -> None:
        """Compare a file with what the description says of it.

        Raises
        ------
        CheckpointError
            If it is another.
        """
        if not isinstance(sha256, str):
            return
        if self.path.is_dir():
            with open_regular(self.path / source) as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            digest = hashlib.sha256()
            with open_zip(self.path) as archive, archive.open(source) as file:
                _feed(digest, iter(lambda: file.read(_PIECE), b""))
            found = digest.hexdigest()
        if found != sha256.lower():
            raise CheckpointError(
                f"{source} in {self.path.name} is not the file that its description names (another SHA-256); download the "
                "package again."
            )


def _feed(digest: hashlib._Hash, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        digest.update(piece)


def _copy(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    with archive.open(entry) as packed, path.open("xb") as file:
        shutil.copyfileobj(packed, file, _PIECE)


def _leaves(source: str) -> bool:
    """Whether a name leads out of the package, or somewhere that depends on the system."""
    parts = PurePosixPath(source).parts
    return not parts or source.startswith("/") or ".." in parts or "\\" in source or ":" in source
