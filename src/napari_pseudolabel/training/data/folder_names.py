"""What a modality is called after the folder of its images: what tells the folder apart. Importable without torch."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from napari_pseudolabel.errors import InputError

# They say what is in a folder, not of which modality it is.
_GENERIC = frozenset({"image", "images", "img", "imgs", "imagestr", "imagests"})


def slug(name: str) -> str:
    """Return a modality's name as part of a file name."""
    return re.sub(r"[^\w]+", "-", name.strip().lower()).strip("-")


def slugs_apart(source: str, target: str) -> tuple[str, str]:
    """Return the names of two modalities as parts of file names; raises InputError where they are the same."""
    names = slug(source), slug(target)
    if names[0] == names[1]:
        raise InputError(f"Both modalities are called {source}; give them different names.")
    return names


def folder_name(folder: Path) -> str:
    """Name of the folder as it was typed, or of the one above it where that is only called "images"."""
    parts = _named_parts(folder)
    return parts[-1] if parts else "images"


def folder_names(*folders: Path) -> tuple[str, ...]:
    """Names that tell folders apart: of ``A/images`` and ``B/images``, A and B.

    The names are those of the folders if they differ; else of the folders above them, as far up as they do. Links have
    the name under which they were given.

    Raises
    ------
    InputError
        If two of them are the same folder.
    """
    for number, folder in enumerate(folders):
        for other in folders[number + 1 :]:
            if folder.resolve() == other.resolve():
                raise InputError(
                    f"Both modalities are in the same folder, {folder}; give the images of two modalities."
                )
    named = [_named_parts(folder) for folder in folders]
    whole = [_parts(folder) for folder in folders]
    # `images` beside `others` is the name of a folder; that above them both is not its own.
    nested = any(a is not b and b[: len(a)] == a for a in named for b in named)
    for parts in (whole,) if nested else (named, whole):
        if names := _apart(parts):
            return names
    return tuple("-".join(parts) for parts in whole)


def _apart(paths: Sequence[Sequence[str]]) -> tuple[str, ...] | None:
    """Return the last part in which all differ; else the last parts in which some do, joined."""
    depth = max(map(len, paths))
    columns = [[path[-up] if len(path) >= up else "" for path in paths] for up in range(1, depth + 1)]
    for column in columns:
        if _distinct(column):
            return tuple(column)
    differing = [column for column in columns if len(set(column)) > 1]
    for joined in accumulate(
        differing, lambda below, above: [f"{a}-{b}" for a, b in zip(below, above, strict=True)]
    ):
        if _distinct(joined):
            return tuple(part.strip("-") for part in joined)
    return None


def _distinct(names: Sequence[str]) -> bool:
    """Whether they stay apart, and are something, as parts of file names."""
    slugs = {slug(name) for name in names}
    return len(slugs) == len(names) and "" not in slugs


def _parts(folder: Path) -> list[str]:
    return [part for part in Path(os.path.abspath(folder)).parts if slug(part)]


def _named_parts(folder: Path) -> list[str]:
    parts = _parts(folder)
    while parts and parts[-1].lower() in _GENERIC:
        parts.pop()
    return parts
