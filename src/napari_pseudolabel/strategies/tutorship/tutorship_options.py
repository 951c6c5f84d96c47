"""What a tutorship is asked for: a labelled set, and how the proxies are trained on it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import ReadOptions
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.classes import named_values, with_colours
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import Option
from napari_pseudolabel.strategies.strategy import LabelRequest
from napari_pseudolabel.training.common.training_events import Fold
from napari_pseudolabel.training.data.labelled_sets import LabelledSet, NnunetSet, Source
from napari_pseudolabel.training.training_jobs import TutorJob
from napari_pseudolabel.training.tutor.tutor_task import TutorSettings


@dataclass(frozen=True)
class TutorshipOptions:
    """The options that only tutorship takes; None where they are not given."""

    labelled_images: Annotated[Path | None, Option("Folder of labelled images of the other modality.")] = None
    labelled_labels: Annotated[Path | None, Option("Folder of their label images, of the same names.")] = None
    labelled_nnunet: Annotated[
        Path | None, Option("Raw data set of nnU-Net instead, which names its classes.")
    ] = None
    classes: Annotated[
        list[str] | None, Option("A class and its label value; repeat it.", flag="--class", form="NAME=ID")
    ] = None
    training: TutorSettings = field(default_factory=TutorSettings)
    validation_files: Annotated[
        list[str] | None,
        Option("Instead, part of the names of these files, such as an animal; repeat it.", form="TEXT"),
    ] = None
    labelled_pixel_size: Annotated[
        float | None, Option("Pixel size of the labelled images in micrometres.")
    ] = None
    labelled_scale: Annotated[
        float | None, Option("Pixels on the translator's grid per pixel of the labelled images.")
    ] = None
    labelled_object_size: Annotated[float | None, Option("Median diameter of their objects in pixels.")] = (
        None
    )
    labelled_axes: Annotated[
        str | None, Option("Axes of the labelled images, such as TYX; they go before what the files say.")
    ] = None
    labelled_position: Annotated[
        str | None, Option("Which of several images in a labelled file: a number from 0, or a name.")
    ] = None
    keep_nnunet: Annotated[
        Path | None,
        Option("Keep the synthetic set as a raw data set of nnU-Net, .../Dataset501_NAME.", form="DIR"),
    ] = None
    licence: Annotated[str | None, Option("Licence of the proxy segmenters, for their cards.")] = None

    @property
    def source(self) -> Source:
        """The labelled set.

        Raises
        ------
        InputError
            If there is none, or two.
        """
        reading = ReadOptions(self.labelled_axes, self.labelled_position)
        scale = Scale(self.labelled_scale, self.labelled_object_size, self.labelled_pixel_size)
        images, labels = self.labelled_images, self.labelled_labels
        if self.labelled_nnunet is not None:
            if images or labels:
                raise InputError("Give either --labelled-nnunet or the two folders, not both.")
            return NnunetSet(self.labelled_nnunet.resolve(), scale, reading)
        if images is None or labels is None:
            raise InputError(
                "Tutorship learns from labelled images; give --labelled-images and --labelled-labels, "
                "or --labelled-nnunet."
            )
        return LabelledSet(images.resolve(), labels.resolve(), scale=scale, reading=reading)

    @property
    def named(self) -> tuple[LabelClass, ...]:
        """The classes; none where the data set names them.

        Raises
        ------
        InputError
            If they cannot be read.
        """
        if not self.classes and self.labelled_nnunet is not None:
            return ()
        from napari_pseudolabel.training.folder_training import label_classes

        return with_colours(label_classes(named_values(self.classes)))


def tutor_task(request: LabelRequest, target: str) -> TutorJob:
    """Return what to learn from, and how; `target` is what the images to be labelled show, empty if unknown.

    Raises
    ------
    InputError
        If an option is missing or cannot be used.
    """
    options: TutorshipOptions = request.options or TutorshipOptions()
    if request.segmenter or request.second_opinions:
        raise InputError("Tutorship trains its own segmenters; leave out --segmenter and --second-opinion.")
    if request.translator is None:
        raise InputError("Tutorship needs a translator from the labelled modality; give --translator.")
    if request.folder is None:
        raise InputError("Tutorship keeps what it trains; name a folder for it.")
    return TutorJob(
        (options.source,),
        request.translator,
        request.folder.resolve(),
        options.named,
        replace(options.training, seed=request.settings.seed, device=request.settings.tiles.device),
        options.licence or "",
        tuple(options.validation_files or ()),
        options.keep_nnunet.resolve() if options.keep_nnunet else None,
        target,
    )


def sources(job: TutorJob) -> tuple[Path, ...]:
    """Folders of the labelled images."""
    folders = [(source.images, source.labels) for source in job.sources if isinstance(source, LabelledSet)]
    return tuple(folder.resolve() for pair in folders for folder in pair)


def event_text(event: object) -> str:
    """How a proxy does, which must not be taken for how it does on real images."""
    if not isinstance(event, Fold) or event.score is None:
        return ""
    told = "; ".join(
        f"{measure} on synthetic images {', '.join(f'{name} {value:.3f}' for name, value in values.items())}"
        for measure, values in (("Dice", event.score.per_class), ("F1 of objects", event.score.f1))
        if values
    )
    return f"Proxy {event.number} of {event.total}, step {event.score.step}: {told}."
