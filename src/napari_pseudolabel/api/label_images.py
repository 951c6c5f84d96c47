"""Label an image from Python, and write the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pseudolabel.api.checked_arguments import checked_arguments
from napari_pseudolabel.api.python_inputs import ImageInput, opened, told_planes
from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.imaging.plane_key import pixels_key
from napari_pseudolabel.models import load_segmenter, load_translator, named_checkpoints
from napari_pseudolabel.models.proposals import Candidate, known_modalities, propose
from napari_pseudolabel.strategies.choice.auto import AUTO
from napari_pseudolabel.strategies.description import PseudoLabel
from napari_pseudolabel.strategies.jobs import LabelJob
from napari_pseudolabel.strategies.label_settings import LabelSettings, Region
from napari_pseudolabel.strategies.registry import by_roles, find
from napari_pseudolabel.strategies.strategy import LabelRequest, Strategy, by_models

if TYPE_CHECKING:
    from napari_pseudolabel.formats import Format
    from napari_pseudolabel.models.loaded import LoadedModels

__all__ = ["export", "load_segmenter", "load_translator", "pseudo_label"]


@checked_arguments
def pseudo_label(
    image: ImageInput,
    *,
    segmenter: str | Path | None = None,
    translator: str | Path | None = None,
    strategy: str | None = None,
    modality: str = "",
    pixel_size_um: float | None = None,
    axes: str | None = None,
    options: Any = None,
    folder: str | Path | None = None,
    region: Region | None = None,
    planes: Sequence[int | Sequence[int]] | None = None,
    settings: LabelSettings | None = None,
    control: Control | None = None,
    models: LoadedModels | None = None,
) -> PseudoLabel:
    """Label an image.

    Parameters
    ----------
    image
        Path, array of (Y, X), (Y, X, 3) or with `axes`, or `imaging.Image`; dask and zarr arrays are read part by part.
    segmenter, translator
        Names such as ``sample:tem-axons``, or paths. Without any, and without a strategy, what was measured best for `modality`.
    strategy
        One of ``pseudolabel label --help``: ``adaptation``, ``segmentation``, ``otsu``, ``tutorship`` ...; ``auto`` tries what
        is possible. None for what the models say.
    modality
        What the image shows, as models name it ("SEM"); empty for what its file says.
    pixel_size_um
        Side of a pixel in micrometres; None for what the file says, else it is found.
    axes
        One letter per axis (T, Z, C, Y, X, S), where the file does not tell or more than two axes of an array mean something.
    options
        Of the strategy, of its class `Strategy.options`; None for the usual ones.
    folder
        Keeps what a strategy trains before it labels; needed by those.
    region, planes
        What is labelled, planes by their indices, ``[0, 5]`` in a stack or ``[(1, 0), (1, 5)]`` in a series of stacks; None for all.
    settings
        Flips, samples, seed, tiles, device; see docs/options.md.
    control
        Takes progress and may cancel.
    models
        `LoadedModels` to be kept between calls, so that models are loaded once.

    Returns
    -------
    PseudoLabel
        Of `region` and `planes`: ``labels`` (P, H, W) uint8, ``confidence`` (P, H, W) float32 in [0, 1], NaN where
        nothing was predicted, and ``report``.

    Raises
    ------
    PseudolabelError
        With one sentence that says what is wrong and what to do.
    """
    from napari_pseudolabel.exporting.targets import check_channel
    from napari_pseudolabel.models.loaded import LoadedModels

    control, models = control or Control(), models or LoadedModels()
    layer = opened(image, axes, modality)
    settings = settings or LabelSettings()
    check_channel(layer, settings.channel)
    if pixel_size_um is not None:
        settings = replace(settings, scale=replace(settings.scale, pixel_size_um=pixel_size_um))
    asked = LabelRequest(
        translator=None if translator is None else str(translator),
        segmenter=None if segmenter is None else str(segmenter),
        folder=None if folder is None else Path(folder),
        settings=settings,
        region=region,
        planes=None if planes is None else told_planes(planes, layer),
    )
    if strategy == AUTO.name:
        if options is not None or folder is not None:
            raise InputError("Finding the best way takes no options and no folder; leave them out.")
        job = _best(layer, asked, control, models)
    elif strategy is None:
        if options is not None or folder is not None:
            raise InputError("Options and a folder belong to a strategy; name it.")
        asked = _proposed(layer, asked)
        by_roles(asked).refuse_unused(asked)
        job = by_models(layer, asked)
    else:
        job = _prepared(find(strategy), layer, replace(asked, options=options), control, models)
    return job.run(control, models)


@checked_arguments
def export(
    path: str | Path,
    labels: PseudoLabel,
    image: ImageInput,
    *,
    axes: str | None = None,
    format: str | Format | None = None,
    confidence: bool = True,
) -> tuple[Path, ...]:
    """Write pseudo labels with their provenance, in any format that docks and shell write.

    Parameters
    ----------
    path
        File or folder to write; its suffix names the format unless `format` does.
    labels
        Of `image`. What was not labelled is written as not labelled, never as background.
    image, axes
        As for `pseudo_label`: where the labels lie.
    confidence
        Whether the confidence goes beside the labels.

    Returns
    -------
    tuple of Path
        All files that were written.

    Raises
    ------
    InputError
        If the labels are of another image, the format cannot hold them, or the folder cannot be written to; nothing is half-written.
    """
    from napari_pseudolabel.strategies.writing_labels import write_result

    layer = opened(image, axes)
    if labels.report.pixels not in ("", pixels_key(layer)):
        whose = f", those of {name}" if (name := labels.report.source) != layer.name else ""
        raise InputError(
            f"{layer.name} does not hold the pixels that were labelled{whose}; give the image that the labels are of."
        )
    told = write_result(_of_whole(labels, layer), layer, Path(path), format, confidence=confidence)
    return tuple(Path(file) for file in told["files"])


def _proposed(image: Image, asked: LabelRequest) -> LabelRequest:
    """Return what is asked for, with the models that are measured best for the image where none were chosen."""
    if asked.segmenter or asked.translator:
        return asked
    known = _known()
    listed = ", ".join(known_modalities(known))
    found = propose(image.modality, known)
    if found is None:
        what = (
            f"No named model takes {image.modality}"
            if image.modality
            else "It is not known what the image shows"
        )
        raise InputError(
            f"{what}; give modality (one of {listed}), or a segmenter, with a translator if one is needed."
        )
    return replace(asked, translator=found.translator, segmenter=found.segmenter)


def _known() -> list[Candidate]:
    return [Candidate(one.name, one.card) for one in named_checkpoints() if one.card is not None]


def _best(image: Image, asked: LabelRequest, control: Control, models: LoadedModels) -> LabelJob:
    """Return the job of the way whose labels hold up best."""
    from napari_pseudolabel.strategies.choice.find_way import FindWayJob
    from napari_pseudolabel.strategies.choice.ways import ways

    given = {
        role: None if ref is None else Candidate(ref, getattr(models, role)(ref).card)
        for role, ref in (("segmenter", asked.segmenter), ("translator", asked.translator))
    }
    possible = ways(image.modality, _known(), segmenter=given["segmenter"], translator=given["translator"])
    found = FindWayJob((image,), possible, asked.settings).run(control, models)
    return found.job(image, asked)


def _prepared(
    strategy: Strategy, image: Image, asked: LabelRequest, control: Control, models: LoadedModels
) -> LabelJob:
    """Return the job of a strategy, after what it does once before any image is labelled."""
    if asked.options is None and strategy.options is not None:
        asked = replace(asked, options=strategy.options())
    if asked.options is not None and not isinstance(asked.options, strategy.options or ()):
        takes = "none" if strategy.options is None else strategy.options.__name__
        raise InputError(f"{strategy.word} takes options of another kind ({takes}); correct options.")
    strategy.refuse_unused(asked)
    preparation = strategy.preparation
    if preparation is None:
        return strategy.job(image, asked)
    if asked.folder is None:
        raise InputError(f"{strategy.word} keeps what it prepares; give folder.")
    if preparation.takes_targets:
        raise InputError(f"{strategy.word} learns from a folder of images; use the shell or the dock.")
    asked = replace(asked, images=(image,) if preparation.sees_images else ())
    job = preparation.job(asked, image.modality)
    return strategy.job(image, preparation.with_result(asked, job, job.run(control, models)))


def _of_whole(found: PseudoLabel, image: Image) -> PseudoLabel:
    """Return labels of the whole image, not labelled outside of what was asked for."""
    everything = tuple(image.planes())
    height, width = image.shape[-2:]
    part = found.region.window
    if found.planes == everything and found.region.shape == (height, width):
        return found
    if found.labels is None:
        raise InputError(
            "A translation of a part has no pixels for the rest; translate the whole image to export it."
        )
    places = {index: number for number, index in enumerate(everything)}

    def placed(values: Any, fill: float) -> Any:
        if values is None:
            return None
        whole = np.full((len(everything), height, width), fill, values.dtype)
        for plane, index in zip(values, found.planes, strict=True):
            whole[(places[index], *part)] = plane
        return whole

    if not set(found.planes) <= set(places) or found.region.y1 > height or found.region.x1 > width:
        raise InputError(
            f"The labels are of another image than {image.name}; give the one that was labelled."
        )
    return replace(
        found,
        labels=placed(found.labels, 0),
        confidence=placed(found.confidence, np.nan),
        translation=None,
        spread=None,
        candidates=None,
        region=Region(0, 0, height, width),
        planes=everything,
    )
