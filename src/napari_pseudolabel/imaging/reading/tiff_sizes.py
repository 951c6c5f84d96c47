"""Pixel sizes in TIFF files: who says what, and whom to believe."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import tifffile

from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.reading.believing import Told, settle
from napari_pseudolabel.imaging.reading.source import Step
from napari_pseudolabel.imaging.reading.tiff_described import imagej_sizes, ome_sizes, own_annotation
from napari_pseudolabel.imaging.reading.tiff_vendors import VENDORS, resolution_tags


@dataclass(frozen=True)
class Sizes:
    """What a TIFF file says about its axes.

    Attributes
    ----------
    steps
        By letter of the axis.
    axes, placement
        Of our own annotation, if it is there.
    notes
        What had to be assumed, and which of two sources was believed; see `Source`.
    """

    steps: dict[str, Step] = field(default_factory=dict)
    axes: str | None = None
    placement: Placement | None = None
    notes: tuple[str, ...] = ()


def tiff_sizes(tif: tifffile.TiffFile, number: int = 0) -> Sizes:
    """Ask everybody in the file, in the order in which they are believed.

    Parameters
    ----------
    number
        Of the image in OME-XML.
    """
    xml = tif.ome_metadata if tif.is_ome else None
    told: list[Told] = [] if xml is None else [ome_sizes(xml, number)]
    vendors = [one for reader in VENDORS if (one := reader(tif)) is not None]
    tags = resolution_tags(tif)
    if tif.is_imagej:
        # ImageJ leaves the unit of the tags open, unless its own is cm or inch. Other programs that write a comment as
        # ImageJ does keep to the tags.
        told += [tags, imagej_sizes(tif), *vendors]
    else:
        told += [*vendors, tags]
    steps, notes = settle(told)
    axes, placement = own_annotation(xml)
    return Sizes(steps, axes, placement, notes)


def coarser(
    steps: dict[str, Step], full_sizes: dict[str, int], wanted: tifffile.TiffPageSeries
) -> dict[str, Step]:
    """Steps of a coarser level, whose outer borders are those of the full image."""
    coarse = {}
    for letter, size in zip(wanted.axes, wanted.shape, strict=True):
        step = steps.get(letter, Step())
        ratio = full_sizes.get(letter, size) / size
        coarse[letter] = replace(
            step, scale=step.scale * ratio, translate=step.translate + step.scale * (ratio - 1) / 2
        )
    return coarse
