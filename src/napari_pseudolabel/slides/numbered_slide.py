"""The objects of labels that do not fit into memory get their numbers, beside the labels."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.formats.ome_zarr import INSTANCES, OmeZarrOptions
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.pyramid import Pyramid, describe
from napari_pseudolabel.labels.objects import scheme_for
from napari_pseudolabel.labels.objects.plane_joining import join_planes
from napari_pseudolabel.labels.objects.stitching import number_objects
from napari_pseudolabel.labels.windows import Index, Window, key_of
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import written
from napari_pseudolabel.slides.numbering_journal import NumberingJournal, PlaneLog
from napari_pseudolabel.slides.slide_run import own_version
from napari_pseudolabel.slides.slide_summary import StoredPlane
from napari_pseudolabel.types import Array

if TYPE_CHECKING:
    import zarr

NUMBERED = "numbered.jsonl"
"""Name of the journal in the folder; it goes when everything is there."""


def number_slide(
    folder: Path,
    group: zarr.Group,
    labels: Pyramid,
    classes: Sequence[LabelClass],
    name: str,
    placement: Placement,
    options: OmeZarrOptions,
    control: Control,
) -> tuple[str, ...]:
    """Write the number of its object to every pixel; return what there is to say of it.

    Each number is there once, whatever the plane, unless planes are to be joined. A numbering of the same
    labels that was stopped in this folder goes on.

    Parameters
    ----------
    folder
        Of the group.
    labels
        Class values; nobody writes into them meanwhile.
    options
        Whether planes are joined.
    """
    letters = placement.letters
    shape, values = labels.levels[0].shape, tuple(one.value for one in classes)
    scheme = scheme_for(classes, placement.pixel_aspect)
    identity = {
        "labels": _sum_over(labels, control),
        "values": [*values],
        "scheme": written(scheme),
        "version": own_version(),
    }
    there = _there(group)

    def read(index: Index, window: Window) -> Array:
        assert there is not None
        return np.asarray(there.levels[0][key_of(index, window)])

    journal = NumberingJournal(folder / NUMBERED, identity, None if there is None else read)
    try:
        if there is None or not journal.goes_on:
            there = Pyramid.create(
                group.create_group(INSTANCES, overwrite=True), shape, np.uint32, letters=letters
            )
        planes = [*np.ndindex(*shape[:-2])]
        number = 1
        for at, index in enumerate(planes, start=1):
            part = control.part(f"plane {at} of {len(planes)}") if len(planes) > 1 else control
            number = number_objects(
                StoredPlane(labels.levels[0], index),
                scheme,
                StoredPlane(there.levels[0], index),
                first=number,
                values=values,
                log=PlaneLog(journal, index, part.stage("Numbering the objects", 0)),
            )
    finally:
        journal.close()
    axis = options.axis(placement)
    if axis is not None:
        # A journal does not fit to what comes now, so one that is stopped here begins anew.
        join_planes(there.levels[0], labels.levels[0], scheme, options.join_planes, axis, control.check)
    stage = control.stage("Writing the numbers smaller", len(bands := [*there.bands()]))
    for index, window in bands:
        there.write(index, window, read(index, window), finest=False)
        stage.advance()
    inner: Any = group[INSTANCES]
    describe(inner, there, f"{name} instances", placement, letters or "", {})
    return () if axis is None else options.words


def _there(group: zarr.Group) -> Pyramid | None:
    found: Any = group.get(INSTANCES)
    pyramid = None if found is None else Pyramid.of(found)
    return pyramid if pyramid is not None and pyramid.levels else None


def _sum_over(labels: Pyramid, control: Control) -> int:
    """Return a sum over all labels, by which a change is noticed."""
    found = 0
    stage = control.stage("Looking at the labels", len(bands := [*labels.bands()]))
    for index, window in bands:
        found = zlib.crc32(
            np.ascontiguousarray(labels.levels[0][key_of(index, window)]).view(np.uint8).data, found
        )
        stage.advance()
    return found
