"""Pixel sizes in the descriptions of TIFF files: OME-XML, our annotation in it, ImageJ."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import tifffile

from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.reading.believing import NO_UNITS, Told, number, tell
from napari_pseudolabel.imaging.reading.tiff_vendors import Metadata, per_unit
from napari_pseudolabel.imaging.units import canonical_unit

ANNOTATION_NAMESPACE = "napari-pseudolabel"
"""Namespace of the OME-XML map annotation whose entries ``axes`` and ``placement`` (JSON) hold what
OME-XML has no place for: rotation, shear, affine, units other than length, axes of length 1."""

_OME = {
    "X": ("PhysicalSizeX", "µm"),
    "Y": ("PhysicalSizeY", "µm"),
    "Z": ("PhysicalSizeZ", "µm"),
    "T": ("TimeIncrement", "s"),
}


def ome_sizes(xml: str, image: int) -> Told:
    """Pixel sizes of one of the images of OME-XML."""
    found = ElementTree.fromstring(xml).findall("{*}Image/{*}Pixels")
    pixels = found[image].attrib if image < len(found) else {}
    sizes = {
        letter: (pixels[name], pixels.get(f"{name}Unit", unit))
        for letter, (name, unit) in _OME.items()
        if name in pixels
    }
    return tell("its OME-XML", sizes)


def own_annotation(xml: str | None) -> tuple[str | None, Placement | None]:
    """Axes and placement that this package has written into OME-XML."""
    values = f".//{{*}}MapAnnotation[@Namespace='{ANNOTATION_NAMESPACE}']/{{*}}Value/{{*}}M"
    found = [] if xml is None else ElementTree.fromstring(xml).findall(values)
    entries = {entry.get("K"): entry.text or "" for entry in found}
    placement = Placement.from_dict(json.loads(entries["placement"])) if "placement" in entries else None
    return entries.get("axes"), placement


def imagej_sizes(tif: tifffile.TiffFile) -> Told:
    """Pixel sizes of ImageJ, which keeps them in the resolution tags, in units that it names in its comment."""
    metadata: Metadata = tif.imagej_metadata or {}
    unit = metadata.get("unit", "")
    sizes: dict[str, tuple[object, object]] = {}
    if canonical_unit(unit) not in NO_UNITS:
        for letter, name in (("X", "unit"), ("Y", "yunit")):
            size = per_unit(tif, letter)
            if size is not None:
                sizes[letter] = size, metadata.get(name, unit)
        if "spacing" in metadata:
            spacing = number(metadata["spacing"])
            sizes["Z"] = metadata["spacing"] if spacing is None else abs(spacing), metadata.get("zunit", unit)
    if metadata.get("finterval"):
        sizes["T"] = metadata["finterval"], metadata.get("tunit", "second")
    elif rate := number(metadata.get("fps")):
        sizes["T"] = 1 / rate, "second"
    return tell("its ImageJ comment", sizes)
