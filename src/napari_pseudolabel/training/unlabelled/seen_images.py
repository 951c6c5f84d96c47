"""What a threshold finds in images that nobody has labelled: how large, how dense and how bright their objects are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import resample
from napari_pseudolabel.labels.objects import scheme_for
from napari_pseudolabel.labels.thresholding import Threshold, found_in, typical_size_px
from napari_pseudolabel.training.unlabelled.field_looks import FieldLook, look_of
from napari_pseudolabel.training.unlabelled.unlabelled_task import UnlabelledTask

TYPICAL_PX = 20.0
"""Diameter of objects on the grid of the segmenters that are trained here."""

_SMOOTHING_PX = 0.7
_LEAST_SIDE_PX = 32


@dataclass(frozen=True, eq=False)
class SeenImages:
    """Images, and what was found in them.

    Attributes
    ----------
    planes
        (h, w) float32 in [0, 1], as they came.
    looks
        Of each plane.
    size_px
        Typical diameter of the objects, in pixels of the images.
    bright
        Whether objects are brighter than what is around them.
    notes
        Sentences for the person.
    """

    planes: tuple[NDArray[np.float32], ...]
    looks: tuple[FieldLook, ...]
    size_px: float
    bright: bool
    notes: tuple[str, ...]

    @property
    def factor(self) -> float:
        """Pixels of the segmenter per pixel of the images."""
        return TYPICAL_PX / self.size_px

    def on_grid(self) -> list[NDArray[np.float32]]:
        """Return the planes on the grid of the segmenter, in [0, 1]."""
        return [np.clip(resample(plane, self.factor), 0, 1) for plane in self.planes]


def seen_in(
    task: UnlabelledTask, size_px: float | None, covered: float | None, control: Control
) -> SeenImages:
    """Look at the images of a task.

    Parameters
    ----------
    size_px, covered
        What the person says of them; None to measure it.

    Raises
    ------
    InputError
        If there is no image, or nothing is found in any.
    """
    planes = tuple(plane for plane in task.places if min(plane.shape) >= _LEAST_SIDE_PX and np.ptp(plane) > 0)
    if not planes:
        raise InputError("There is nothing to learn from: choose an image with something to see in it.")
    scheme = scheme_for(task.classes)
    stage = control.stage("Looking at the images", len(planes))
    found: list[tuple[Threshold, NDArray[np.int32]]] = []
    for plane in planes:
        threshold, (numbered,) = found_in(
            [plane], scheme, task.contrast, _SMOOTHING_PX, size_px=size_px, check=control.check
        )
        found.append((threshold, numbered))
        stage.advance()
    # Places of one kind of images are of one polarity: most of them decide.
    bright = 2 * sum(threshold.bright for threshold, _ in found) >= len(found)
    agreed = [
        (plane, numbered)
        for plane, (one, numbered) in zip(planes, found, strict=True)
        if one.bright == bright
    ]
    typical = size_px or typical_size_px([numbered for _, numbered in agreed])
    if typical is None:
        raise InputError(
            "No objects were found in the images; say whether they are bright or dark, and how wide they are."
        )
    looks = []
    for plane, numbered in agreed:
        look = look_of(plane, numbered, typical_size_px([numbered]) or typical)
        if covered is not None:
            look = replace(look, geometry=replace(look.geometry, covered=covered))
        if size_px is not None:
            look = replace(look, geometry=replace(look.geometry, diameter_px=size_px))
        looks.append(look)
    return SeenImages(
        tuple(plane for plane, _ in agreed),
        tuple(looks),
        typical,
        bright,
        _told(task, looks, typical, bright),
    )


def _told(task: UnlabelledTask, looks: list[FieldLook], size_px: float, bright: bool) -> tuple[str, ...]:
    kind = task.classes[-1].name
    covered = float(np.median([look.geometry.covered for look in looks]))
    side, other = ("brighter", "dark") if bright else ("darker", "bright")
    wrong = "" if task.contrast != "auto" else f"; say that they are {other} where that is wrong"
    return (
        f"{kind.capitalize()} were taken to be {side} than what is around them, {size_px:.0f} px wide, and to cover "
        f"{100 * covered:.0f} % of the image{wrong}.",
    )
