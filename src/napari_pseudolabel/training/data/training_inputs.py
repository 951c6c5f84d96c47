"""What a training reads from folders: planes on the model's grid, aligned pairs, splits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import ReadOptions
from napari_pseudolabel.imaging.reading.file_names import images_in, pair_name, partners
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.class_values import listed, look_like_numbers, refuse_numbers
from napari_pseudolabel.labels.misplaced import moved_on, moved_words, unlike
from napari_pseudolabel.models.cards import Modality
from napari_pseudolabel.training.data.image_folders import (
    FolderPreprocessing,
    LabelledPlane,
    Notify,
    ignore_notes,
    image_planes,
    labelled_planes,
    prepare,
)

_SMALLEST_SIDE = 8
_SAME_WITHIN = 0.01
_MOST_LOOKED = 8
_ALIKE_PX = 1.5


@dataclass(frozen=True)
class ModelGrid:
    """A modality, and the pixel grid on which a model will see it.

    Attributes
    ----------
    name
        Of the modality.
    image_pixel_um
        Pixel size of the training images in micrometres; replaces what the files say.
    pixel_um
        Pixel size on the model's grid; None to use the images as they are.
    object_px
        Median diameter of the objects in pixels of the model's grid, where known.
    reading
        How the files of the images are read.
    image_object_px
        Median diameter of the objects in pixels of the training images; together with `object_px` it decides about the
        magnification, and pixel sizes follow from it.
    """

    name: str
    image_pixel_um: float | None = None
    pixel_um: float | None = None
    object_px: float | None = None
    reading: ReadOptions = ReadOptions()
    image_object_px: float | None = None

    def __post_init__(self) -> None:
        for size in (self.image_pixel_um, self.pixel_um, self.object_px, self.image_object_px):
            if size is not None and not 0 < size < float("inf"):
                raise InputError(f"A pixel or object size must be a positive number, not {size:g}.")

    @property
    def preprocessing(self) -> FolderPreprocessing:
        """How images are brought to the grid."""
        # `modality` refuses images without a size where the grid has one; else they are the grid.
        objects = self.image_object_px if self.object_px else None
        return FolderPreprocessing(
            Scale(pixel_size_um=self.image_pixel_um, object_size_px=objects),
            self.pixel_um,
            self.object_px if objects else None,
            reading=self.reading,
            tells=False,
        )

    def assumed(self, folder: Path, modality: Modality) -> tuple[str, ...]:
        """Tell of a model that will not know the scale of its images; parameters as of `modality`, and what it returned."""
        if modality.pixel_size_um is not None or modality.object_size_px is not None:
            return ()
        sizes = (self.reading.image(path).placement.pixel_size_um() for path in images_in(folder))
        told = "do not all say the same pixel size" if any(sizes) else "do not say their pixel size"
        return (
            f"The images in {folder} {told}, so they were used as they are, as if of one scale, and the model does not know its "
            "own; give the pixel size of the images.",
        )

    def modality(self, folder: Path) -> Modality:
        """Return the modality for a card, after a check that the images can be brought to the grid.

        Without `pixel_um` it has the pixel size of the images, if they agree within 1 %.

        Raises
        ------
        InputError
            If the grid has a pixel size but an image has none.
        """
        if self.image_object_px and self.object_px:
            # What the files say differs from one to the next, but objects are alike on the grid.
            wide = self.image_object_px / self.object_px
            return self._modality(None if self.image_pixel_um is None else self.image_pixel_um * wide)
        if self.image_pixel_um is not None:
            return self._modality(self.pixel_um or self.image_pixel_um)
        sizes = {path: self.reading.image(path).placement.pixel_size_um() for path in images_in(folder)}
        unknown = [path.name for path, size in sizes.items() if size is None]
        if self.pixel_um is not None:
            if unknown:
                raise InputError(
                    f"{unknown[0]} in {folder} does not say its pixel size; give the pixel size of the images."
                )
            return self._modality(self.pixel_um)
        known = [size for size in sizes.values() if size is not None]
        agree = not unknown and known and max(known) <= min(known) * (1 + _SAME_WITHIN)
        return self._modality(float(np.mean(known)) if agree else None)

    def _modality(self, pixel_um: float | None) -> Modality:
        return Modality(name=self.name, pixel_size_um=pixel_um, object_size_px=self.object_px)


def unlabelled(folder: Path, grid: ModelGrid, notify: Notify = ignore_notes) -> list[NDArray[np.float32]]:
    """All planes of a folder on the model's grid, (H, W) float32 in [0, 1].

    Raises
    ------
    InputError
        If the folder cannot be used, or a plane is smaller than 8 pixels on the grid.
    """
    planes = image_planes(folder, grid.preprocessing, notify)
    _check_sizes(planes, folder)
    return planes


def labelled(
    images: Path, labels: Path, grid: ModelGrid, notify: Notify = ignore_notes
) -> list[LabelledPlane]:
    """All labelled planes of two folders on the model's grid; raises as `unlabelled` does."""
    planes = labelled_planes(images, labels, grid.preprocessing, notify)
    _check_sizes([plane.image for plane in planes], images)
    return planes


