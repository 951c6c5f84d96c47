"""Run a job on one image or on a folder of images, and write what it makes."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.cli.output import say, show, table
from napari_pseudolabel.cli.progress import Stopped, interruptible, prefixed
from napari_pseudolabel.cli.streamed_work import RunParts, check_room, streamed, unfinished_words
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError, message_for
from napari_pseudolabel.exporting.planned_files import planned
from napari_pseudolabel.exporting.targets import check_channel, check_files_stay, check_shape
from napari_pseudolabel.exporting.writing import check_holds_images
from napari_pseudolabel.formats import Format, format_of
from napari_pseudolabel.formats.image_sets import case_name
from napari_pseudolabel.imaging import Image, ReadOptions
from napari_pseudolabel.imaging.reading.file_names import is_image, left_out, stem
from napari_pseudolabel.labels.usability import warning
from napari_pseudolabel.strategies import AnsweringJob, Job, LabelJob, PseudoLabel, RunReport, join
from napari_pseudolabel.strategies.finished_images import FinishedImages
from napari_pseudolabel.strategies.writing_labels import write_result
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import duration, sentence, shown, some

if TYPE_CHECKING:
    from napari_pseudolabel.engine import Connection, Engine

_LISTED = 3
_MOST_SHARES = 12  # more are pieces to be named
_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True)
class ImageWork:
    """What is done with each image.

    Attributes
    ----------
    job
        Makes the job of an image.
    confidence
        Whether the confidence is written beside the labels.
    images
        Whether images are written, such as translations, instead of labels.
    """

    job: Callable[[Image], LabelJob]
    confidence: bool = False
    images: bool = False


def process(
    input: Path,
    output: Path,
    work: ImageWork,
    *,
    reading: ReadOptions,
    format: str | Format | None,
    as_json: bool,
    connection: Connection | None = None,
) -> None:
    """Work on every image of `input` and print what was written.

    One image that cannot be used does not stop the others of a folder, and what is finished of a folder is not done again.

    Parameters
    ----------
    reading
        How the files are read.
    connection
        To the workers that do it; None does it in this process.

    Raises
    ------
    InputError
        If `input`, `output` or an image cannot be used.
    WorkerError
        If the workers cannot be reached.
    Cancelled, Stopped
        After Ctrl-C.
    """
    plan = planned(input, output, format, confidence=work.confidence, reading=reading)
    images, targets = plan.images, plan.targets
    if work.images:
        for target in targets:
            check_holds_images(format_of(target, format))
    folder = plan.folder
    aside = [] if is_image(input) else [*left_out(input)]
    results: list[JsonObject] = []
    failed = [*plan.refused]
    total = len(images) + len(failed)
    whole_set = folder and bool(targets) and format_of(targets[0], format).collects
    finished = FinishedImages(output.parent if whole_set else output)
    parts_of: dict[str, Path] = {}  # files of sets, and the file by which their image was labelled
    with interruptible() as control, _runner(connection) as run:
        for number, (one, target) in enumerate(zip(images, targets, strict=True)):
            path = one.path
            if (whole := parts_of.get(os.path.realpath(path), path)) != path:
                aside.append(
                    f"{path.name} is a part of the image that begins with {whole.name}, and was not labelled again."
                )
                continue
            part = prefixed(control, f"Image {number + 1} of {len(images)}: " if folder else "")
            chosen = format_of(target, format)
            try:
                image = one.read(reading)
                parts_of.update((os.path.realpath(file), path) for file in image.files)
                check_shape(image, target, format)
                check_files_stay(image, target, confidence=work.confidence)
                job = work.job(image)
                check_channel(image, job.settings.channel)
                case = case_name(one.name) if whole_set else ""
                if folder:
                    key = finished.key(path, job, chosen, confidence=work.confidence)
                    if before := finished.told(target, key, case):
                        results.append({**before, "finished_before": True})
                        continue
                if folder and chosen.streamed:
                    output.mkdir(exist_ok=True)
                report, finish = (
                    streamed(job, target, chosen, run, part, confidence=work.confidence)
                    if chosen.streamed
                    else _collected(job, target, format, run, part, confidence=work.confidence)
                )
                control.check()  # the last moment at which nothing was changed
                if report.doubts:
                    # At once, and where it is seen whoever reads the results.
                    say(f"{one.title}: {warning(report.doubts)}", to=sys.stderr)
                if folder and not whole_set:
                    output.mkdir(exist_ok=True)
                results.append(finish())
                if folder:
                    finished.note(target, key, results[-1], case)
            except Cancelled as error:
                if chosen.streamed and (kept := unfinished_words(target)):
                    raise Stopped(f"Cancelled; {kept}") from error
                if not results:
                    raise
                raise Stopped(
                    f"Cancelled; {len(results)} of {len(images)} images were done before."
                ) from error
            except (InputError, MemoryError) as error:
                if not folder:
                    raise
                failed.append((one, message_for(error) or str(error)))
    data = {
        "results": results,
        "failed": [
            {
                "input": str(one.path),
                **({} if one.position is None else {"position": one.position}),
                "problem": why,
            }
            for one, why in failed
        ],
        "notes": aside,
    }
    if results or as_json:
        told = folder_lines(results) if folder and results else [_text(result) for result in results]
        show(data, "\n".join([*told, *aside]), as_json=as_json)
    if failed:
        problems = [f"{one.title}: {why.rstrip('.')}" for one, why in failed]
        listed = some(problems, _LISTED, "; ", "; and {} more")
        raise InputError(f"{len(failed)} of {total} images could not be used ({listed}).")


@contextmanager
def _runner(connection: Connection | None) -> Iterator[RunParts]:
    """Yield what runs a job, here or elsewhere, and hands over every part as it comes."""
    if connection is None:
        from napari_pseudolabel.models.loaded import LoadedModels

        models = LoadedModels()
        yield lambda job, control, got: job.run_parts(control, models, got)
        return
    from napari_pseudolabel.engine import Engine

    engine = Engine(connection)
    try:
        yield lambda job, control, got: _submitted(engine, job, control, got)
    finally:
        engine.shutdown()


def _collected(
    job: LabelJob,
    target: Path,
    format: str | Format | None,
    run: RunParts,
    control: Control,
    *,
    confidence: bool,
) -> tuple[RunReport, Callable[[], JsonObject]]:
    """Label an image in memory; for what is returned see `streamed`."""
    check_room(job.image, target)
    parts: list[PseudoLabel] = []
    found = join(job, parts, run(job, control, parts.append))
    return found.report, lambda: write_result(found, job.image, target, format, confidence=confidence)


def _submitted(
    engine: Engine, job: Job, control: Control, part: Callable[[PseudoLabel], None] = lambda part: None
) -> Any:
    from napari_pseudolabel.engine import Listener

    listener = Listener(progress=control.report, part=part, notice=control.emit)
    handle = engine.submit(job, listener=listener)
    while not handle.wait(_LOOK_AGAIN_S):
        if control.cancelled():
            handle.cancel()
    return handle.result()


def answer(job: AnsweringJob, control: Control, connection: Connection | None) -> Any:
    """Return what a job answers that makes no labels; parameters as of `process`."""
    if connection is None:
        from napari_pseudolabel.models.loaded import LoadedModels

        return job.run(control, LoadedModels())
    from napari_pseudolabel.engine import Engine

    engine = Engine(connection)
    try:
        return _submitted(engine, job, control)
    finally:
        engine.shutdown()


def _text(result: JsonObject) -> str:
    lines = [f"{shown(result['output'])} ({duration(result['seconds'])})"]
    if result.get("shares"):
        shares = [f"{sentence(name)} {share:.1%}" for name, share in result["shares"].items()]
        lines.append(some(shares, _MOST_SHARES))
        lines[-1] += f", mean confidence {result['mean_confidence']:.2f}"
        lines += filter(None, (result["objects_in_words"],))
    return "\n  ".join([*lines, *map(sentence, result["notes"])])


def folder_lines(results: Sequence[JsonObject]) -> list[str]:
    """Lines about the images of a folder: a row for each, and what is to be said of them once."""
    head = ("image", "objects", "confidence", "agreement", "time")
    rows = [
        (
            Path(result["output"]).name,
            str(result.get("objects_in_words") or "").rstrip("."),
            _number(result.get("mean_confidence")),
            _number(result.get("agreement")),
            "finished before" if result.get("finished_before") else duration(result["seconds"]),
        )
        for result in results
    ]
    said: dict[str, list[str]] = {}
    alike = Counter(note for result in results for note in set(result["notes"]))
    for result, row in zip(results, rows, strict=True):
        # What is said of every image is said once, also where it calls each by its name, which may be a word of every sentence.
        named = f" {stem(Path(row[0]))} "
        alone = {note for note in result["notes"] if len(results) > 1 and alike[note] == 1}
        told = [note.replace(named, " the image ") if note in alone else note for note in result["notes"]]
        for note in dict.fromkeys(told):
            said.setdefault(note, []).append(row[0])
    notes = [f"{sentence(note)}{_whose(names, len(results))}" for note, names in said.items()]
    return [
        table(head, rows),
        f"{'1 image' if len(results) == 1 else f'{len(results)} images'}, in {shown(Path(results[0]['output']).parent)}.",
        *notes,
    ]


def _whose(names: Sequence[str], images: int) -> str:
    """Say which image a note is about; empty where there is one image."""
    if images == 1:
        return ""
    return f" ({names[0]})" if len(names) == 1 else f" ({len(names)} images)"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
