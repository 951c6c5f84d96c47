"""A plate of OME-Zarr with small fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import zarr

FIELDS = ("A/1/0", "A/1/1", "B/2/0")


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 255, (20, 24)).astype(np.uint8)


def write_plate(path: Path, fields: tuple[str, ...] = FIELDS) -> Path:
    """Write a plate of which the field number n is `picture` n; its pixels have 0.1 um."""
    group = zarr.create_group(path, zarr_format=2)
    wells: dict[str, list[str]] = {}
    for field in fields:
        well, _, inner = field.rpartition("/")
        wells.setdefault(well, []).append(inner)
    group.attrs["plate"] = {"wells": [{"path": well} for well in wells]}
    for number, field in enumerate(fields):
        well, _, inner = field.rpartition("/")
        group.require_group(well).attrs["well"] = {"images": [{"path": one} for one in wells[well]]}
        image = group.create_group(field)
        image.create_array("0", data=picture(number))
        image.attrs["multiscales"] = [
            {
                "version": "0.4",
                "axes": [{"name": name, "type": "space", "unit": "micrometer"} for name in "yx"],
                "datasets": [
                    {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [0.1, 0.1]}]}
                ],
            }
        ]
    return path
