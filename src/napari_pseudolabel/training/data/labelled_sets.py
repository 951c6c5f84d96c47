"""What somebody labelled, and where it is: folders, data sets of nnU-Net, open layers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_pseudolabel.imaging import ReadOptions
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.training.data.annotated_plane import AnnotatedPlane


@dataclass(frozen=True)
class LabelledSet:
    """A folder of labelled images to learn from as well, such as the set that the segmenter comes from.

    Attributes
    ----------
    images, labels
        Folders with files of the same names; label values are those of the segmenter's classes.
    translator
        Brings the images into the segmenter's modality; None where they are of it.
    scale
        What the person says about the sizes in the images.
    reading
        How the files are read.
    """

    images: Path
    labels: Path
    translator: str | None = None
    scale: Scale = Scale()
    reading: ReadOptions = ReadOptions()


@dataclass(frozen=True)
class NnunetSet:
    """A raw data set of nnU-Net v2 with 2D images: ``dataset.json``, ``imagesTr/`` and ``labelsTr/``.

    Attributes
    ----------
    folder
        Such as ``nnUNet_raw/Dataset001_AXONS``.
    scale
        What the person says about the sizes in the images.
    reading
        How the files are read.
    """

    folder: Path
    scale: Scale = Scale()
    reading: ReadOptions = ReadOptions()


@dataclass(frozen=True, eq=False)
class LabelledLayer:
    """An open image with its labels.

    Attributes
    ----------
    name
        Of the image.
    planes
        All of its planes that are labelled; they stay on one side of the split. Pixels count where ``touched``,
        so where the labels are the truth all of them are touched. Where ``validation`` they never train.
    scale
        What the person says about the sizes in the image.
    """

    name: str
    planes: tuple[AnnotatedPlane, ...]
    scale: Scale = Scale()

    @property
    def modality(self) -> str:
        """What the image shows; empty if unknown."""
        return self.planes[0].modality if self.planes else ""


Source = LabelledSet | NnunetSet | LabelledLayer


def name_of(source: Source) -> str:
    """Return what a labelled set is called, for cards and reports."""
    if isinstance(source, LabelledLayer):
        return source.name
    if isinstance(source, NnunetSet):
        return source.folder.resolve().name
    folder = source.images.resolve()
    # Folders called "images" say nothing.
    return f"{folder.parent.name}/{folder.name}"
