"""The part of ``pseudolabel label`` that trains proxy segmenters before it labels: ``--strategy tutorship``."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_pseudolabel.cli.options import Classes, named_values
from napari_pseudolabel.cli.output import say
from napari_pseudolabel.cli.shared import Shared
from napari_pseudolabel.errors import InputError

if TYPE_CHECKING:
    from napari_pseudolabel.control import Control
    from napari_pseudolabel.engine import Connection
    from napari_pseudolabel.models.cards import LabelClass
    from napari_pseudolabel.strategies import LabelSettings
    from napari_pseudolabel.training.data.labelled_sets import Source
    from napari_pseudolabel.training.tutor.tutor_job import TutorJob
    from napari_pseudolabel.training.tutor.tutor_task import Tutored

_PANEL = "Tutorship"
_LOOK_AGAIN_S = 0.1


def _option(help: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=_PANEL, **more)


@dataclass(frozen=True)
class Tutoring:
    """The options that only tutorship takes; None or False where they are not given."""

    labelled_images: Annotated[Path | None, _option("Folder of labelled images of the other modality.")] = (
        None
    )
    labelled_labels: Annotated[Path | None, _option("Folder of their label images, of the same names.")] = (
        None
    )
    labelled_nnunet: Annotated[
        Path | None, _option("Raw data set of nnU-Net instead, which names its classes.")
    ] = None
    classes: Classes = None
    work_dir: Annotated[
        Path | None, _option("Gets what is translated and trained; the same command goes on there.")
    ] = None
    folds: Annotated[
        int | None, _option("Proxy segmenters, each validated on other files; they are averaged (1).", min=1)
    ] = None
    steps: Annotated[int | None, _option("Optimiser steps of each fold (1000).", min=1)] = None
    patch: Annotated[int | None, _option("Side of a training patch in pixels (128).", min=1)] = None
    train_batch: Annotated[int | None, _option("Patches per step (8).", min=1)] = None
    width: Annotated[int | None, _option("Channels of the first level of the network (16).", min=1)] = None
    validate_every: Annotated[int | None, _option("Steps between validations and saves (100).", min=1)] = None
    train_samples: Annotated[
        int | None, _option("Translations drawn per labelled image, which is augmentation (2).", min=1)
    ] = None
    validation_share: Annotated[
        float | None, _option("Share of the labelled files that one fold keeps for validation (0.2).")
    ] = None
    validation_files: Annotated[
        list[str] | None,
        _option("Instead, part of the names of these files, such as an animal; repeat it.", metavar="TEXT"),
    ] = None
    labelled_pixel_size: Annotated[
        float | None, _option("Pixel size of the labelled images in micrometres.")
    ] = None
    labelled_scale: Annotated[
        float | None, _option("Pixels on the translator's grid per pixel of the labelled images.")
    ] = None
    labelled_object_size: Annotated[float | None, _option("Median diameter of their objects in pixels.")] = (
        None
    )
    labelled_axes: Annotated[
        str | None, _option("Axes of the labelled images, such as TYX; they go before what the files say.")
    ] = None
    labelled_position: Annotated[
        str | None, _option("Which of several images in a labelled file: a number from 0, or a name.")
    ] = None
    keep_nnunet: Annotated[
        Path | None,
        _option("Keep the synthetic set as a raw data set of nnU-Net, .../Dataset501_NAME.", metavar="DIR"),
    ] = None
    licence: Annotated[str | None, _option("Licence of the proxy segmenters, for their cards.")] = None

    def refuse(self) -> None:
        """Say that these options do nothing for another strategy.

        Raises
        ------
        InputError
            If one was given.
        """
        for one in fields(self):
            if getattr(self, one.name) is not None:
                name = "class" if one.name == "classes" else one.name.replace("_", "-")
                raise InputError(f"--{name} is for tutorship; leave it out, or give --strategy tutorship.")

    def job(self, translator: str, seed: int, device: str, target: str = "") -> TutorJob:
        """What to learn from, and how; `target` is what the images to be labelled show, empty if unknown.

        Raises
        ------
        InputError
            If an option is missing or cannot be used.
        """
        from napari_pseudolabel.training.tutor.tutor_job import TutorJob
        from napari_pseudolabel.training.tutor.tutor_task import TutorSettings

        if self.work_dir is None:
            raise InputError("Tutorship keeps what it trains; give --work-dir.")
        given: dict[str, Any] = {
            "steps": self.steps,
            "patch": self.patch,
            "batch": self.train_batch,
            "width": self.width,
            "epoch_steps": self.validate_every,
            "folds": self.folds,
            "samples": self.train_samples,
            "validation_share": self.validation_share,
        }
        settings = replace(
            TutorSettings(seed=seed, device=device),
            **{name: value for name, value in given.items() if value is not None},
        )
        return TutorJob(
            (self._source(),),
            translator,
            self.work_dir.resolve(),
            self._classes(),
            settings,
            self.licence or "",
            tuple(self.validation_files or ()),
            self.keep_nnunet.resolve() if self.keep_nnunet else None,
            target,
        )

    def _source(self) -> Source:
        from napari_pseudolabel.imaging import Reading
        from napari_pseudolabel.imaging.scale import Scale
        from napari_pseudolabel.training.data.labelled_sets import LabelledSet, NnunetSet

        reading = Reading(self.labelled_axes, self.labelled_position)
        scale = Scale(self.labelled_scale, self.labelled_object_size, self.labelled_pixel_size)
        folders = self.labelled_images, self.labelled_labels
        if self.labelled_nnunet is not None:
            if any(folders):
                raise InputError("Give either --labelled-nnunet or the two folders, not both.")
            return NnunetSet(self.labelled_nnunet.resolve(), scale, reading)
        images, labels = folders
        if images is None or labels is None:
            raise InputError(
                "Tutorship learns from labelled images; give --labelled-images and --labelled-labels, "
                "or --labelled-nnunet."
            )
        return LabelledSet(images.resolve(), labels.resolve(), scale=scale, reading=reading)

    def _classes(self) -> tuple[LabelClass, ...]:
        if not self.classes and self.labelled_nnunet is not None:
            return ()
        from napari_pseudolabel.labels.classes import with_colours
        from napari_pseudolabel.training.folder_training import label_classes

        return with_colours(label_classes(named_values(self.classes)))


def label_tutored(
    input: Path,
    output: Path,
    options: Shared,
    job: TutorJob,
    settings: LabelSettings,
    *,
    confidence: bool,
) -> None:
    """Train the proxies, or find them trained, and label all images with them.

    Raises
    ------
    PseudolabelError
        If the input, the output or the labelled images cannot be used.
    Cancelled, Stopped
        After Ctrl-C.
    """
    from napari_pseudolabel.cli.train import resumable
    from napari_pseudolabel.cli.working import Work, planned
    from napari_pseudolabel.strategies.tutorship import proxy_job

    labelled = [folder for one in job.sources for folder in _folders(one)]
    if output.resolve() in labelled:
        raise InputError("The results cannot go into a folder of the labelled images; choose another folder.")
    # Now, and not when the training is over.
    planned(input, output, options.format, confidence=confidence)
    with resumable(job.folder) as control:
        made = _taught(job, _heard(control, options.as_json), options.connection)
    if not options.as_json:
        for note in made.notes:
            say(note)
    work = Work(lambda image: proxy_job(image, job, made, settings=settings), confidence=confidence)
    options.process(input, output, work)


def _folders(source: Source) -> tuple[Path, ...]:
    from napari_pseudolabel.training.data.labelled_sets import LabelledSet

    return (source.images.resolve(), source.labels.resolve()) if isinstance(source, LabelledSet) else ()


def _taught(job: TutorJob, control: Control, connection: Connection | None) -> Tutored:
    """Run the training here, or on workers elsewhere, which see the same folders."""
    if connection is None:
        from napari_pseudolabel.models.loaded import LoadedModels

        return job.run(control, LoadedModels())
    from napari_pseudolabel.engine import Engine, Listener

    engine = Engine(connection)
    try:
        listener = Listener(progress=control.report, told=control.tell, notice=control.tell)
        handle = engine.submit(job, "train", listener)
        while not handle.wait(_LOOK_AGAIN_S):
            if control.cancelled():
                handle.cancel()
        made: Tutored = handle.result()
        return made
    finally:
        engine.shutdown()


def _heard(control: Control, as_json: bool) -> Control:
    """The same control, which prints what a tutorship tells."""
    from napari_pseudolabel.training.common.training_events import Began, Fold

    told = control.tell

    def tell(event: object) -> None:
        if isinstance(event, Began) and event.resumed_at and not as_json:
            say(f"Going on after step {event.resumed_at}.")
        elif isinstance(event, Fold) and event.score is not None and not as_json:
            dice = ", ".join(f"{name} {value:.3f}" for name, value in event.score.per_class.items())
            say(
                f"Proxy {event.number} of {event.total}, step {event.score.step}: Dice on synthetic images {dice}."
            )
        else:
            told(event)

    return replace(control, tell=tell)
