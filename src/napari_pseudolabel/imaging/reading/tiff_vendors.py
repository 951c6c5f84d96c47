"""Pixel sizes that makers of microscopes and scanners write into TIFF files, as far as tifffile reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import tifffile

from napari_pseudolabel.imaging.reading.believing import Told, tell
from napari_pseudolabel.imaging.reading.source import Step
from napari_pseudolabel.imaging.units import micrometres

_TAG_UNITS = {2: "inch", 3: "centimeter"}
# The resolution at which a picture is to be printed, 72 to 1200 dots per inch, is written in the same place.
_LARGEST_TAG_UM, _SMALLEST_TAG_UM = 15.0, 1e-5
_MPP = re.compile(r"\bMPP\s*=\s*([0-9.,eE+-]+)")

Metadata = Mapping[str, Any]


def per_unit(tif: tifffile.TiffFile, letter: str) -> float | None:
    """Size of a pixel in whatever unit the resolution tags are meant; None if it is not there."""
    tag = tif.pages.first.tags.get(f"{letter}Resolution")
    pixels, units = _ratio(None if tag is None else tag.value)
    return units / pixels if pixels > 0 and units > 0 else None


def believed_tags(tif: tifffile.TiffFile) -> dict[str, Step]:
    """Sizes by the resolution tags in the unit that stands beside them, where they are those of a microscope."""
    unit_tag = tif.pages.first.tags.get("ResolutionUnit")
    unit = _TAG_UNITS.get(int(unit_tag.value)) if unit_tag is not None else None
    if unit is None:
        return {}
    found = {}
    for letter in "YX":
        size, length = per_unit(tif, letter), micrometres(unit)
        if size is not None and length is not None and _SMALLEST_TAG_UM <= size * length <= _LARGEST_TAG_UM:
            found[letter] = Step(size * length, "micrometer")
    return found


def resolution_tags(tif: tifffile.TiffFile) -> Told:
    """Resolution tags as a source of their own."""
    return Told("its resolution tags", believed_tags(tif))


def _ratio(value: Any) -> tuple[float, float]:
    try:
        pixels, units = value
        return float(pixels), float(units)
    except (TypeError, ValueError):
        return 0.0, 1.0


def _fei(tif: tifffile.TiffFile) -> Told | None:
    metadata = tif.fei_metadata
    for part in ("Scan", "EScan", "IScan"):
        scan = (metadata or {}).get(part)
        if isinstance(scan, Mapping) and "PixelWidth" in scan:
            sizes = {"X": (scan["PixelWidth"], "m"), "Y": (scan.get("PixelHeight", scan["PixelWidth"]), "m")}
            return tell("its FEI header", sizes)
    return None


def _zeiss_sem(tif: tifffile.TiffFile) -> Told | None:
    metadata: Metadata = tif.sem_metadata or {}
    for name in ("ap_image_pixel_size", "ap_pixel_size"):
        entry = metadata.get(name)
        if isinstance(entry, tuple) and len(entry) == 3:
            return tell("its Zeiss SEM header", dict.fromkeys("YX", (entry[1], entry[2])))
    plain = metadata.get("")
    if isinstance(plain, tuple) and len(plain) > 3:
        return tell("its Zeiss SEM header", dict.fromkeys("YX", (plain[3], "m")))
    return None


def _zeiss_lsm(tif: tifffile.TiffFile) -> Told | None:
    metadata: Metadata = tif.lsm_metadata or {}
    sizes: dict[str, tuple[object, object]] = {
        letter: (metadata[name], "m") for letter in "XYZ" if metadata.get(name := f"VoxelSize{letter}")
    }
    if metadata.get("TimeIntervall"):  # so it is called
        sizes["T"] = metadata["TimeIntervall"], "s"
    return tell("its Zeiss LSM header", sizes) if sizes else None


def _olympus(tif: tifffile.TiffFile) -> Told | None:
    metadata: Metadata = tif.sis_metadata or {}
    if not metadata.get("pixelsizex"):
        return None
    x = metadata["pixelsizex"]
    return tell("its Olympus header", {"X": (x, "m"), "Y": (metadata.get("pixelsizey", x), "m")})


def _metamorph(tif: tifffile.TiffFile) -> Told | None:
    metadata: Metadata = tif.stk_metadata or {}
    if metadata.get("XCalibration"):
        unit = metadata.get("CalibrationUnits", "")
        sizes = {letter: (metadata[f"{letter}Calibration"], unit) for letter in "XY"}
        return tell("its MetaMorph header", sizes)
    plane = (tif.metaseries_metadata or {}).get("PlaneInfo", {})
    if plane.get("spatial-calibration-x"):
        unit = plane.get("spatial-calibration-units", "")
        sizes = {letter: (plane.get(f"spatial-calibration-{letter.lower()}"), unit) for letter in "XY"}
        return tell("its MetaSeries header", sizes)
    return None


def _micromanager(tif: tifffile.TiffFile) -> Told | None:
    summary = (tif.micromanager_metadata or {}).get("Summary", {})
    if not summary.get("PixelSize_um"):
        return None
    sizes: dict[str, tuple[object, object]] = dict.fromkeys("YX", (summary["PixelSize_um"], "um"))
    if summary.get("z-step_um"):
        sizes["Z"] = summary["z-step_um"], "um"
    return tell("its Micro-Manager header", sizes)


def _aperio(tif: tifffile.TiffFile) -> Told | None:
    page = tif.pages.first
    found = _MPP.search(page.description) if page.is_svs else None
    return tell("its Aperio header", dict.fromkeys("YX", (found[1], "um"))) if found else None


def _careful(
    reader: Callable[[tifffile.TiffFile], Told | None],
) -> Callable[[tifffile.TiffFile], Told | None]:
    """A header that cannot be understood is no reason not to read the image."""

    def read(tif: tifffile.TiffFile) -> Told | None:
        try:
            return reader(tif)
        except Exception:  # tifffile raises whatever it stumbles over
            return Told(f"its {reader.__name__.strip('_')} header", {}, (_UNREADABLE,))

    return read


_UNREADABLE = "Its maker's header could not be read, so the pixel size in it is not known."

VENDORS = tuple(
    _careful(one) for one in (_fei, _zeiss_sem, _zeiss_lsm, _olympus, _metamorph, _micromanager, _aperio)
)
"""Each finds its own header; in the order in which they are believed."""
