"""Pixel sizes in TIFF files: OME-XML, our annotation in it, ImageJ."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import tifffile

from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.source import Step
from napari_pseudolabel.imaging.units import unit_or_pixel

ANNOTATION_NAMESPACE = "napari-pseudolabel"
"""Namespace of the OME-XML map annotation whose entries ``axes`` and ``placement`` (JSON) hold what
OME-XML has no place for: rotation, shear, affine, units other than length, axes of length 1."""


def ome_sizes(xml: str | None, number: int = 0) -> tuple[dict[str, Step], str | None, Placement | None]:
    """Pixel sizes of one of the images of OME-XML, and our annotation if it is there."""
    root = ElementTree.fromstring(xml or "<OME/>")
    found = root.findall("{*}Image/{*}Pixels")
    pixels = found[number] if number < len(found) else None
    steps = {}
    if pixels is not None:
        for letter, name, unit in (
            ("X", "PhysicalSizeX", "µm"),
            ("Y", "PhysicalSizeY", "µm"),
            ("Z", "PhysicalSizeZ", "µm"),
            ("T", "TimeIncrement", "s"),
        ):
            size = float(pixels.get(name, 0))
            if size > 0:
                steps[letter] = Step(size, unit_or_pixel(pixels.get(f"{name}Unit", unit)))
    entries = {
        entry.get("K"): entry.text or ""
        for entry in root.findall(
            f".//{{*}}MapAnnotation[@Namespace='{ANNOTATION_NAMESPACE}']/{{*}}Value/{{*}}M"
        )
    }
    placement = Placement.from_dict(json.loads(entries["placement"])) if "placement" in entries else None
    return steps, entries.get("axes"), placement


def imagej_sizes(tif: tifffile.TiffFile) -> dict[str, Step]:
    """Pixel sizes ImageJ stores as pixels per unit in the resolution tags."""
    metadata: dict[str, Any] = tif.imagej_metadata or {}
    unit = unit_or_pixel(metadata.get("unit"))
    steps = {}
    if unit != "pixel":
        tags = tif.pages.first.tags
        for letter, tag in (("X", "XResolution"), ("Y", "YResolution")):
            pixels, units = tags[tag].value if tag in tags else (0, 1)
            if pixels and units:
                steps[letter] = Step(units / pixels, unit)
        if metadata.get("spacing"):
            steps["Z"] = Step(abs(float(metadata["spacing"])), unit)
    if metadata.get("finterval"):
        steps["T"] = Step(float(metadata["finterval"]), "second")
    return steps


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
