"""Pixel sizes in TIFF files: who says what, and whom to believe.

OME-XML, our annotation in it, ImageJ, the resolution tags, and the headers of makers of microscopes and scanners, as
far as tifffile reads those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree import ElementTree

import tifffile

from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.reading.source import AxisScale
from napari_pseudolabel.imaging.reading.stated_sizes import (
    NO_UNITS,
    StatedSizes,
    choose_sizes,
    number,
    plane_of,
    stated_sizes,
    unless_changed,
)
from napari_pseudolabel.imaging.units import canonical_unit, micrometres

ANNOTATION_NAMESPACE = "napari-pseudolabel"
"""Namespace of the OME-XML map annotation whose entries ``axes`` and ``placement`` (JSON) hold what
OME-XML has no place for: rotation, shear, affine, units other than length, axes of length 1."""

Metadata = Mapping[str, Any]
Reader = Callable[[tifffile.TiffFile], StatedSizes | None]

_OME = {
    "X": ("PhysicalSizeX", "µm"),
    "Y": ("PhysicalSizeY", "µm"),
    "Z": ("PhysicalSizeZ", "µm"),
    "T": ("TimeIncrement", "s"),
}
_TAG_UNITS = {2: "inch", 3: "centimeter"}
# The resolution at which a picture is to be printed, 72 to 1200 dots per inch, is written in the same place.
_LARGEST_TAG_UM, _SMALLEST_TAG_UM = 15.0, 1e-5
_MPP = re.compile(r"\bMPP\s*=\s*([0-9.,eE+-]+)")
_UNREADABLE = "Its maker's header could not be read, so the pixel size in it is not known."


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

    steps: dict[str, AxisScale] = field(default_factory=dict)
    axes: str | None = None
    placement: Placement | None = None
    notes: tuple[str, ...] = ()


def tiff_sizes(tif: tifffile.TiffFile, page: tifffile.TiffPage, number: int = 0) -> Sizes:
    """Ask everybody in the file, in the order in which they are believed.

    Parameters
    ----------
    page
        A plane of the image, at its full resolution.
    number
        Of the image in OME-XML.
    """
    xml = tif.ome_metadata if tif.is_ome else None
    told: list[StatedSizes] = [] if xml is None else [_ome_sizes(xml, number)]
    vendors = [one for reader in _VENDORS if (one := _careful(reader, tif)) is not None]
    tags = _resolution_tags(tif)
    if tif.is_imagej:
        # ImageJ leaves the unit of the tags open, unless its own is cm or inch. Other programs that write a comment as
        # ImageJ does keep to the tags.
        told += [tags, _imagej_sizes(tif), *vendors]
    else:
        told += [*vendors, tags]
    plane = float(page.imagelength), float(page.imagewidth)
    fitting = [one.of(plane) for one in told]
    steps, notes = choose_sizes(fitting)
    axes, placement = _own_annotation(xml if fitting[0] is told[0] else None)
    if placement is not None and axes is not None and len(axes) == placement.ndim:
        placement, changed = unless_changed(placement, axes, steps, told[0].source)
        notes += changed
    return Sizes(steps, axes, placement, notes)


def coarser(
    steps: dict[str, AxisScale], full_sizes: dict[str, int], request: tifffile.TiffPageSeries
) -> dict[str, AxisScale]:
    """Return steps of a coarser level, whose outer borders are those of the full image."""
    coarse = {}
    for letter, size in zip(request.axes, request.shape, strict=True):
        step = steps.get(letter, AxisScale())
        ratio = full_sizes.get(letter, size) / size
        coarse[letter] = replace(
            step, scale=step.scale * ratio, translate=step.translate + step.scale * (ratio - 1) / 2
        )
    return coarse


def _ome_sizes(xml: str, image: int) -> StatedSizes:
    """Pixel sizes of one of the images of OME-XML."""
    found = ElementTree.fromstring(xml).findall("{*}Image/{*}Pixels")
    pixels = found[image].attrib if image < len(found) else {}
    sizes = {
        letter: (pixels[name], pixels.get(f"{name}Unit", unit))
        for letter, (name, unit) in _OME.items()
        if name in pixels
    }
    return replace(stated_sizes("its OME-XML", sizes), plane=plane_of(pixels, "SizeY", "SizeX"))


def _own_annotation(xml: str | None) -> tuple[str | None, Placement | None]:
    """Axes and placement that this package has written into OME-XML."""
    values = f".//{{*}}MapAnnotation[@Namespace='{ANNOTATION_NAMESPACE}']/{{*}}Value/{{*}}M"
    found = [] if xml is None else ElementTree.fromstring(xml).findall(values)
    entries = {entry.get("K"): entry.text or "" for entry in found}
    placement = Placement.from_dict(json.loads(entries["placement"])) if "placement" in entries else None
    return entries.get("axes"), placement


def _imagej_sizes(tif: tifffile.TiffFile) -> StatedSizes:
    """Pixel sizes of ImageJ, which keeps them in the resolution tags, in units that it names in its comment."""
    metadata: Metadata = tif.imagej_metadata or {}
    unit = metadata.get("unit", "")
    sizes: dict[str, tuple[object, object]] = {}
    if canonical_unit(unit) not in NO_UNITS:
        for letter, name in (("X", "unit"), ("Y", "yunit")):
            size = _per_unit(tif, letter)
            if size is not None:
                sizes[letter] = size, metadata.get(name, unit)
        if "spacing" in metadata:
            spacing = number(metadata["spacing"])
            sizes["Z"] = metadata["spacing"] if spacing is None else abs(spacing), metadata.get("zunit", unit)
    if metadata.get("finterval"):
        sizes["T"] = metadata["finterval"], metadata.get("tunit", "second")
    elif rate := number(metadata.get("fps")):
        sizes["T"] = 1 / rate, "second"
    return stated_sizes("its ImageJ comment", sizes)


def _per_unit(tif: tifffile.TiffFile, letter: str) -> float | None:
    """Size of a pixel in whatever unit the resolution tags are meant; None if it is not there."""
    tag = tif.pages.first.tags.get(f"{letter}Resolution")
    try:
        pixels, units = map(float, () if tag is None else tag.value)
    except (TypeError, ValueError):
        return None
    return units / pixels if pixels > 0 and units > 0 else None


def _resolution_tags(tif: tifffile.TiffFile) -> StatedSizes:
    """Sizes by the resolution tags in the unit that stands beside them, where they are those of a microscope."""
    unit = tif.pages.first.tags.get("ResolutionUnit")
    length = micrometres(_TAG_UNITS.get(int(unit.value)) if unit is not None else None)
    found = {}
    for letter in "YX":
        size = _per_unit(tif, letter)
        if size is not None and length is not None and _SMALLEST_TAG_UM <= size * length <= _LARGEST_TAG_UM:
            found[letter] = AxisScale(size * length, "micrometer")
    return StatedSizes("its resolution tags", found)


def _fei(tif: tifffile.TiffFile) -> StatedSizes | None:
    metadata = tif.fei_metadata
    for part in ("Scan", "EScan", "IScan"):
        scan = (metadata or {}).get(part)
        if isinstance(scan, Mapping) and "PixelWidth" in scan:
            sizes = {"X": (scan["PixelWidth"], "m"), "Y": (scan.get("PixelHeight", scan["PixelWidth"]), "m")}
            told = stated_sizes("its FEI header", sizes)
            picture = (metadata or {}).get("Image")
            seen = plane_of(picture, "ResolutionY", "ResolutionX") if isinstance(picture, Mapping) else None
            return replace(told, notes=(*told.notes, *_fei_banner(tif)), plane=seen)
    return None


def _fei_banner(tif: tifffile.TiffFile) -> tuple[str, ...]:
    """Return a sentence if there are more rows than the microscope has seen: writing and a scale bar below, which models may label."""
    picture = (tif.fei_metadata or {}).get("Image")
    seen = number(picture.get("ResolutionY")) if isinstance(picture, Mapping) else None
    rows = int(tif.pages.first.imagelength)
    if seen is None or not 0 < rows - seen < rows / 4:
        return ()
    return (
        f"Its lowest {rows - seen:.0f} of {rows} rows are the banner of the microscope, as its FEI header says; they were used like all "
        "others. Cut them off.",
    )


def _zeiss_sem(tif: tifffile.TiffFile) -> StatedSizes | None:
    metadata: Metadata = tif.sem_metadata or {}
    for name in ("ap_image_pixel_size", "ap_pixel_size"):
        entry = metadata.get(name)
        if isinstance(entry, tuple) and len(entry) == 3:
            return stated_sizes("its Zeiss SEM header", dict.fromkeys("YX", (entry[1], entry[2])))
    plain = metadata.get("")
    if isinstance(plain, tuple) and len(plain) > 3:
        return stated_sizes("its Zeiss SEM header", dict.fromkeys("YX", (plain[3], "m")))
    return None


def _zeiss_lsm(tif: tifffile.TiffFile) -> StatedSizes | None:
    metadata: Metadata = tif.lsm_metadata or {}
    sizes: dict[str, tuple[object, object]] = {
        letter: (metadata[name], "m") for letter in "XYZ" if metadata.get(name := f"VoxelSize{letter}")
    }
    if metadata.get("TimeIntervall"):  # so it is called
        sizes["T"] = metadata["TimeIntervall"], "s"
    if not sizes:
        return None
    seen = plane_of(metadata, "DimensionY", "DimensionX")
    return replace(stated_sizes("its Zeiss LSM header", sizes), plane=seen)


def _olympus(tif: tifffile.TiffFile) -> StatedSizes | None:
    metadata: Metadata = tif.sis_metadata or {}
    x = metadata.get("pixelsizex")
    return (
        stated_sizes("its Olympus header", {"X": (x, "m"), "Y": (metadata.get("pixelsizey", x), "m")})
        if x
        else None
    )


def _metamorph(tif: tifffile.TiffFile) -> StatedSizes | None:
    metadata: Metadata = tif.stk_metadata or {}
    if metadata.get("XCalibration") and metadata.get("SpatialCalibration", True):
        unit = metadata.get("CalibrationUnits", "")
        sizes = {letter: (metadata[f"{letter}Calibration"], unit) for letter in "XY"}
        return stated_sizes("its MetaMorph header", sizes)
    plane = (tif.metaseries_metadata or {}).get("PlaneInfo", {})
    # What stands there while the calibration is off is left over from another objective.
    if plane.get("spatial-calibration-x") and plane.get("spatial-calibration-state", True):
        unit = plane.get("spatial-calibration-units", "")
        sizes = {letter: (plane.get(f"spatial-calibration-{letter.lower()}"), unit) for letter in "XY"}
        seen = plane_of(plane, "pixel-size-y", "pixel-size-x")  # so these are called
        return replace(stated_sizes("its MetaSeries header", sizes), plane=seen)
    return None


def _micromanager(tif: tifffile.TiffFile) -> StatedSizes | None:
    summary = (tif.micromanager_metadata or {}).get("Summary", {})
    if not summary.get("PixelSize_um"):
        return None
    sizes: dict[str, tuple[object, object]] = dict.fromkeys("YX", (summary["PixelSize_um"], "um"))
    if summary.get("z-step_um"):
        sizes["Z"] = summary["z-step_um"], "um"
    seen = plane_of(summary, "Height", "Width")
    return replace(stated_sizes("its Micro-Manager header", sizes), plane=seen)


def _aperio(tif: tifffile.TiffFile) -> StatedSizes | None:
    page = tif.pages.first
    found = _MPP.search(page.description) if page.is_svs else None
    return stated_sizes("its Aperio header", dict.fromkeys("YX", (found[1], "um"))) if found else None


def _careful(reader: Reader, tif: tifffile.TiffFile) -> StatedSizes | None:
    """Return what a header says, None where it cannot be understood, which is no reason not to read the image."""
    try:
        return reader(tif)
    except Exception:  # tifffile raises whatever it stumbles over
        return StatedSizes(f"its {reader.__name__.strip('_')} header", {}, (_UNREADABLE,))


# Each finds its own header; in the order in which they are believed.
_VENDORS: tuple[Reader, ...] = (_fei, _zeiss_sem, _zeiss_lsm, _olympus, _metamorph, _micromanager, _aperio)
