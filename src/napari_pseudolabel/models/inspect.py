"""Say what a file or folder is, without running anything from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.errors import CheckpointError, FileError, InputError
from napari_pseudolabel.models.card_files import CARD_ENDING
from napari_pseudolabel.models.families import families, markers, suffixes
from napari_pseudolabel.models.inspection import Inspection, useful, useless
from napari_pseudolabel.models.inspection_process import InspectionProcess, Limits
from napari_pseudolabel.models.offers import Offer, choose, home_of
from napari_pseudolabel.models.registry import load_segmenter, reading, resolve
from napari_pseudolabel.types import JsonObject

INSPECTED = f"{__name__}:inspected"


def inspect(ref: str | Path, which: int | None = None) -> Inspection:
    """Say what a file or folder is, what its weights reveal and what is missing.

    Parameters
    ----------
    ref
        A path, or a name such as ``sample:sem-to-tem``.
    which
        Which generator of a SynDiff ``content.pth`` to describe.

    Returns
    -------
    Inspection
        Also for files that cannot be used: `Inspection.problem` says why.

    Raises
    ------
    InputError
        If there is nothing at `ref`.
    """
    path = resolve(ref)
    try:
        with reading(path):
            return _folder(path) if path.is_dir() else _file(path, which)
    except (CheckpointError, InputError) as error:
        return useless(path, "not a usable checkpoint", str(error))


def inspect_in_process(
    refs: Sequence[str | Path], which: int | None = None, check: Callable[[], None] = lambda: None
) -> Iterator[Inspection]:
    """Say what files or folders are, looking at them in a process of its own; see `inspect`.

    A file that makes its reader crash, or that needs absurd memory or time, is one that cannot be used.

    Parameters
    ----------
    refs
        Paths or names.
    which
        Which generator of a SynDiff ``content.pth`` to describe.
    check
        Called now and then; what it raises ends the process.

    Yields
    ------
    Inspection
        In the order of `refs`.

    Raises
    ------
    InputError
        If there is nothing at one of them.
    """
    with InspectionProcess(check) as apart:
        for ref in refs:
            path = resolve(ref)
            try:
                found = apart.call(INSPECTED, str(path), which, name=path.name, limits=Limits.of(path))
                yield Inspection.model_validate(found)
            except (CheckpointError, InputError, ValidationError) as error:
                problem = (
                    str(error)
                    if isinstance(error, CheckpointError | InputError)
                    else f"{path.name} confused the process that reads it."
                )
                yield useless(path, "not a usable checkpoint", problem)


def inspected(path: str, which: int | None) -> JsonObject:
    """`inspect` with values that cross processes."""
    return inspect(Path(path), which).model_dump(mode="json")


def _folder(path: Path) -> Inspection:
    # With torch, as all that loads.
    from napari_pseudolabel.models.text_to_image.diffusers_folder import is_diffusers_folder

    offer = Offer(path)
    if not offer.names:
        return useless(path, "empty folder", f"{path.name} is empty.")
    if found := _described(offer):
        return found
    if is_diffusers_folder(path):
        problem = f"{path.name} is a text-to-image model, which neither translates nor segments by itself; give it to the strategy phrases."
        return useless(path, "text-to-image model", problem)
    weights = sorted(name for name in offer.names if name.endswith(suffixes()))
    if weights:
        problem = (
            f"{path.name} is a folder of checkpoints; choose one of its files: {', '.join(weights[:6])}."
        )
        return useless(path, "folder of checkpoints", problem)
    there = f"no weights, and none of {', '.join(markers())}"
    return useless(path, "unknown folder", f"{path.name} is no model folder: it holds {there}.")


def _file(path: Path, which: int | None) -> Inspection:
    offer = Offer(path, which=which)
    if not offer.head:
        return useless(path, "empty file", f"{path.name} is empty; copy or download it again.")
    if found := _described(offer):
        return found
    if offer.foreign:
        return useless(path, *offer.foreign)
    if offer.has_weights:
        return _weights(offer)
    if offer.has_json:
        return _json(path)
    return useless(path, "unknown file", f"{path.name} is no checkpoint of a kind that we know.")


def _described(offer: Offer) -> Inspection | None:
    """Return what the first family says that knows it."""
    asked = families(first=offer.said_family)
    return next(filter(None, (home_of(family).describes(offer) for family in asked)), None)


def _weights(offer: Offer) -> Inspection:
    """Say what weights are that no family has described.

    Raises
    ------
    CheckpointError
        If they cannot be read, or are not what their card says.
    """
    if offer.given.get("kind") == "segmenter":
        return useful(offer.path, "segmenter", load_segmenter(offer.path).card)
    try:
        return useful(offer.path, "translator", choose(offer, "translator").loads(offer).card)
    except CheckpointError as error:
        offer.contents  # noqa: B018  (raises if they cannot be read)
        return useless(offer.path, "weights of another network", str(error))


def _json(path: Path) -> Inspection:
    try:
        read_json(path)
    except FileError as error:
        return useless(path, "damaged JSON file", str(error))
    if path.name.endswith(CARD_ENDING):
        return useless(
            path, "card", f"{path.name} is the card of a checkpoint; choose the checkpoint beside it."
        )
    return useless(path, "JSON file", f"{path.name} is a JSON file without weights.")
