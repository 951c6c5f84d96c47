"""What is to be carried, from where to where, and how much time may be spent. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import ReadOptions
from napari_pseudolabel.labels.classes import named_values
from napari_pseudolabel.options import Checked, Option, typed
from napari_pseudolabel.strategies.label_settings import LabelSettings
from napari_pseudolabel.training.data.folder_names import folder_names


@dataclass(frozen=True, kw_only=True)
class CarryOptions(Checked):
    """The labelled set, and what is trained on it."""

    labelled_images: Annotated[Path | None, Option("Folder of the labelled images.")] = None
    labelled_labels: Annotated[Path | None, Option("Folder of their label images, of the same names.")] = None
    classes: Annotated[
        list[str] | None, Option("A class and its label value; repeat it.", flag="--class", form="NAME=ID")
    ] = None
    labelled_modality: Annotated[
        str | None,
        Option(
            "What the labelled images show, such as TEM, as models name it; then named models are tried as well. By default "
            "after their folder."
        ),
    ] = None
    labelled_pixel_size: Annotated[
        float | None, Option("Pixel size of the labelled images in micrometres.", above=0)
    ] = None
    minutes: Annotated[
        float,
        Option("Train a SynDiff translator for so many minutes, and try it as well; 0 trains none.", least=0),
    ] = 0.0
    segmenter_steps: Annotated[
        int, Option("Optimiser steps of the segmenter that learns from the labelled set.", least=1)
    ] = 240
    tutor_steps: Annotated[
        int,
        Option(
            "Optimiser steps of a proxy that learns from the labelled set with the grey levels of the images, and is tried as well; "
            "0 trains none: it takes as long as the segmenter, and was no better than the grey levels it learned from.",
            least=0,
        ),
    ] = 0
    improve_rounds: Annotated[
        int,
        Option(
            "Rounds of self-training on the images, where the best way is a segmenter that sees them as they are (a proxy, or that "
            "of the labelled set where nothing has to be translated); 0 for none.",
            term="self-training",
            least=0,
            most=50,
        ),
    ] = 0
    width: Annotated[int, Option("Channels of the first level of both networks.", least=1)] = 16
    patch: Annotated[int, Option("Side of their training patches in pixels.", least=16)] = 128
    licence: Annotated[str, Option("Licence of the models, for their cards.")] = ""


@dataclass(frozen=True)
class CarryTask:
    """A folder of images, a labelled set of another modality, and a folder for everything that comes of it.

    Attributes
    ----------
    images
        Folder of the images to be labelled.
    out
        Gets ``labels``, ``models``, ``work``, the page and the report. The same task goes on from there.
    modality
        What the images show; empty to call it after their folder.
    segmenter, translator
        References of models to be used instead of those that would be trained, or of all that fit.
    settings
        How the images are labelled; its scale is that of the images.
    """

    images: Path
    out: Path
    options: CarryOptions
    modality: str = ""
    segmenter: str | None = None
    translator: str | None = None
    settings: LabelSettings = field(default_factory=LabelSettings)
    reading: ReadOptions = ReadOptions()

    def __post_init__(self) -> None:
        """Raise InputError where something is missing, or results would lie among the images."""
        if self.options.labelled_images is None or self.options.labelled_labels is None:
            raise InputError(
                "Labels are carried from a labelled set; give --labelled-images and --labelled-labels."
            )
        self.classes  # noqa: B018  (says what is wrong with them)
        for folder in (self.images, *self.labelled):
            if not folder.is_dir():
                raise InputError(f"The folder {folder} does not exist; check the path.")
            if self.out.resolve() == folder.resolve():
                raise InputError(f"The results cannot go into {folder}; choose another folder.")

    @property
    def labelled(self) -> tuple[Path, Path]:
        """Folders of the labelled images and of their labels."""
        assert self.options.labelled_images is not None
        assert self.options.labelled_labels is not None
        return self.options.labelled_images, self.options.labelled_labels

    @property
    def classes(self) -> dict[str, int]:
        """Label value of each class by name."""
        return named_values(self.options.classes)

    @property
    def names(self) -> tuple[str, str]:
        """What the labelled modality, and that of the images, are called."""
        known = self.options.labelled_modality, self.modality
        if all(known):
            return known[0] or "", known[1]
        found = folder_names(self.labelled[0], self.images)
        return known[0] or found[0], known[1] or found[1]

    @property
    def command(self) -> list[str]:
        """What is typed in the shell for it, wherever it comes from."""
        given = {
            "--segmenter": self.segmenter,
            "--translator": self.translator,
            "--modality": self.modality or None,
            "--axes": self.reading.axes,
            "--position": self.reading.position,
        }
        words = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
        folders = str(self.images), str(self.out)
        return ["pseudolabel", "carry", *folders, *typed(self.options), *words, *typed(self.settings)]