def aligned(folders: tuple[Path, Path], grids: tuple[ModelGrid, ModelGrid]) -> list[NDArray[np.float32]]:
    """Pairs of the same scene in both modalities, by file name: (2, H, W) float32 in [0, 1] each.

    Raises
    ------
    InputError
        If a partner is missing or has another size on the model's grid.
    """
    first, second = (images_in(folder) for folder in folders)
    if lonely := sorted({pair_name(path) for path in first} ^ {pair_name(path) for path in second}):
        raise InputError(
            f"{lonely[0]} is in only one of {folders[0]} and {folders[1]}; pairs have the same name."
        )
    pairs = []
    for pair in partners(first, second, "partner"):
        planes = [
            prepare(grid.reading.image(path), grid.preprocessing)
            for path, grid in zip(pair, grids, strict=True)
        ]
        shapes = [[plane.shape for plane in part] for part in planes]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"The two images of the pair {pair_name(pair[0])} differ in size on the model's grid; align them first."
            )
        pairs += [np.stack(both) for both in zip(*planes, strict=True)]
    _check_sizes(pairs, folders[0])
    return pairs


@dataclass(frozen=True, eq=False)
class PlaneSplit:
    """Labelled planes for training and for validation, which share no image."""

    train: list[LabelledPlane]
    validation: list[LabelledPlane]


def split_by_file(planes: Sequence[LabelledPlane], share: float, seed: int) -> PlaneSplit:
    """Keep whole files out of training; copies of a file stay together.

    Parameters
    ----------
    planes
        All planes of a file carry its name.
    share
        Of the files, in (0, 1); at least one is kept out and at least one stays.
    seed
        Decides which.

    Raises
    ------
    InputError
        If there are fewer than two different files.
    """
    parts = by_file(planes)
    if len(parts) < 2:
        raise InputError(
            "One labelled image is not enough, because validation needs one of its own; add another image, or "
            "give a folder of validation images."
        )
    kept_out = min(max(round(share * len(parts)), 1), len(parts) - 1)
    order = np.random.default_rng(seed).permutation(len(parts))
    chosen = {int(position) for position in order[:kept_out]}
    return PlaneSplit(
        train=[plane for i, part in enumerate(parts) if i not in chosen for plane in part],
        validation=[plane for i, part in enumerate(parts) if i in chosen for plane in part],
    )


def by_file(planes: Sequence[LabelledPlane]) -> list[list[LabelledPlane]]:
    """Planes of the same file together, and copies of a file as well, in the order in which they come."""
    groups: dict[str, list[LabelledPlane]] = {}
    for name in dict.fromkeys(plane.name for plane in planes):
        own = [plane for plane in planes if plane.name == name]
        groups.setdefault(fingerprint(plane.image for plane in own), []).extend(own)
    return list(groups.values())


