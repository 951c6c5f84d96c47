"""``pseudolabel label``, ``translate`` and ``segment``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_pseudolabel.cli import option_types as o
from napari_pseudolabel.cli.declared import expanded
from napari_pseudolabel.cli.formats import Wanted, with_format
from napari_pseudolabel.cli.output import say
from napari_pseudolabel.cli.shared import Shared, shared
from napari_pseudolabel.cli.strategies import Chosen, prepared, proposed, refuse, strategic
from napari_pseudolabel.strategies.label_settings import LabelSettings
from napari_pseudolabel.strategies.segmentation import SEGMENTATION
from napari_pseudolabel.strategies.translation import TRANSLATION

if TYPE_CHECKING:
    from napari_pseudolabel.formats import Format
    from napari_pseudolabel.strategies.strategy import LabelRequest


def label_command() -> Callable[..., None]:
    """Return ``label``, with the strategies that there are."""
    return shared(with_format(expanded("settings", LabelSettings)(strategic(label))))


def label(
    input: o.Input,
    output: o.Output,
    options: Shared,
    settings: LabelSettings,
    wanted: Wanted,
    chosen: Chosen,
    translator: o.OneTranslator = None,
    segmenter: o.OneSegmenter = None,
    second_opinion: o.SecondOpinions = None,
    confidence: o.WithConfidence = False,
    work_dir: o.WorkDir = None,
) -> None:
    """Make pseudo labels, by one of several strategies."""
    from napari_pseudolabel.cli.working import ImageWork
    from napari_pseudolabel.strategies.strategy import LabelRequest

    format = wanted.format(output)
    options.check_device(settings)
    asked = LabelRequest(
        translator,
        segmenter,
        tuple(second_opinion or ()),
        folder=work_dir,
        settings=settings,
    )
    if chosen.auto:
        chosen.refuse_options()
        _label_by_the_best(input, output, options, format, asked, confidence=confidence)
        return
    strategy, asked, reason = proposed(chosen, asked, (options.modality or "").strip())
    asked = replace(asked, options=chosen.options(strategy))
    refuse(strategy, asked)
    _check_models(*filter(None, (asked.translator, asked.segmenter)), *asked.second_opinions)
    if reason:
        say(reason, to=sys.stderr)
    if strategy.preparation is not None:
        asked = prepared(strategy, asked, input, output, options, format, confidence=confidence)
    work = ImageWork(lambda image: strategy.job(image, asked), confidence=confidence)
    options.process(input, output, work, format)


def _label_by_the_best(
    input: Path,
    output: Path,
    options: Shared,
    format: str | Format | None,
    asked: LabelRequest,
    *,
    confidence: bool,
) -> None:
    """Find the best way for some of the images, and label all of them by it."""
    from napari_pseudolabel.cli.best_way import found_way, told
    from napari_pseudolabel.cli.working import ImageWork
    from napari_pseudolabel.exporting.planned_files import planned

    # Now, and not when the ways were tried.
    plan = planned(input, output, format, confidence=confidence, reading=options.reading)
    found = found_way(plan.images, options, asked)
    for line in told(found):
        say(line, to=sys.stderr)
    work = ImageWork(lambda image: found.job(image, asked), confidence=confidence)
    options.process(input, output, work, format)


@shared
@with_format
@expanded("settings", LabelSettings, frozenset(one.key for one in TRANSLATION.fixed))
def translate(
    input: o.Input,
    output: o.Output,
    translator: o.TranslatorRef,
    options: Shared,
    settings: LabelSettings,
    wanted: Wanted,
) -> None:
    """Translate images into another modality; with several samples their mean is written."""
    from napari_pseudolabel.cli.working import ImageWork
    from napari_pseudolabel.strategies import LabelJob

    options.check_device(settings)
    _check_models(translator)
    work = ImageWork(lambda image: LabelJob(image, translator, settings=settings), images=True)
    options.process(input, output, work, wanted.format(output))


@shared
@with_format
@expanded("settings", LabelSettings, frozenset({"seed", *(one.key for one in SEGMENTATION.fixed)}))
def segment(
    input: o.Input,
    output: o.Output,
    segmenter: o.SegmenterRef,
    options: Shared,
    settings: LabelSettings,
    wanted: Wanted,
    confidence: o.WithConfidence = False,
) -> None:
    """Segment images as they are, without translation."""
    from napari_pseudolabel.cli.working import ImageWork
    from napari_pseudolabel.strategies import LabelJob

    options.check_device(settings)
    _check_models(segmenter)
    work = ImageWork(lambda image: LabelJob(image, None, segmenter, settings=settings), confidence=confidence)
    options.process(input, output, work, wanted.format(output))


def _check_models(*refs: str) -> None:
    """Say once, and before any image is read, that a model is not there."""
    from napari_pseudolabel.models import resolve

    for ref in refs:
        resolve(ref)
