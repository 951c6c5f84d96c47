"""``pseudolabel label``, ``translate`` and ``segment``."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_pseudolabel.cli import options as o
from napari_pseudolabel.cli.shared import Shared, expanded, shared
from napari_pseudolabel.cli.tutor import Tutoring, label_tutored
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.object_size import SMALLEST_OBJECT


@shared
@expanded("tutoring", Tutoring)
def label(
    input: o.Input,
    output: o.Output,
    translator: o.TranslatorRef,
    options: Shared,
    tutoring: Tutoring,
    segmenter: Annotated[
        str | None,
        typer.Option(
            metavar="REF",
            help="Name (see `pseudolabel models`) or path of a segmenter; tutorship trains its own.",
        ),
    ] = None,
    strategy: Annotated[
        o.Strategy,
        typer.Option(
            help="adaptation translates the images and segments the translations; tutorship translates a labelled "
            "set, trains on it, and segments the images as they are."
        ),
    ] = o.Strategy.adaptation,
    samples: o.Samples = 1,
    flips: o.Flips = 0,
    smallest_object: o.SmallestObject = SMALLEST_OBJECT,
    second_opinion: o.SecondOpinions = None,
    confidence: o.WithConfidence = False,
    seed: o.Seed = 0,
    mode: o.ModeOption = o.Mode.joint,
) -> None:
    """Make pseudo labels, by adaptation or by tutorship."""
    from napari_pseudolabel.cli.working import Work
    from napari_pseudolabel.strategies import LabelJob

    settings = options.settings(samples, seed, mode, flips, smallest_object)
    others = tuple(second_opinion or ())
    if strategy is o.Strategy.tutorship:
        if segmenter or others:
            raise InputError(
                "Tutorship trains its own segmenters; leave out --segmenter and --second-opinion."
            )
        if samples != 1:
            raise InputError("Tutorship does not translate the images; give --train-samples, not --samples.")
        _check_models(translator)
        job = tutoring.job(translator, seed, options.device, (options.modality or "").strip())
        label_tutored(input, output, options, job, settings, confidence=confidence)
        return
    tutoring.refuse()
    if segmenter is None:
        raise InputError("Adaptation needs a segmenter of the labelled modality; give --segmenter.")
    ref = segmenter
    _check_models(translator, ref, *others)
    work = Work(
        lambda image: LabelJob(image, translator, ref, settings=settings, second_opinions=others),
        confidence=confidence,
    )
    options.process(input, output, work)


@shared
def translate(
    input: o.Input,
    output: o.Output,
    translator: o.TranslatorRef,
    options: Shared,
    samples: o.Samples = 1,
    seed: o.Seed = 0,
    mode: o.ModeOption = o.Mode.joint,
) -> None:
    """Translate images into another modality; with several samples their mean is written."""
    from napari_pseudolabel.cli.working import Work
    from napari_pseudolabel.strategies import LabelJob

    settings = options.settings(samples, seed, mode)
    _check_models(translator)
    work = Work(lambda image: LabelJob(image, translator, settings=settings), images=True)
    options.process(input, output, work)


@shared
def segment(
    input: o.Input,
    output: o.Output,
    segmenter: o.SegmenterRef,
    options: Shared,
    flips: o.Flips = 0,
    smallest_object: o.SmallestObject = SMALLEST_OBJECT,
    confidence: o.WithConfidence = False,
) -> None:
    """Segment images as they are, without translation."""
    from napari_pseudolabel.cli.working import Work
    from napari_pseudolabel.strategies import LabelJob

    settings = options.settings(flips=flips, smallest_object=smallest_object)
    _check_models(segmenter)
    work = Work(lambda image: LabelJob(image, None, segmenter, settings=settings), confidence=confidence)
    options.process(input, output, work)


def _check_models(*refs: str) -> None:
    """Say once, and before any image is read, that a model is not there."""
    from napari_pseudolabel.models import resolve

    for ref in refs:
        resolve(ref)