def validation_files(
    planes: Sequence[LabelledPlane], *, folds: int, share: float, seed: int, chosen: Sequence[str] = ()
) -> tuple[frozenset[str], ...]:
    """Names of the files that validate, one set for each fold.

    Parameters
    ----------
    planes
        All planes of a file carry its name.
    folds
        With more than one, every file validates in exactly one of them.
    share
        Of the files, in (0, 1), with one fold.
    seed
        Decides which.
    chosen
        Parts of names, instead of a share: the files whose names hold one validate.

    Raises
    ------
    InputError
        If there are fewer different files than the split needs, or `chosen` fits all files or none.
    """
    if chosen:
        return (_chosen(planes, folds, chosen),)
    if folds == 1:
        return (frozenset(plane.name for plane in split_by_file(planes, share, seed).validation),)
    groups = by_file(planes)
    if len(groups) < folds:
        raise InputError(
            f"{folds} folds need at least {folds} different labelled images, but there are {len(groups)}; "
            "ask for fewer folds."
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    return tuple(
        frozenset(plane.name for position in order[fold::folds] for plane in groups[position])
        for fold in range(folds)
    )


def _chosen(planes: Sequence[LabelledPlane], folds: int, chosen: Sequence[str]) -> frozenset[str]:
    if folds > 1:
        raise InputError("With several folds every file validates once; leave out the validation files.")
    groups = [{plane.name for plane in group} for group in by_file(planes)]
    for part in chosen:
        if not any(part in name for group in groups for name in group):
            raise InputError(f"No labelled image has “{part}” in its name; correct the validation files.")
    # A copy of a validation image under another name is kept out as well.
    found = [group for group in groups if any(part in name for name in group for part in chosen)]
    if len(found) == len(groups):
        raise InputError("All labelled images were chosen for validation; leave some for the training.")
    return frozenset().union(*found)


def split_given(train: list[LabelledPlane], validation: list[LabelledPlane]) -> PlaneSplit:
    """Use a validation set as it is.

    Raises
    ------
    InputError
        If it holds an image of the training set.
    """
    seen = {fingerprint([plane.image]): plane.name for plane in train}
    for plane in validation:
        if (twin := seen.get(fingerprint([plane.image]))) is not None:
            raise InputError(
                f"The validation image {plane.name} is also a training image ({twin}); remove it from one of the two."
            )
    return PlaneSplit(train, validation)


def check_values(planes: Sequence[LabelledPlane], classes: Mapping[str, int], what: str) -> tuple[str, ...]:
    """Tell of label values without a class; the background counts as one.

    Parameters
    ----------
    planes
        Labels of all images.
    what
        Which images, in the sentence: "training".

    Raises
    ------
    InputError
        If nothing is labelled, no label has one of the classes, or an image numbers its objects.
    """
    found: set[int] = set()
    doubt = ""
    for plane in planes:
        values = set(np.unique(plane.known_labels).tolist())
        found |= values
        unnamed = values - {0, *classes.values()}
        refuse_numbers(plane.labels, unnamed, plane.name)
        if not doubt and unnamed and look_like_numbers(plane.labels):
            doubt = " If they number objects, give labels in which every object has the value of its class."
    if not found:
        raise InputError(
            f"No {what} image shows anything where something is labelled; check the images and the labels."
        )
    for name, value in classes.items():
        if value and value not in found:
            raise InputError(
                f"No {what} image holds the class {name} ({value}), only the values {listed(found)}; check the classes and the labels."
            )
    rest = ", ".join(map(str, sorted(found - {0, *classes.values()})))
    return (
        *(
            (f"The label values {rest} belong to no class, so they count as background.{doubt}",)
            if rest
            else ()
        ),
        *misplaced_labels(planes),
    )


def misplaced_labels(planes: Sequence[LabelledPlane]) -> tuple[str, ...]:
    """Say that labels are turned, mirrored or moved on their images: one program turns what a file asks for, another does not."""
    looked = planes[:: max(1, len(planes) // _MOST_LOOKED)]
    where = "compare images and labels in a viewer before you use what was trained"
    ways = Counter(filter(None, (unlike(plane.image, plane.labels) for plane in looked)))
    for way, number in ways.most_common(1):
        if number > len(looked) / 2:
            return (
                f"The labels of {number} of {len(looked)} images that were looked at would fit much better if they were {way}; {where}.",
            )
    moves = [moved for plane in looked if (moved := moved_on(plane.image, plane.labels)) is not None]
    if len(moves) <= len(looked) / 2:
        return ()
    down, right = np.median(moves, 0)
    alike = sum(max(abs(y - down), abs(x - right)) <= _ALIKE_PX for y, x in moves)
    if alike <= len(looked) / 2:
        return ()
    return (
        f"The labels of {alike} of {len(looked)} images that were looked at lie about {moved_words(down, right)} on the pixel grid of "
        f"the model; {where}.",
    )


def fingerprint(planes: Iterable[NDArray[np.generic]]) -> str:
    """SHA-256 of the shapes and values of arrays."""
    digest = hashlib.sha256()
    for plane in planes:
        digest.update(repr(plane.shape).encode())
        digest.update(np.ascontiguousarray(plane).tobytes())
    return digest.hexdigest()


def _check_sizes(planes: Sequence[NDArray[np.float32]], folder: Path) -> None:
    smallest = min(min(plane.shape[-2:]) for plane in planes)
    if smallest < _SMALLEST_SIDE:
        raise InputError(
            f"An image of {folder} has a side of only {smallest} pixels on the model's grid; check the pixel sizes."
        )
