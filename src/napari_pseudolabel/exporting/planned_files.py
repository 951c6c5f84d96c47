"""Which files will become of images, found out before the work begins."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.exporting.targets import (
    check_folder_name,
    check_targets,
    may_be_folder,
    output_name,
    sources,
    too_long,
)
from napari_pseudolabel.formats import Format, format_of
from napari_pseudolabel.formats.image_sets import case_name
from napari_pseudolabel.imaging.addresses import is_there
from napari_pseudolabel.imaging.reading.file_images import FileImage, images_in_file, images_in_files
from napari_pseudolabel.imaging.reading.file_names import is_image, stem
from napari_pseudolabel.imaging.reading.image_files import ReadOptions
from napari_pseudolabel.imaging.reading.own_files import LABELS, OTHER, roles_of

_SHOWN = 40


@dataclass(frozen=True)
class PlannedFiles:
    """What is to be done.

    Attributes
    ----------
    images, targets
        Images, and the file that becomes of each.
    refused
        Images of a folder of which nothing can become, and why.
    folder
        Whether they are those of a folder, or of a file of several, which is the same from here on.
    """

    images: list[FileImage]
    targets: list[Path]
    refused: list[tuple[FileImage, str]]
    folder: bool


def planned(
    input: Path,
    output: Path,
    format: str | Format | None,
    *,
    confidence: bool,
    reading: ReadOptions | None = None,
) -> PlannedFiles:
    """Find images and the file that becomes of each.

    Where results may go into a folder, files are asked whether they hold several images.

    Parameters
    ----------
    reading
        How files are read.

    Raises
    ------
    InputError
        If there is no image, or a result cannot be written.
    """
    several: list[FileImage] = []
    if input.is_file() and roles_of([input])[input] in (LABELS, OTHER):
        raise InputError(
            f"{input.name} holds labels, or a confidence, that were made here; give the image that they are of."
        )
    single, reading = is_image(input), reading or ReadOptions()
    if is_there(input) and single and may_be_folder(output):
        several = images_in_file(input, reading)
    found = sources(input)
    alone = [FileImage(path, stem(path)) for path in found] if single else images_in_files(found, reading)
    images = several or alone
    folder = bool(several) or not single
    if folder and input.resolve() in (output.resolve(), *(output.resolve().parents if several else ())):
        raise InputError("The results cannot go into the folder of the images; choose another folder.")
    if folder:
        check_folder_name(output)
    chosen = format_of(output, format) if format is not None else None
    if folder and chosen is not None and chosen.collects:
        return _set_of(images, output, chosen)
    targets = [output / output_name(one.name, format) for one in images] if folder else [output]
    why = [too_long(target, ["confidence"] if confidence else []) for target in targets]
    if any(why) and not folder:
        raise InputError(f"{output.name[:_SHOWN]}… is too long a name; choose a shorter one.")
    kept = [number for number, one in enumerate(why) if not one]
    refused = [(image, one) for image, one in zip(images, why, strict=True) if one]
    images, targets = [images[number] for number in kept], [targets[number] for number in kept]
    check_targets([one.path for one in images], targets, format, confidence=confidence, new_folder=folder)
    return PlannedFiles(images, targets, refused, folder)


def _set_of(images: list[FileImage], output: Path, chosen: Format) -> PlannedFiles:
    """Plan the one folder to which all images are added."""
    check_targets([one.path for one in images], [output], chosen, confidence=False)
    names = [case_name(one.name) for one in images]
    counts = Counter(name.casefold() for name in names)
    if twice := next((name for name in names if counts[name.casefold()] > 1), None):
        raise InputError(f"Two images would be called {twice} in {output.name}; rename one.")
    return PlannedFiles(images, [output] * len(images), [], folder=True)
