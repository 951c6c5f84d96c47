"""Translators that only change grey levels, fitted to images of two modalities within seconds; importable without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.reading.file_names import left_out
from napari_pseudolabel.models.cards import Card, Modality, Training
from napari_pseudolabel.training.common.training_record import today
from napari_pseudolabel.training.data.image_folders import Notes
from napari_pseudolabel.training.translator.tune_translator import ModalityImages

if TYPE_CHECKING:
    from napari_pseudolabel.models.loaded import LoadedModels

Method = Literal["match", "invert", "invert-match"]
Plane = NDArray[np.float32]

# In the words of a person.
METHODS: dict[Method, str] = {
    "match": "histogram matching",
    "invert": "inversion",
    "invert-match": "inversion and histogram matching",
}
_LEVELS = 1025  # between which values are interpolated; more than 8 bits, because the dark end may be steep
_MOST_VALUES = 2_000_000  # of a modality; more say nothing more about its histogram
_CROP_PX = 128


def fit(source: Sequence[Plane], target: Sequence[Plane], method: Method) -> NDArray[np.float32]:
    """Return what grey levels of one modality become in another.

    Histogram matching takes all images of a modality together, so that an image with few objects does not get
    the histogram of one with many (Gonzalez and Woods, "Digital Image Processing", histogram specification).

    Parameters
    ----------
    source, target
        Planes (H, W) in [0, 1] of the two modalities; "invert" looks at none.
    method
        "match" gives the source the histogram of the target, "invert" turns it around, "invert-match" does
        the one after the other.

    Returns
    -------
    ndarray
        (N,) float32 in [0, 1], for N grey levels that lie evenly from 0 to 1.
    """
    if method == "invert":
        return np.array([1, 0], np.float32)
    own, wanted = _values(source), _values(target)
    levels = np.linspace(0, 1, _LEVELS, dtype=np.float32)
    # A grey level that many pixels have stands in the middle of their ranks.
    ranks = (np.searchsorted(own, levels, "left") + np.searchsorted(own, levels, "right")) / 2 / own.size
    shares = 1 - ranks if method == "invert-match" else ranks
    return np.quantile(wanted, shares).clip(0, 1).astype(np.float32)


def apply(levels: NDArray[np.float32], image: Plane) -> Plane:
    """Change the grey levels of an image in [0, 1]."""
    return np.interp(image, np.linspace(0, 1, len(levels)), levels).astype(np.float32)


def card(source: Modality, target: Modality, method: Method, training: Training, licence: str = "") -> Card:
    """Return the card of a curve."""
    return Card(
        kind="translator",
        family="grey-levels",
        name=f"{source.name} to {target.name}, {method}",
        description=f"Gives {source.name} images the grey levels of {target.name} by {METHODS[method]}; textures stay as they are.",
        source=source,
        target=target,
        training=training,
        licence=licence,
    )


@dataclass(frozen=True, eq=False)
class GreyLevelTranslators:
    """Curves for both directions.

    Attributes
    ----------
    checkpoints
        Content of the ``.safetensors`` files: source to target, and target to source.
    names
        File names for them without suffix.
    crops
        (2, 3, H, W) float32 in [0, 1]: for each modality a real crop, its translation, and the way back.
    notes
        Sentences for the person.
    """

    checkpoints: tuple[bytes, bytes]
    names: tuple[str, str]
    crops: NDArray[np.float32]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class GreyLevelsJob:
    """Fit translators of both directions in the background.

    Attributes
    ----------
    source, target
        Images of the two modalities. The object size of their `Scale`, where both are given, goes into the cards.
    licence
        Of the checkpoints.
    """

    source: ModalityImages
    target: ModalityImages
    method: Method
    licence: str = ""
    lane: Literal["train"] = "train"

    @property
    def title(self) -> str:
        """What is being done, for the person."""
        return f"Matching the grey levels of {self.source.name} and {self.target.name}"

    def run(self, control: Control, models: LoadedModels) -> GreyLevelTranslators:
        """Fit.

        Raises
        ------
        InputError
            If images cannot be used, or both modalities have the same name.
        Cancelled
            If `control` says so.
        """
        from napari_pseudolabel.models.translators.curve_file import as_file
        from napari_pseudolabel.training.data.folder_names import slugs_apart
        from napari_pseudolabel.training.data.textures import with_texture

        names = slugs_apart(self.source.name, self.target.name)
        sides = (self.source, self.target)
        stage = control.stage("Reading the images", len(sides))
        planes, modalities = [], []
        read = Notes()
        for side in sides:
            planes.append(side.as_they_are(read.add))
            modalities.append(side.modality())
            stage.advance()
        ways = ((0, 1), (1, 0))
        curves = [fit(planes[a], planes[b], self.method) for a, b in ways]
        in_shell = all(side.folder is not None for side in sides)
        command = f"pseudolabel train grey-levels SOURCE_DIR TARGET_DIR OUT_DIR --method {self.method}"
        training = Training(
            data=tuple(side.described() for side in sides),
            date=today(),
            command=command if in_shell else "fitted in the viewer",
        )
        files = [
            as_file(
                curve,
                card(
                    with_texture(modalities[a], planes[a]),
                    looking_like(modalities[b], modalities[a]),
                    self.method,
                    training,
                    self.licence,
                ),
            )
            for curve, (a, b) in zip(curves, ways, strict=True)
        ]
        by_objects = all(modality.object_size_px for modality in modalities)
        notes = tuple(
            f"The {modality.name} images do not say their pixel size; what is made of them gets none either."
            for modality in modalities
            if modality.pixel_size_um is None and not by_objects
        )
        notes += tuple(note for images in sides if images.folder for note in left_out(images.folder))
        return GreyLevelTranslators(
            (files[0], files[1]),
            (f"{names[0]}-to-{names[1]}-{self.method}", f"{names[1]}-to-{names[0]}-{self.method}"),
            _crops(planes, curves),
            (*read, *notes),
        )


def looking_like(look: Modality, images: Modality) -> Modality:
    """Return the modality of images of one modality that were given the grey levels of another: nothing was resampled.

    Where the objects of both are known their sizes decide, because they may differ between tissues.
    """
    pixel_um = None if look.object_size_px and images.object_size_px else images.pixel_size_um
    return Modality(name=look.name, pixel_size_um=pixel_um, object_size_px=images.object_size_px)


def _values(planes: Sequence[Plane]) -> NDArray[np.float32]:
    """Grey levels of a modality, thinned out and sorted."""
    values: NDArray[np.float32] = np.concatenate([plane.ravel() for plane in planes])
    step = -(-values.size // _MOST_VALUES)
    values = np.sort(values[::step])
    if values[0] == values[-1]:
        raise InputError("The images of a modality have only one grey level; choose others.")
    return values


def _crops(planes: Sequence[Sequence[Plane]], curves: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    side = min(_CROP_PX, *(length for part in planes for length in part[0].shape))
    rows = []
    for part, there, back in zip(planes, curves, reversed(curves), strict=True):
        y, x = ((length - side) // 2 for length in part[0].shape)
        real = part[0][y : y + side, x : x + side]
        made = apply(there, real)
        rows.append(np.stack([real, made, apply(back, made)]))
    return np.stack(rows)
