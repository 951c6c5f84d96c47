"""A run that is done becomes a file like any other: an OME-Zarr with its provenance."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.exporting.companions import PROVENANCE, companions, image_stem
from napari_pseudolabel.exporting.sidecar import sidecar_text
from napari_pseudolabel.exporting.writing import check_replaceable
from napari_pseudolabel.formats import Format
from napari_pseudolabel.formats.ome_zarr import CONFIDENCE, label_marks
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.pyramid import Pyramid, describe
from napari_pseudolabel.labels.classes import LARGEST_VALUE, not_labelled_class
from napari_pseudolabel.labels.windows import key_of
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.slides.numbered_slide import NUMBERED, number_slide
from napari_pseudolabel.slides.slide_store import JOB, JOURNAL, LOCK, SURE, SlideStore, confidence_of
from napari_pseudolabel.slides.slide_summary import SlideSummary
from napari_pseudolabel.workspace.atomic import into_place

if TYPE_CHECKING:
    import zarr


def unfinished(target: Path) -> Path:
    """Return the folder in which a run is kept until it is complete."""
    return target.with_name(f"{target.name}.part")


def complete(
    store: SlideStore,
    target: Path,
    format: Format,
    *,
    placement: Placement,
    provenance: Mapping[str, object],
    found: SlideSummary | None,
    confidence: bool = False,
    control: Control = Control(),
) -> tuple[Path, ...]:
    """Give a store that holds everything its name; it is closed then.

    Until the last step the unfinished folder holds everything, so a kill costs nothing but this.

    Parameters
    ----------
    found
        What is in the labels; None for translations.
    confidence
        Whether it is kept, as an image in ``confidence``.

    Returns
    -------
    tuple of Path
        The folder and its provenance.

    Raises
    ------
    InputError
        If it cannot be written, or would replace a folder of somebody else.
    """
    check_replaceable(target, format)
    letters = placement.letters
    assert letters is not None
    classes: tuple[LabelClass, ...] = store.classes
    fields = dict(provenance)
    if found is not None and found.predicted < found.pixels:
        fields |= {"share_labelled": found.share_labelled, "not_labelled": store.rest}
        classes = with_not_labelled(classes, store.rest)
    name = image_stem(target)
    if confidence and store.sure is not None:
        write_confidence(store.group, store.sure, name, placement, letters, control)
    if store.kind == "labels" and format.options.numbers:
        fields["export_notes"] = number_slide(
            store.folder, store.group, store.values, store.classes, name, placement, format.options, control
        )
    marks = None if store.kind == "image" else label_marks(classes)
    describe(store.group, store.values, name, placement, letters, marks)
    beside = companions(target)
    side = beside.paths[PROVENANCE]
    text = sidecar_text(
        fields,
        files={"image" if store.kind == "image" else "labels": target.name},
        classes=store.classes,
        placement=placement,
        earlier=beside.earlier,
    )
    store.close()
    into_place(store.folder, target, {side: text})
    for rest in (JOB, JOURNAL, LOCK, NUMBERED):
        with suppress(OSError):
            (target / rest).unlink()
    shutil.rmtree(target / SURE, ignore_errors=True)
    return target, side


def with_not_labelled(classes: tuple[LabelClass, ...], rest: int) -> tuple[LabelClass, ...]:
    """Return the classes with a name for what is not labelled, where a class can have its value."""
    return (*classes, not_labelled_class(rest)) if rest <= LARGEST_VALUE else classes


def write_confidence(
    group: zarr.Group, sure: Pyramid, name: str, placement: Placement, letters: str, control: Control
) -> None:
    """Write the confidence behind a stored one into ``confidence`` of a group, as float32 with NaN where there is none."""
    inner = group.create_group(CONFIDENCE, overwrite=True)
    pyramid = Pyramid.create(inner, sure.levels[0].shape, np.float32, fill=np.nan, letters=letters)
    stage = control.stage("Writing the confidence", len(bands := [*sure.bands()]))
    for index, window in bands:
        pyramid.write(index, window, confidence_of(np.asarray(sure.levels[0][key_of(index, window)])))
        stage.advance(1)
    describe(inner, pyramid, f"{name} confidence", placement, letters)
