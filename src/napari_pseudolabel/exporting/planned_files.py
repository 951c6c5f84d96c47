"""Which files will become of images, found out before the work begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting.targets import (
    check_folder_name,
    check_targets,
    output_name,
    sources,
    too_long,
)
from napari_pseudolabel.formats import Format, format_of
from napari_pseudolabel.formats.image_sets import case_name
from napari_pseudolabel.imaging.reading.file_names import is_image, stem

_SHOWN = 40


@dataclass(frozen=True)
class PlannedFiles:
    """What is to be done.

    Attributes
    ----------
    paths, targets
        Images, and the file that becomes of each.
    refused
        Images of a folder of which nothing can become, and why.
    """

    paths: list[Path]
    targets: list[Path]
    refused: list[tuple[Path, str]]


def planned(input: Path, output: Path, format: str | Format | None, *, confidence: bool) -> PlannedFiles:
    """Find images and the file that becomes of each; nothing is opened.

    Raises
    ------
    InputError
        If there is no image, or a result cannot be written.
    """
    paths = sources(input)
    folder = not is_image(input)
    if folder and output.resolve() == input.resolve():
        raise InputError("The results cannot go into the folder of the images; choose another folder.")
    if folder:
        check_folder_name(output)
    chosen = format_of(output, format) if format is not None else None
    if folder and chosen is not None and chosen.collects:
        return _set_of(paths, output, chosen)
    targets = [output / output_name(path, format) for path in paths] if folder else [output]
    why = [too_long(target, ["confidence"] if confidence else []) for target in targets]
    if any(why) and not folder:
        raise InputError(f"{output.name[:_SHOWN]}… is too long a name; choose a shorter one.")
    kept = [number for number, one in enumerate(why) if not one]
    refused = [(path, one) for path, one in zip(paths, why, strict=True) if one]
    paths, targets = [paths[number] for number in kept], [targets[number] for number in kept]
    check_targets(paths, targets, format, confidence=confidence, new_folder=folder)
    return PlannedFiles(paths, targets, refused)


def _set_of(paths: list[Path], output: Path, chosen: Format) -> PlannedFiles:
    """Plan the one folder to which all images are added."""
    check_targets(paths, [output], chosen, confidence=False)
    names = [case_name(stem(path)).casefold() for path in paths]
    if twice := next((path for path, name in zip(paths, names, strict=True) if names.count(name) > 1), None):
        raise InputError(f"Two images would be called {case_name(stem(twice))} in {output.name}; rename one.")
    return PlannedFiles(paths, [output] * len(paths), [])
