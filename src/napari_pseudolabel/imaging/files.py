"""Names of image files, and what the files of folders are to each other: the one place that decides about both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from napari_pseudolabel.errors import InputError

SUFFIXES = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".zarr")
"""Ends of names that folders are searched for; a file that is named may be called anything."""
_LONG_SUFFIXES = tuple(f".ome{suffix}" for suffix in (".tif", ".tiff", ".zarr"))
_ZARR = ("zarr.json", ".zarray", ".zgroup")


def stem(path: Path) -> str:
    """Name of an image without the one suffix that says its format: ``cell.1.ome.tif`` gives ``cell.1``."""
    name = path.name
    end = next((end for end in (*_LONG_SUFFIXES, *SUFFIXES) if name.lower().endswith(end)), "")
    return name[: len(name) - len(end)] or name


def is_image(path: Path) -> bool:
    """Whether a path is one image: a file, or the folder of a Zarr array or group."""
    return not path.is_dir() or any((path / name).exists() for name in _ZARR)


def is_hidden(path: Path) -> bool:
    """Whether a file is there for a system and not for people, such as ``._a.tif`` and ``.DS_Store``."""
    return path.name.startswith(".")


def images_in(folder: Path) -> list[Path]:
    """Every image of a folder, by name; hidden files are none.

    Raises
    ------
    InputError
        If the folder is missing or holds no image.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder that holds the images.")
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not is_hidden(path) and is_image(path)
    )
    if not found:
        raise InputError(f"{folder} holds no images ({', '.join(SUFFIXES)}).")
    return found


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
    known = _by_stem(others)
    wanted = _by_stem(paths)
    for name, path in wanted.items():
        if name not in known:
            folder = next((one.parent for one in known.values()), path.parent)
            raise InputError(
                f"{folder} holds no {what} for {path.name}; it should be called {name}.png or .tif."
            )
    return [(path, known[name]) for name, path in wanted.items()]


def _by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(stem(path), path)
        if other is not path:
            raise InputError(
                f"{other.name} and {path.name} in {path.parent} are called the same up to the suffix, so which of "
                "them belongs to a partner cannot be told; rename or remove one."
            )
    return found
