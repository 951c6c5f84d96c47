"""``pseudolabel label``, ``translate`` and ``segment``."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_pseudolabel.cli import options as o
from napari_pseudolabel.cli.shared import Shared, shared


@shared
def label(
    input: o.Input,
    output: o.Output,
    translator: o.TranslatorRef,
    segmenter: o.SegmenterRef,
    options: Shared,
    strategy: Annotated[
        o.Strategy, typer.Option(help="Recipe that makes the labels.")
    ] = o.Strategy.adaptation,
    samples: o.Samples = 1,
    confidence: o.WithConfidence = False,
    seed: o.Seed = 0,
    mode: o.ModeOption = o.Mode.joint,
) -> None:
    """Make pseudo labels: translate images into the labelled modality and segment them there."""
    from napari_pseudolabel.cli.working import Work
    from napari_pseudolabel.strategies import LabelJob

    settings = options.settings(samples, seed, mode)
    _check_models(translator, segmenter)
    work = Work(
        lambda image: LabelJob(image, translator, segmenter, strategy.value, settings=settings),
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
    from napari_pseudolabel.strategies import TranslateJob

    settings = options.settings(samples, seed, mode)
    _check_models(translator)
    options.process(input, output, Work(lambda image: TranslateJob(image, translator, settings=settings)))


@shared
def segment(
    input: o.Input,
    output: o.Output,
    segmenter: o.SegmenterRef,
    options: Shared,
    confidence: o.WithConfidence = False,
) -> None:
    """Segment images as they are, without translation."""
    from napari_pseudolabel.cli.working import Work
    from napari_pseudolabel.strategies import SegmentJob

    settings = options.settings()
    _check_models(segmenter)
    work = Work(lambda image: SegmentJob(image, segmenter, settings=settings), confidence=confidence)
    options.process(input, output, work)


def _check_models(*refs: str) -> None:
    """Say once, and before any image is read, that a model is not there."""
    from napari_pseudolabel.models import resolve

    for ref in refs:
        resolve(ref)
