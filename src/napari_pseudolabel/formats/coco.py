"""Objects as COCO JSON: what detectors and segmenters of instances learn from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from napari_pseudolabel.formats.format import FileContent, Format
from napari_pseudolabel.formats.image_sets import name_of_plane
from napari_pseudolabel.formats.stack_options import StackOptions
from napari_pseudolabel.options import Option
from napari_pseudolabel.types import JsonObject

if TYPE_CHECKING:
    from napari_pseudolabel.formats.object_parts import ObjectPart
    from napari_pseudolabel.labels.windows import Index


@dataclass(frozen=True)
class CocoOptions(StackOptions):
    """How masks are written, and how objects are numbered."""

    masks: Annotated[
        Literal["polygons", "rle"],
        Option(
            "Polygons, and run lengths (RLE) only where objects have holes, which polygons of COCO cannot have; or run lengths "
            "for all, which not every trainer reads.",
            title="Masks",
            names=(("polygons", "polygons"), ("rle", "run lengths")),
            flag="--coco-masks",
        ),
    ] = "polygons"


def write(path: Path, content: FileContent) -> Sequence[str]:
    """Write an annotation for every object: mask, area, bounding box, class; numbers of classes are the values of the labels.

    An axon and its myelin are two annotations with the same ``object``, and so are the parts of an object in several planes, where
    these are joined; COCO has no field for it, and its readers keep such fields without looking at them. What is not labelled is a
    crowd (``iscrowd``) of every class, which evaluations leave out. Every plane of a stack is an image.
    """
    assert content.labels is not None
    height, width = content.labels.shape[-2:]
    size = {"height": height, "width": width}
    ids = {plane: number for number, plane in enumerate(content.planes, start=1)}
    images = [{"id": number, "file_name": _file_of(content, plane), **size} for plane, number in ids.items()]
    categories: dict[int, JsonObject] = {}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{"images": {json.dumps(images, ensure_ascii=False)},\n"annotations": [')
        for number, (plane, one) in enumerate(_annotations(content, categories, (height, width)), start=1):
            told = json.dumps({"id": number, "image_id": ids[plane], **one}, allow_nan=False)
            file.write(f"{',' if number > 1 else ''}\n{told}")
        known = json.dumps([*categories.values()], ensure_ascii=False)
        file.write(f'\n],\n"categories": {known}}}\n')
    if len(ids) == 1:
        return []
    first = images[0]["file_name"]
    return [
        f"COCO knows no stacks, so every plane is an image of its own, called like {first}; save the planes under these names."
    ]


def _file_of(content: FileContent, plane: Index) -> str:
    """Name of the file of a plane: that of the image, with the place of the plane where there are several."""
    file = content.source_file
    if len(content.planes) == 1:
        return file
    return f"{name_of_plane(content, plane)}{file[len(file.partition('.')[0]) :]}"


def _annotations(
    content: FileContent, categories: dict[int, JsonObject], shape: tuple[int, int]
) -> Iterator[tuple[Index, JsonObject]]:
    """Yield annotations with the index of their plane."""
    from napari_pseudolabel.formats.object_parts import named_classes, object_parts, parts_not_labelled

    for one in named_classes(content):
        categories[one.value] = _category(one.value, one.name)
    for part in object_parts(content):
        value = part.label_class.value
        categories.setdefault(value, _category(value, part.label_class.name))
        told = {**_annotation(part, shape, rle=content.options.masks == "rle"), "object": part.number}
        sure = {} if part.confidence is None else {"confidence": round(part.confidence, 4)}
        yield part.plane, {**told, **sure}
    for part in parts_not_labelled(content):
        for value in categories:
            yield part.plane, {**_annotation(part, shape, rle=True), "category_id": value, "iscrowd": 1}


def _category(value: int, name: str) -> JsonObject:
    return {"id": value, "name": name, "supercategory": ""}


def _annotation(part: ObjectPart, shape: tuple[int, int], *, rle: bool) -> JsonObject:
    rows, columns = part.window
    found = part.polygons()
    holes = any(len(polygon) > 1 for polygon in found)
    return {
        "category_id": part.label_class.value,
        "iscrowd": 0,
        "area": part.pixels,
        "bbox": [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start],
        "segmentation": _run_lengths(part, shape)
        if rle or holes
        else [outer.ravel().tolist() for (outer,) in found],
    }


def _run_lengths(part: ObjectPart, shape: tuple[int, int]) -> JsonObject:
    """Return a mask of a whole plane as COCO counts it: down the columns, in turn pixels outside and inside of it."""
    import numpy as np

    rows, columns = part.window
    # Down a column with a gap before and after it, so that a run ends with its column.
    framed = np.pad(part.mask.T, ((0, 0), (1, 1))).astype(np.int8)
    edges = np.diff(framed, axis=1)
    begins, ends = (
        (place[0] + columns.start) * shape[0] + place[1] + rows.start
        for place in (np.nonzero(edges == 1), np.nonzero(edges == -1))
    )
    # Runs that reach from the foot of a column to the head of the next are one.
    apart = np.flatnonzero(begins[1:] > ends[:-1])
    begins, ends = begins[np.r_[0, apart + 1]], ends[np.r_[apart, len(ends) - 1]]
    borders = np.r_[0, np.stack([begins, ends], axis=1).ravel(), shape[0] * shape[1]]
    counts = np.diff(borders).tolist()
    return {"size": [*shape], "counts": counts if counts[-1] else counts[:-1]}


COCO = Format(
    name="coco",
    title="COCO JSON",
    what="masks, boxes and classes of objects, of one image or of every plane of a stack",
    readers="detectron2, MMDetection, CVAT, FiftyOne",
    suffixes=(".coco.json",),
    write=write,
    holds=frozenset({"classes", "instances"}),
    pixel_size=False,
    bytes_per_pixel=12,
    rest="as a crowd of every class, which evaluations leave out",
    options=CocoOptions(),
)
