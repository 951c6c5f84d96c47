"""Raw data sets of nnU-Net v2, 2D images as PNG or TIFF: reading them, and writing one that nnU-Net accepts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats.nnunet_set import (
    DATASET,
    FOLDER_NAME,
    IGNORE,
    IMAGES,
    LABELS,
    as_text,
    dataset_fields,
)
from napari_pseudolabel.imaging.reading.file_names import SUFFIXES, is_hidden
from napari_pseudolabel.labels.classes import BACKGROUND
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.training.data.image_folders import LabelledPlane
from napari_pseudolabel.workspace import atomic_folder

_SPLITS = "splits_final.json"
_IMAGE_NAME = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")
_MARK = "napari_pseudolabel"


@dataclass(frozen=True)
class RawCase:
    """One labelled image: its name, and the files of its first channel and of its labels."""

    name: str
    image: Path
    labels: Path


@dataclass(frozen=True)
class RawDataset:
    """What a raw data set holds.

    Attributes
    ----------
    classes
        Background included, by value. Of regions, the value that each paints.
    ignored
        Label value of pixels of which nothing is known; None if there is none.
    notes
        Sentences for the person.
    """

    cases: tuple[RawCase, ...]
    classes: tuple[LabelClass, ...]
    ignored: int | None
    notes: tuple[str, ...]


def read_raw(folder: Path) -> RawDataset:
    """Look into a raw data set; no image is opened.

    Raises
    ------
    InputError
        If it is no such folder, its files are of another format, or labels are missing.
    CheckpointError
        If ``dataset.json`` is missing, damaged, or of nnU-Net v1.
    """
    from napari_pseudolabel.models.segmenters.nnunet.plans import read_dataset  # imports torch

    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder of an nnU-Net raw data set.")
    dataset = read_dataset(folder)
    content = read_json(folder / DATASET)
    ending = str(content.get("file_ending", ""))
    if ending.lower() not in SUFFIXES:
        raise InputError(
            f"The images of {folder.name} end in “{ending}”, which is not read; 2D images are PNG or TIFF."
        )
    cases = _cases(folder, ending)
    classes = {label_class.value: label_class for label_class in dataset.classes()}
    classes.setdefault(0, LabelClass(name=BACKGROUND, value=0))
    ignored = dataset.labels.get(IGNORE)
    notes: tuple[str, ...] = ()
    if len(dataset.channel_names) > 1 and any(folder.joinpath(IMAGES).glob(f"*_0001{ending}")):
        first = dataset.channel_names.get("0", "0")
        notes = (f"The images of {folder.name} have several channels; the first, {first}, was used.",)
    return RawDataset(
        cases,
        tuple(classes[value] for value in sorted(classes)),
        ignored if isinstance(ignored, int) else None,
        notes,
    )


def _cases(folder: Path, ending: str) -> tuple[RawCase, ...]:
    images, labels = folder / IMAGES, folder / LABELS
    if not images.is_dir() or not labels.is_dir():
        raise InputError(f"{folder} holds no {IMAGES} and {LABELS}; give an nnU-Net raw data set.")
    cases = []
    for path in sorted(path for path in images.glob(f"*{ending}") if not is_hidden(path)):
        fitting = _IMAGE_NAME.fullmatch(path.name.removesuffix(ending))
        if fitting is None:
            raise InputError(
                f"{path.name} in {images} has no channel number; nnU-Net names images like CASE_0000{ending}."
            )
        if fitting["channel"] != "0000":
            continue
        truth = labels / f"{fitting['case']}{ending}"
        if not truth.is_file():
            raise InputError(f"{labels} holds no {truth.name}, the labels of {path.name}; add it.")
        cases.append(RawCase(fitting["case"], path, truth))
    if not cases:
        raise InputError(f"{images} holds no images that end in _0000{ending}.")
    return tuple(cases)


def check_raw_target(folder: Path, mark: str) -> bool:
    """Find out before a long work whether `write_raw` can write there.

    Parameters
    ----------
    mark
        Says from what the set is made.

    Returns
    -------
    bool
        True if exactly this set is there already.

    Raises
    ------
    InputError
        If nnU-Net would not find a folder of that name, its parent is missing, or something else is there.
    """
    if not re.fullmatch(FOLDER_NAME, folder.name):
        raise InputError(
            f"nnU-Net would not find a data set called {folder.name}; choose a name like Dataset501_SEM."
        )
    if not folder.parent.is_dir():
        raise InputError(f"The folder {folder.parent} does not exist; create it or choose another.")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if _mark_of(folder) == mark:
        return True
    raise InputError(f"{folder} holds something else already; choose another name for the synthetic set.")


def _mark_of(folder: Path) -> object:
    try:
        return read_json(folder / DATASET).get(_MARK)
    except (OSError, ValueError, AttributeError):
        return None


def write_raw(
    folder: Path,
    planes: Iterable[LabelledPlane],
    classes: Sequence[LabelClass],
    *,
    splits: Sequence[Mapping[str, Sequence[str]]],
    description: str,
    licence: str,
    mark: str,
) -> None:
    """Write a raw data set, whole or not at all; see `check_raw_target`.

    Parameters
    ----------
    planes
        Of different names, which become the names of the cases. Values of no class become background, and
        pixels of weight 0 those that nnU-Net ignores.
    classes
        Background included. nnU-Net wants consecutive label values, so the classes get such, in their order.
    splits
        Names of the cases under ``train`` and ``val``, for ``splits_final.json``: nnU-Net would draw its own,
        and several translations of an image would fall on both sides. It looks for that file in the
        preprocessed data set. None: no such file.
    """
    values = {one.value: number for number, one in enumerate(sorted(classes, key=lambda one: one.value))}
    table = np.zeros(256, np.uint8)
    table[list(values)] = list(values.values())
    ignored = len(values)
    count, some_ignored = 0, False
    with atomic_folder(folder) as temporary:
        for part in (IMAGES, LABELS):
            (temporary / part).mkdir()
        for plane in planes:
            truth = table[plane.labels]
            if plane.weight is not None and not plane.weight.all():
                truth = np.where(plane.weight > 0, truth, np.uint8(ignored))
                some_ignored = True
            _write_png(temporary / IMAGES / f"{plane.name}_0000.png", grey(plane.image))
            _write_png(temporary / LABELS / f"{plane.name}.png", truth)
            count += 1
        content = dataset_fields(
            # Of the published method: nnU-Net normalises by the minimum and the maximum of an image.
            {"0": "rescale_to_0_1"},
            {one.name: values[one.value] for one in sorted(classes, key=lambda one: one.value)},
            ignored=ignored if some_ignored else None,
            count=count,
            ending=".png",
            description=description,
            licence=licence,
            **{_MARK: mark},
        )
        for name, value in ((DATASET, content), (_SPLITS, list(splits))):
            if not value:
                continue
            (temporary / name).write_text(as_text(value), encoding="utf-8")


def grey(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Values in [0, 1] as 8 bit."""
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def _write_png(path: Path, values: NDArray[np.uint8]) -> None:
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(values)))
