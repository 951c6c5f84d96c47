"""Objects as GeoJSON in the dialect of QuPath."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from napari_pseudolabel.formats.format import FileContent, Format
from napari_pseudolabel.formats.stack_options import StackOptions
from napari_pseudolabel.options import Option
from napari_pseudolabel.types import JsonObject

if TYPE_CHECKING:
    from napari_pseudolabel.formats.object_parts import ObjectPart
    from napari_pseudolabel.labels.outlines import Ring

# QuPath leaves out of everything what has a class with an asterisk.
_IGNORED = "Ignore*"


@dataclass(frozen=True)
class QuPathOptions(StackOptions):
    """What objects become in QuPath."""

    objects: Annotated[
        Literal["detection", "annotation"],
        Option(
            "Detections are many, and measured; annotations can be edited, and teach QuPath's classifiers.",
            title="Objects become",
            flag="--qupath-objects",
        ),
    ] = "detection"


def write(path: Path, content: FileContent) -> None:
    """Write a feature for every object: outlines along the borders of pixels in pixels of the whole image, class, measurements.

    Holes are inner rings, several pieces a MultiPolygon. What is not labelled is a locked annotation of the class ``Ignore*``.
    Where the image is a region of a larger one, coordinates are those of the larger.
    """
    from napari_pseudolabel.formats.object_parts import object_parts, parts_not_labelled

    kind = content.options.objects
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        between = "\n"
        for part in object_parts(content):
            measured = {"Object number": part.number, "Area px^2": part.pixels, "Confidence": part.confidence}
            told = _feature(part, content, objectType=kind, isLocked=False, measurements=_numbers(measured))
            file.write(f"{between}{json.dumps(told, ensure_ascii=False, allow_nan=False)}")
            between = ",\n"
        for part in parts_not_labelled(content):
            told = _feature(part, content, objectType="annotation", isLocked=True)
            told["properties"]["classification"]["name"] = _IGNORED
            file.write(f"{between}{json.dumps(told, ensure_ascii=False, allow_nan=False)}")
            between = ",\n"
        file.write("\n]}\n")


def _feature(part: ObjectPart, content: FileContent, **more: object) -> JsonObject:
    parts = [[_closed(ring) for ring in polygon] for polygon in part.polygons(content.offset)]
    geometry: JsonObject = (
        {"type": "Polygon", "coordinates": parts[0]}
        if len(parts) == 1
        else {"type": "MultiPolygon", "coordinates": parts}
    )
    if len(content.planes) > 1:
        places = dict(zip((content.placement.letters or "").lower(), part.plane, strict=False))
        geometry["plane"] = {"c": -1, "z": places.get("z", 0), "t": places.get("t", 0)}
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {
            "name": part.name,
            "classification": {"name": part.label_class.name, "color": list(part.rgb)},
            **more,
        },
    }


def _closed(ring: Ring) -> list[list[int]]:
    points: list[list[int]] = ring.tolist()
    return [*points, points[0]]


def _numbers(measured: dict[str, float | None]) -> JsonObject:
    """Measurements as QuPath reads them: a bare NaN would make the whole file unreadable."""
    return {name: "NaN" if value is None or value != value else value for name, value in measured.items()}


QUPATH_GEOJSON = Format(
    name="qupath",
    title="QuPath GeoJSON",
    what="outlines of objects with class, colour and measurements",
    readers="QuPath and whatever reads GeoJSON",
    suffixes=(".geojson",),
    write=write,
    holds=frozenset({"classes", "instances"}),
    pixel_size=False,
    bytes_per_pixel=12,
    rest="as a locked annotation of the class Ignore*",
    options=QuPathOptions(),
)
