"""The images of a file that holds several: fields of a plate, scenes, series; each is one like a file of its own."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from napari_pseudolabel.errors import InputError, SeveralImages
from napari_pseudolabel.imaging.image import Image
from napari_pseudolabel.imaging.reading.file_names import (
    MICROSCOPE_SUFFIXES,
    TIFF_SUFFIXES,
    images_in,
    is_image,
    stem,
)
from napari_pseudolabel.imaging.reading.image_files import ReadOptions, ask_which
from napari_pseudolabel.imaging.reading.read_request import Position
from napari_pseudolabel.imaging.reading.source import chosen_position

_FIELD = re.compile(r"([A-Za-z]+)/(\d+)/([^/]+)")  # row, column and field of a plate

_OF_SEVERAL = (".zarr", *TIFF_SUFFIXES, *MICROSCOPE_SUFFIXES)


@dataclass(frozen=True)
class FileImage:
    """An image to be read.

    Attributes
    ----------
    path
        Its file.
    name
        By which its results are called.
    position
        Which image of the file it is; None where that holds one.
    """

    path: Path
    name: str
    position: Position | None = None

    @property
    def title(self) -> str:
        """As the person knows it: the file, or its own name among the others of the file."""
        return self.path.name if self.position is None else self.name

    def read(self, reading: ReadOptions | None = None) -> Image:
        """Read it; one of several goes by its own name, and so do the notes about it.

        Raises
        ------
        InputError
            As `read`.
        """
        reading = reading or ReadOptions()
        if self.position is None:
            return reading.image(self.path)
        image = replace(reading, position=self.position).image(self.path)
        start = f"{self.path.name}: "
        notes = tuple(f"{self.name}: {note.removeprefix(start)}" for note in image.notes)
        return replace(image, name=self.name, notes=notes)


def images_at(path: str | Path, reading: ReadOptions | None = None) -> list[FileImage]:
    """Return the images of a folder, or of a file: of a file all where none of several stands for the others.

    Parameters
    ----------
    path
        A folder of images, or a file, such as a plate.
    reading
        As for `images_in_file`.

    Raises
    ------
    InputError
        If there is none, or the file cannot be read.
    """
    path, reading = Path(path), reading or ReadOptions()
    if is_image(path):
        return images_in_file(path, reading) or [FileImage(path, stem(path))]
    return images_in_files(images_in(path), reading)


def images_in_files(paths: Iterable[Path], reading: ReadOptions | None = None) -> list[FileImage]:
    """Return the images of the files of a folder: one of each, but all of a plate, a file of a microscope, and a TIFF of several positions.

    Parameters
    ----------
    reading
        As for `images_in_file`.
    """
    found: list[FileImage] = []
    for path in paths:
        several: list[FileImage] = []
        if may_hold_several(path):
            with suppress(InputError):  # whoever reads it is told why it cannot be read
                several = images_in_file(path, reading or ReadOptions())
        found += several or [FileImage(path, stem(path))]
    return found


def may_hold_several(path: Path) -> bool:
    """Whether a file of a folder is asked what it holds."""
    return path.suffix.lower() in _OF_SEVERAL


def images_in_file(path: Path, reading: ReadOptions) -> list[FileImage]:
    """Return the images of a file that holds several, in its order; none where it holds one, or one stands for the others.

    They are named after the file and what each is called in it: ``PLATE_A1_0`` for the field ``A/1/0``.

    Parameters
    ----------
    reading
        Its position may pick one, or some by a pattern such as ``A/*``.

    Raises
    ------
    InputError
        If the file cannot be read, or the position picks nothing.
    """
    try:
        if reading.axes is None:
            ask_which(path)
        else:
            replace(reading, position=None).image(path)
    except SeveralImages as several:
        names = several.names
    else:
        return []
    every, wanted = _named(path, names), reading.position
    if wanted is None:
        return every
    alike = [
        one
        for one, name in zip(every, names, strict=True)
        if wanted not in names and fnmatchcase(name, str(wanted))
    ]
    return alike or [every[chosen_position(path, names, wanted)[0]]]


def _named(path: Path, names: Sequence[str]) -> list[FileImage]:
    """Name every image; those that would be called the same have their number behind."""
    counts = Counter(names)
    positions: list[Position] = [
        name if name and counts[name] == 1 else number for number, name in enumerate(names)
    ]
    plain = [f"{stem(path)}_{_plain(str(position))}" for position in positions]
    alike = Counter(map(_folded, plain))
    return [
        FileImage(path, name if alike[_folded(name)] == 1 else f"{name}-{number}", position)
        for number, (name, position) in enumerate(zip(plain, positions, strict=True))
    ]


def _plain(name: str) -> str:
    """Return a name for files: a field of a plate as row and column of its well, and the field."""
    field = _FIELD.fullmatch(name)
    return re.sub(r"[^\w-]+", "-", field.expand(r"\1\2_\3") if field else name).strip("-") or "image"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
