"""Images whose results are written part by part, so that they may be larger than the memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from napari_pseudolabel.budget import free_memory, in_words
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError, message_for
from napari_pseudolabel.formats import Format, formats
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.strategies import LabelJob, PseudoLabel, RunReport
from napari_pseudolabel.types import JsonObject

RunParts = Callable[[LabelJob, Control, Callable[[PseudoLabel], None]], RunReport]

# Labels, confidence, translation, and what each member of a usual ensemble says.
_BYTES_PER_PIXEL = 1 + 4 + 4 + 4


def check_room(image: Image, target: Path) -> None:
    """Refuse to collect results that the memory cannot hold.

    Raises
    ------
    InputError
        If there is less memory than that.
    """
    size = math.prod(image.shape) * _BYTES_PER_PIXEL
    if size > 2**28 and size > (free := free_memory()):
        ends = " or ".join(one.suffix for one in formats() if one.streamed)
        raise InputError(
            f"The results of {image.name} take about {in_words(size)} of memory, but {in_words(free)} are free; give the "
            f"output a name that ends with {ends}, which is written part by part."
        )


def unfinished_words(target: Path) -> str:
    """Return where an interrupted run is and what to do with it, as a clause; empty where nothing of it is there."""
    from napari_pseudolabel.slides.completing import unfinished
    from napari_pseudolabel.slides.slide_store import is_begun

    folder = unfinished(target)
    if not is_begun(folder):
        return ""
    return f"what was done is in {folder.name}, and the same command goes on with it."


def streamed(
    job: LabelJob, target: Path, format: Format, run: RunParts, control: Control, *, confidence: bool
) -> tuple[RunReport, Callable[[], JsonObject]]:
    """Label an image into an unfinished folder beside `target`, or go on with what is there.

    Returns
    -------
    report
        Of the whole run.
    finish
        Gives the folder its name, and returns what is to be told.

    Raises
    ------
    InputError
        If the folder holds something else, or cannot be written.
    """
    from napari_pseudolabel.labels.objects import census_text
    from napari_pseudolabel.slides.completing import complete, unfinished
    from napari_pseudolabel.slides.slide_run import SlideRun
    from napari_pseudolabel.slides.slide_summary import summary

    kept = SlideRun(unfinished(target), format.options.version)
    try:
        report = run(replace(job, kept=kept), control, lambda part: None)
        found = (
            None
            if kept.store.kind == "image"
            else summary(kept.store, control, job.image.placement.pixel_aspect)
        )
    except OSError as error:
        kept.close()
        if (done := unfinished_words(target)) and (why := message_for(error)):
            raise InputError(f"{why.rstrip('.')}; {done}") from error
        raise
    except BaseException:
        kept.close()
        raise

    def finish() -> JsonObject:
        provenance = report.provenance()
        placement = job.image.placement
        if told := report.settings.scale.pixel_size_um:
            placement = placement.with_pixel_size_um(told)
        files = complete(
            kept.store,
            target,
            format,
            placement=placement,
            provenance=provenance,
            found=found,
            confidence=confidence,
            control=control,
        )
        result: JsonObject = {"input": job.image.path, "output": str(target)}
        if found is not None:
            result |= {
                "shares": found.shares,
                "mean_confidence": found.confidence,
                "objects": {one.name: one.number for one in found.counts},
                "objects_in_words": census_text(found.counts),
            }
        return {**result, "files": [str(file) for file in files], **provenance}

    return report, finish
