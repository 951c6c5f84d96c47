"""Names of image files, and what the files of folders are to each other: the one place that decides about both."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.reading.own_files import IMAGE, LABELS, roles_of
from napari_pseudolabel.wording import some

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".zarr")
"""Ends of names that folders are searched for; a file that is named may be called anything."""
TIFF_SUFFIXES = (".tif", ".tiff")
MICROSCOPE_SUFFIXES = (".czi", ".nd2", ".lif")
"""Of files that count where a folder holds no other image: what was saved of them often lies beside them."""
_LONG_SUFFIXES = tuple(f".ome{suffix}" for suffix in (".tif", ".tiff", ".zarr"))
_LISTED = 3
_OURS = "they were made here"
_RAW = "there are images in other formats beside them (name such a file, or move them, to read them)"
_ZARR = ("zarr.json", ".zarray", ".zgroup")


def stem(path: Path) -> str:
    """Name of an image without the one suffix that says its format: ``cell.1.ome.tif`` gives ``cell.1``."""
    name = path.name
    end = next(
        (end for end in (*_LONG_SUFFIXES, *SUFFIXES, *MICROSCOPE_SUFFIXES) if name.lower().endswith(end)), ""
    )
    return name[: len(name) - len(end)] or name


def is_image(path: Path) -> bool:
    """Whether a path is one image: a file, or the folder of a Zarr array or group."""
    return not path.is_dir() or any((path / name).exists() for name in _ZARR)


def is_hidden(path: Path) -> bool:
    """Whether a file is there for a system and not for people, such as ``._a.tif`` and ``.DS_Store``."""
    return path.name.startswith(".")


def images_in(folder: Path) -> list[Path]:
    """Every image of a folder, by name; hidden files are none.

    Nor are labels and confidences that were written by this package, nor translations where there are other images.

    Raises
    ------
    InputError
        If the folder is missing or holds no image.
    """
    return _wanted(folder, "images")


def label_files_in(folder: Path) -> list[Path]:
    """Every label image of a folder, by name; raises as `images_in` does, and leaves out all else that is ours."""
    return _wanted(folder, "label images")


def left_out(images: Path, labels: Path | None = None) -> tuple[str, ...]:
    """Sentences about files that `images_in` and `label_files_in` leave out."""
    sides = [(images, "images"), *([(labels, "label images")] if labels else [])]
    return tuple(
        f"Left out of the {what} in {folder}, because {why}: {some([path.name for path in rest], _LISTED)}."
        for folder, what in sides
        if folder.is_dir()
        for why, rest in _sorted_out(folder, what)[1].items()
        if rest
    )


def _wanted(folder: Path, what: str) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder that holds the images.")
    found, rest = _sorted_out(folder, what)
    if not found:
        made = (
            f", only what was made here: {some([path.name for path in rest[_OURS]], _LISTED)}"
            if rest[_OURS]
            else f" ({', '.join((*SUFFIXES, *MICROSCOPE_SUFFIXES))})"
        )
        raise InputError(f"{folder} holds no {what}{made}.")
    return found


def _sorted_out(folder: Path, what: str) -> tuple[list[Path], dict[str, list[Path]]]:
    """Return what is wanted of a folder, and the rest by why it is not."""
    every = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in (*SUFFIXES, *MICROSCOPE_SUFFIXES) and not is_hidden(path) and is_image(path)
    )
    roles = roles_of(every)
    # Translations are images, unless they lie among those that they are of.
    of_images = {None} if None in roles.values() else {IMAGE}
    taken = of_images if what == "images" else {None, LABELS}
    wanted = [one for one in every if roles[one] in taken]
    raw = [one for one in wanted if one.suffix.lower() in MICROSCOPE_SUFFIXES]
    if len(raw) == len(wanted):
        raw = []
    return [one for one in wanted if one not in raw], {
        _OURS: [one for one in every if roles[one] not in taken],
        _RAW: raw,
    }


def partners(paths: Sequence[Path], others: Iterable[Path], what: str) -> list[tuple[Path, Path]]:
    """Each file with the one of `others` that has the same name up to the suffix.

    Parameters
    ----------
    paths
        Files that all need a partner.
    others
        Files of one folder; those without a partner are left out.
    what
        What a partner is, for sentences, such as "label file".

    Raises
    ------
    InputError
        If a partner is missing, or two files have the same name up to the suffix, so that one partner would
        belong to both.
    """
    wanted, known = _by_name(paths), _by_name(others)
    found = []
    for name, (path, *twins) in wanted.items():
        if name not in known:
            folder = next((one[0].parent for one in known.values()), path.parent)
            raise InputError(
                f"{folder} holds no {what} for {path.name}; it should be called {name}.png or .tif."
            )
        partner, *more = known[name]
        if twins or more:
            first, second = (path, twins[0]) if twins else (partner, more[0])
            raise InputError(
                f"{first.name} and {second.name} in {first.parent} are called the same up to the suffix, so which of "
                "them belongs to a partner cannot be told; rename or remove one."
            )
        found.append((path, partner))
    return found


def pair_name(path: Path) -> str:
    """Return what partners have in common: the stem, in whichever of two ways its accents are written."""
    return unicodedata.normalize("NFC", stem(path))


def _by_name(paths: Iterable[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        found.setdefault(pair_name(path), []).append(path)
    return found
