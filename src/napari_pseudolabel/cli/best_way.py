"""Find the best way to labels in the shell, before images are labelled by it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from napari_pseudolabel.cli.progress import interruptible
from napari_pseudolabel.cli.shared import Shared
from napari_pseudolabel.cli.working import answer
from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.imaging import Image, ReadOptions
from napari_pseudolabel.imaging.reading.file_images import FileImage
from napari_pseudolabel.models import named_checkpoints
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.loaded import LoadedModels
from napari_pseudolabel.models.proposals import Candidate
from napari_pseudolabel.models.registry import card_of
from napari_pseudolabel.strategies.choice.find_way import FindWayJob, some_of
from napari_pseudolabel.strategies.choice.found_way import FoundWay
from napari_pseudolabel.strategies.choice.unjudged import unjudged, untried
from napari_pseudolabel.strategies.choice.ways import ways
from napari_pseudolabel.strategies.strategy import LabelRequest, ModelRole

MOST_IMAGES = 4
"""So many images of a folder are looked at."""


def found_way(given: Sequence[FileImage], options: Shared, asked: LabelRequest) -> FoundWay:
    """Try the ways that are possible on some of the images.

    Raises
    ------
    PseudolabelError
        If the images cannot be used, or no way is possible; `Cancelled` after Ctrl-C.
    """
    if asked.second_opinions or asked.folder is not None:
        flag = "--second-opinion" if asked.second_opinions else "--work-dir"
        raise InputError(f"Finding the best way takes none of it; leave out {flag}.")
    modality = (options.modality or "").strip()
    known = [Candidate(one.name, one.card) for one in named_checkpoints() if one.card is not None]
    possible = ways(
        modality,
        known,
        segmenter=candidate(asked.segmenter, "segmenter"),
        translator=candidate(asked.translator, "translator"),
    )
    with interruptible() as control:
        images = some_images(given, ReadOptions(options.axes, options.position), modality)
        job = FindWayJob(images, (*possible, *unjudged()), asked.settings)
        found: FoundWay = answer(job, control, options.connection)
    return found


def candidate(ref: str | None, role: ModelRole) -> Candidate | None:
    """Return a model by name or path with its card, loaded where only its weights tell; None for none."""
    if ref is None:
        return None
    try:
        return Candidate(ref, card_of(ref))
    except CheckpointError:
        card: Card = getattr(LoadedModels(), role)(ref).card
        return Candidate(ref, card)


def some_images(images: Sequence[FileImage], reading: ReadOptions, modality: str) -> tuple[Image, ...]:
    """Return some of many images, spread over them; those that cannot be read are left out.

    Raises
    ------
    InputError
        If none of them can be read.
    """
    found, problem = [], None
    for one in some_of(images, MOST_IMAGES):
        try:
            found.append(replace(one.read(reading), modality=modality))
        except InputError as error:
            problem = error
    if not found and problem is not None:
        raise problem
    return tuple(found)


def told(found: FoundWay) -> Iterator[str]:
    """Lines for the person: every way with its scores, and which was chosen, and why."""
    yield from found.lines
    yield found.reason
    for one in found.tried:
        if one.possible and not one.way.judged:
            yield f"To label by “{one.way.title}” give --strategy {one.way.strategy}."
    if left := untried(one.way for one in found.tried):
        yield left
