"""What a person decided in the images of a list, as planes that a training learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from napari_pseudolabel.collection.image_labelling import listed_image
from napari_pseudolabel.collection.image_list import ImageList, ListedImage
from napari_pseudolabel.collection.kept_labels import KeptLabels
from napari_pseudolabel.errors import InputError, PseudolabelError, message_for
from napari_pseudolabel.imaging import Intensities, IntensityRange
from napari_pseudolabel.imaging.plane_key import plane_key
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import is_nameless
from napari_pseudolabel.labels.pixel_states import REACHED
from napari_pseudolabel.labels.windows import holding
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.strategies import Record
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane
from napari_pseudolabel.workspace import WorkspaceSplit

_LARGEST_CLASS = 255


@dataclass(frozen=True, eq=False)
class DecidedPlanes:
    """What was found.

    Attributes
    ----------
    planes
        With at least one pixel that a person corrected or confirmed.
    images
        How many images they are of.
    left
        Names of images that cannot be learned from, and why.
    """

    planes: tuple[AnnotatedPlane, ...] = ()
    images: int = 0
    left: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class _OfImage:
    """What was decided in one image, what its classes are called, and how its labels were made; None where by no run."""

    planes: tuple[AnnotatedPlane, ...]
    classes: tuple[LabelClass, ...]
    made: Record | None


@dataclass(frozen=True, eq=False)
class DecidedImages:
    """The images of a list that a person has decided something in; read beside the window.

    Attributes
    ----------
    images
        The list.
    """

    images: ImageList
    # Where only decisions matter they are asked for at every stroke; by the state of the file of an image.
    _known: dict[str, tuple[tuple[int, int], _OfImage]] = field(default_factory=dict)

    def read(
        self,
        split: WorkspaceSplit,
        *,
        without: str = "",
        classes: Sequence[LabelClass] = (),
        made: Record | None = None,
        bare: bool = False,
    ) -> DecidedPlanes:
        """Copy the planes with decisions.

        Parameters
        ----------
        split
            Which pixels are kept for validation.
        without
            Name of an image that is open, and learned from as it is there.
        classes
            What the values are to mean; images that call them otherwise are left out.
        made
            How the open labels were made; images that were translated by another model are left out.
        bare
            Only what was decided, cut to where that is, and no image.
        """
        planes: list[AnnotatedPlane] = []
        count, left = 0, []
        for one in self.images.images():
            path = self.images.kept_path(one)
            if one.name == without or not path.is_file():
                continue
            try:
                found = self._bare(one, path, split) if bare else _of_image(one, path, split)
                if found.planes and (why := _why_not(found, classes, made)):
                    raise InputError(why)
            except (PseudolabelError, OSError, MemoryError) as error:
                left.append((one.name, message_for(error) or str(error)))
                continue
            planes += found.planes
            count += bool(found.planes)
        return DecidedPlanes(tuple(planes), count, tuple(left))

    def _bare(self, one: ListedImage, path: Path, split: WorkspaceSplit) -> _OfImage:
        stat = path.stat()
        state = stat.st_mtime_ns, stat.st_size
        before = self._known.get(one.name)
        if before is None or before[0] != state:
            before = self._known[one.name] = state, _of_image(one, path, split, bare=True)
        return before[1]


def _of_image(one: ListedImage, path: Path, split: WorkspaceSplit, *, bare: bool = False) -> _OfImage:
    kept = KeptLabels.read(path)
    touched = kept.touched
    made = Record.from_provenance(kept.runs[-1]) if kept.runs else None
    if not touched.any():
        return _OfImage((), kept.classes, made)
    if kept.labels.max() > _LARGEST_CLASS:
        raise InputError("its labels number objects; give them one value for each class")
    image = listed_image(one)
    if image.shape != kept.labels.shape:
        raise InputError(f"its labels have the shape {kept.labels.shape}, but its file has {image.shape} now")
    channel = None if made is None else made.settings.channel
    intensities = None if bare else Intensities.of(image, channel)
    if made is not None and not image.modality:
        image = replace(image, modality=made.modality)
    try:
        pixel_size_um = image.placement.pixel_size_um()
    except InputError:
        pixel_size_um = None  # pixels that are not square have no single size
    planes = []
    for index in image.planes():
        if not touched[index].any():
            continue
        key, shape = plane_key(image, index), touched.shape[-2:]
        part = holding(touched[index]) if bare else (slice(None), slice(None))
        confidence = None
        if kept.confidence is not None:
            reached = (kept.flags[index] & REACHED) > 0
            confidence = np.where(reached, kept.confidence[index], np.float32(np.nan)).astype(np.float32)
        planes.append(
            AnnotatedPlane(
                name=f"{one.name}, plane {', '.join(map(str, index))}" if index else one.name,
                key=key,
                image=np.broadcast_to(np.float32(0), touched[index][part].shape)
                if intensities is None
                else image.plane(index, channel),
                limits=IntensityRange(0.0, 1.0) if intensities is None else intensities.limits(),
                pixel_size_um=pixel_size_um,
                labels=kept.labels[index][part].astype(np.uint8),
                touched=touched[index][part],
                confidence=None if confidence is None else confidence[part],
                validation=split.validation(key, (shape[0], shape[1]))[part],
                modality=image.modality,
                intensities=intensities,
                scale=Scale() if made is None else made.scale,
            )
        )
    return _OfImage(tuple(planes), kept.classes, made)


def _why_not(found: _OfImage, classes: Sequence[LabelClass], made: Record | None) -> str:
    """Why what was decided in an image cannot be learned together with the open one; empty if it can."""
    wanted = {one.value: one.name for one in classes if not is_nameless(one)}
    for one in found.classes:
        other = wanted.get(one.value, one.name)
        if one.value and not is_nameless(one) and one.name.casefold() != other.casefold():
            return f"its value {one.value} is {one.name}, but {other} in the open labels"
    if found.made is not None and made is not None and _translated(found.made) != _translated(made):
        return "its labels were made behind another translator than the open ones"
    return ""


def _translated(made: Record) -> str:
    return "" if made.translator is None else made.translator.sha256 or made.translator.path
