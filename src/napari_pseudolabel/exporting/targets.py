"""Which file becomes which: input and output of the commands that work on images."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting import companions
from napari_pseudolabel.exporting.companions import usual_names
from napari_pseudolabel.exporting.writing import check_replaceable
from napari_pseudolabel.formats import Format, format_named, format_of, formats, suffix_of, takes_stacks
from napari_pseudolabel.imaging import Channel, Image
from napari_pseudolabel.imaging.addresses import is_there
from napari_pseudolabel.imaging.reading.file_names import (
    MICROSCOPE_SUFFIXES,
    SUFFIXES,
    images_in,
    is_image,
)
from napari_pseudolabel.imaging.reading.own_files import roles_of

_LONGEST_NAME = 255  # of common file systems, in bytes


def sources(path: Path, within: Callable[[Path], list[Path]] = images_in) -> list[Path]:
    """Return the image, or the images of a folder: those that `within` finds there.

    Raises
    ------
    InputError
        If there is nothing, or no image.
    """
    if not is_there(path):
        raise InputError(f"{path} does not exist; check the path.")
    if is_image(path):
        return [path]
    return within(path)


def output_name(name: str, format: str | Format | None) -> str:
    """File name of the result of an image in an output folder."""
    chosen = format_named(format) if isinstance(format, str) else format or formats()[0]
    return name + chosen.suffix


def check_targets(
    inputs: Sequence[Path],
    outputs: Sequence[Path],
    format: str | Format | None,
    *,
    confidence: bool,
    new_folder: bool = False,
) -> None:
    """Find out before the work begins whether the results can be written.

    Parameters
    ----------
    inputs, outputs
        Files that are read, and label or image files to be written.
    format
        Name of a format, None to tell by the suffix.
    confidence
        Whether there will be a confidence beside each of them.
    new_folder
        Whether the folder of the outputs may be missing, because it will be made.

    Raises
    ------
    InputError
        If a name has no suffix we write, two results have the same name, one would overwrite an input or a file or folder of
        somebody else, or a folder is missing or read-only.
    """
    known = {_identity(path) for path in inputs if path.exists()}
    names = {_alike(path) for path in inputs}
    taken: set[Path] = set()
    for path in outputs:
        check_replaceable(path, format_of(path, format))
        roles = ["confidence"] if confidence else []
        for file in (path, *usual_names(path, roles)):
            if _alike(file) in names or (file.exists() and _identity(file) in known):
                raise InputError(
                    f"The output {file.name} would overwrite an input; choose another name or folder."
                )
        for file in (path, *companions(path, roles).paths.values()):
            alike = _alike(file)
            if alike in taken:
                raise InputError(f"Two results would be called {file.name}; rename one of the images.")
            taken.add(alike)
    _check_nothing_lost(outputs)
    for folder in {path.parent for path in outputs}:
        _check_folder(folder.resolve().parent if new_folder and not folder.exists() else folder)


def too_long(path: Path, roles: Sequence[str] = ()) -> str:
    """Say that the name of a result, or of a file beside it, is longer than any disk allows; empty if it is not."""
    names = [path.name, *(file.name for file in usual_names(path, roles))]
    if max(len(os.fsencode(name)) for name in names) <= _LONGEST_NAME:
        return ""
    return f"the names of its results would be longer than {_LONGEST_NAME} letters; rename the image"


def check_folder_name(output: Path) -> None:
    """Refuse the name of a file where a folder is to be made, as for the results of a folder.

    Raises
    ------
    InputError
        If it is one.
    """
    if output.is_file():
        raise InputError(
            f"The results of a folder go into a folder, but {output} is a file; choose another name."
        )
    if not output.is_dir() and _is_file_name(output):
        raise InputError(
            f"The results of a folder go into a folder, but {output.name} is the name of a file; leave its suffix out."
        )


def may_be_folder(output: Path) -> bool:
    """Whether results may go into a folder of that name: one that is there and no image, or one that can be made."""
    return not is_image(output) if output.exists() else not _is_file_name(output)


def _is_file_name(path: Path) -> bool:
    return bool(suffix_of(path.name)) or path.suffix.lower() in (*SUFFIXES, *MICROSCOPE_SUFFIXES)


def check_shape(image: Image, path: Path, format: str | Format | None) -> None:
    """Refuse to write a stack in a format of one plane, such as PNG.

    Raises
    ------
    InputError
        If that was asked for.
    """
    chosen = format_of(path, format)
    if not chosen.takes(image.shape):
        raise InputError(
            f"{chosen.title} holds one plane, but {image.name} is a stack of shape {image.shape}; "
            f"write {takes_stacks()} instead."
        )


def check_files_stay(image: Image, path: Path, *, confidence: bool = False) -> None:
    """Refuse to write over the file that an image lies in, or another one of its set.

    Raises
    ------
    InputError
        If a result, or a file beside it, would replace one.
    """
    lies_in = [Path(file) for file in (image.path, *image.files) if file]
    known = {_identity(file) for file in lies_in if file.exists()}
    for file in (path, *usual_names(path, ["confidence"] if confidence else [])):
        if file.exists() and _identity(file) in known:
            raise InputError(
                f"The output {file.name} would overwrite {image.name}, or a file of its set; choose another name or folder."
            )


def check_channel(image: Image, channel: Channel | None) -> None:
    """Ask which channel is meant where the file names several, as those of stains, and nobody chose.

    Raises
    ------
    InputError
        Then.
    """
    if channel is None and len(image.channel_names) > 1:
        told = ", ".join(f"{number} ({name})" for number, name in enumerate(image.channel_names))
        raise InputError(
            f"{image.name} has {len(image.channel_names)} channels: {told}; say which by --channel, by number or name, in "
            "Python by LabelSettings(channel=0)."
        )


def _identity(path: Path) -> tuple[int, int]:
    """Of a file, whatever its name is: links, and capital letters on some disks."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _alike(path: Path) -> Path:
    """By what names are one on some disks: capital letters make no difference there, nor do ways to write an accent."""
    # Not where a link leads: that may have another name, or be nowhere.
    return path.parent.resolve() / unicodedata.normalize("NFC", path.name).casefold()


def _check_nothing_lost(outputs: Sequence[Path]) -> None:
    """Refuse to replace files that others have made, such as labels that somebody drew."""
    by_folder: dict[Path, list[Path]] = {}
    for path in outputs:
        if path.is_file():
            by_folder.setdefault(path.parent, []).append(path)
    for files in by_folder.values():
        foreign = [path.name for path, role in roles_of(files).items() if role is None]
        if foreign:
            raise InputError(
                f"{foreign[0]} is there already and was not written here, so it is not replaced; move it away, or choose another name or "
                "folder."
            )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"The folder {folder} does not exist; create it or choose another.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"The folder {folder} is read-only; choose another.")
