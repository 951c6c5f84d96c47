"""How the images of a list are labelled one after the other, whoever runs the jobs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_pseudolabel.collection.image_gain import gain_in
from napari_pseudolabel.collection.image_list import ImageList, ListedImage
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats.ome_tiff import OME_TIFF
from napari_pseudolabel.imaging import Image, Placement
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.options import written
from napari_pseudolabel.slides.large import LARGE_PX
from napari_pseudolabel.strategies import LabelJob, LabelSettings, PseudoLabel, RunReport, join
from napari_pseudolabel.strategies.writing_labels import write_result
from napari_pseudolabel.types import JsonObject

_TOLD = ("objects_in_words", "mean_confidence", "agreement", "seconds", "usable", "notes")


@dataclass(frozen=True, eq=False)
class ListedKind:
    """What decides whether an image of a list can be labelled, before anything of it is computed.

    Attributes
    ----------
    pixels
        Of all planes.
    channels
        Of which a person has to choose one; 1 for the colours of a picture.
    """

    placement: Placement
    pixels: int
    channels: int

    @classmethod
    def of(cls, image: Image) -> ListedKind:
        """Return that of an image."""
        channels = 1 if image.axes.endswith("S") else image.channels
        return cls(image.placement, math.prod(image.shape), channels)

    def refused(self, settings: LabelSettings, *, measured: bool = False) -> str:
        """Why it cannot be labelled with these settings and what to do, one sentence; empty where it can.

        Parameters
        ----------
        measured
            The strategy finds out itself how large things are.
        """
        if self.pixels > LARGE_PX:
            return f"It has more than {LARGE_PX // 10**6} million pixels; open it and label it by itself, its labels go to the disk then."
        if self.channels > 1 and settings.channel is None:
            return f"It has {self.channels} channels; open it, choose one under Advanced, and label the images again."
        try:
            if not (measured and settings.scale == Scale()):
                settings.scale.asked_of(self.placement)
        except InputError as error:
            return str(error)
        return ""


@dataclass(frozen=True, eq=False)
class ListedWork:
    """What is to be done with an image: its job, and the key by which its labels are known to be finished."""

    one: ListedImage
    job: LabelJob
    key: str


@dataclass(frozen=True, eq=False)
class ImageLabelling:
    """Labels images of a list in the way of a job.

    Attributes
    ----------
    pattern
        A job on any image. Others are done the same way, all planes of them, but each finds its own scale where it has to be found.
    models
        What looks at the images, by which a dock knows their scale; see `KnownSize.found`.
    """

    images: ImageList
    pattern: LabelJob
    models: str = ""

    def work(self, one: ListedImage) -> ListedWork | None:
        """Read an image and say what is to be done; None for one that a person changed, or that was labelled in this very way.

        Raises
        ------
        InputError
            When the image cannot be read or labelled, or its labels were changed outside of napari.
        """
        if self.images.standing(one).kind == "changed":
            return None
        image = listed_image(one)
        if refused := ListedKind.of(image).refused(self.pattern.settings):
            raise InputError(refused)
        image = replace(image, modality=image.modality or self.pattern.image.modality)
        job = replace(self.pattern, image=image, region=None, planes=None, found=None, kept=None)
        key = self.images.finished.key(Path(one.path), job, OME_TIFF, confidence=True)
        told = self.images.finished.told(self.images.labels_path(one), key)
        return None if told is not None else ListedWork(one, job, key)

    def keep(self, work: ListedWork, parts: Sequence[PseudoLabel], report: RunReport) -> JsonObject:
        """Write the labels that a job has made, and return what is told of them.

        Raises
        ------
        InputError
            When the workspace cannot be written to, or the image was opened and changed while it was labelled.
        """
        found, target = join(work.job, parts, report), self.images.labels_path(work.one)
        if self.images.standing(work.one).kind == "changed":
            raise InputError("It was changed by you while it was labelled, so the new labels were dropped.")
        result = write_result(found, work.job.image, target, OME_TIFF, confidence=True)
        told = {
            **{name: result.get(name) for name in _TOLD},
            "run": report.provenance(),
            "scale": written(work.job.settings.scale),
            "found": {} if report.found is None else {self.models: written(report.found)},
        }
        self.images.finished.note(target, work.key, told)
        gain_in(self.images, work.one)  # while nobody waits for it
        return told


def listed_image(one: ListedImage) -> Image:
    """Read an image of a list.

    Raises
    ------
    InputError
        When it is not there, or cannot be read.
    """
    path = Path(one.path)
    if not path.exists():
        raise InputError(f"{path} is not there any more; bring it back, or take it off the list.")
    return one.file.read()
