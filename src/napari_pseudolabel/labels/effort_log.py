"""What every object of finished labels has cost: a table from the log of what a person did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects import Scheme, to_instances
from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED
from napari_pseudolabel.labels.windows import Index
from napari_pseudolabel.workspace.atomic import csv_text
from napari_pseudolabel.workspace.sessions import Edit

Origin = Literal["machine", "human", "confirmed", ""]

# These are about all objects of a region, and change none by themselves.
REGION_TOOLS = frozenset({"accept", "fix", "confirm", "unconfirm", "predict_again", "source_only"})
_COLUMNS = ("plane", "object", "class", "y", "x", "pixels", "origin", "edits", "seconds", "tools")


@dataclass(frozen=True)
class ObjectEffort:
    """What one object has cost.

    Attributes
    ----------
    plane
        Index over the axes before Y and X.
    number
        Of the object, as `to_instances` numbers those of the plane; 0 for what belongs to no object, such as the
        time it took to delete one.
    value
        Its class; that of most of its pixels. 0 where `number` is 0.
    y, x
        Its middle in pixels; NaN where `number` is 0.
    pixels
        Its area.
    origin
        "confirmed" if a person confirmed at least half of it, else "human" if they changed any of it, else
        "machine"; empty if that is not known.
    edits
        Number of changes by hand or by tools.
    seconds
        Time for these, and its part of the time for looking at regions.
    tools
        How often each tool was used.
    """

    plane: Index
    number: int
    value: int
    y: float
    x: float
    pixels: int
    origin: Origin
    edits: int
    seconds: float
    tools: Mapping[str, int] = field(default_factory=dict)


@dataclass
class _Spent:
    edits: int = 0
    seconds: float = 0.0
    tools: Counter[str] = field(default_factory=Counter)

    @property
    def totals(self) -> tuple[int, float, dict[str, int]]:
        return self.edits, self.seconds, dict(self.tools)


def object_efforts(
    labels: NDArray[np.integer],
    edits: Iterable[Edit],
    scheme: Scheme,
    flags: NDArray[np.uint8] | None = None,
) -> tuple[ObjectEffort, ...]:
    """Share the edits out among the objects that are there in the end.

    An edit belongs to the object that has most pixels in its rectangle. What concerns a whole region, such as
    accepting it, takes its time from all objects in it alike. Nothing is lost: the seconds of all rows are those
    of all edits.

    Parameters
    ----------
    labels
        (..., H, W) class values, as they are in the end.
    edits
        Of these labels.
    scheme
        How classes make objects.
    flags
        uint8, shape of the labels: bit 0 corrected, bit 1 confirmed; None if not known.

    Returns
    -------
    tuple of ObjectEffort
        All objects plane after plane, whether they were touched or not; before those of a plane the row of what
        belongs to none, if there is such a thing.
    """
    by_plane: dict[Index, list[Edit]] = {}
    planes = set(np.ndindex(*labels.shape[:-2]))
    for edit in edits:
        by_plane.setdefault(edit.plane if edit.plane in planes else _nearest(edit.plane, labels), []).append(
            edit
        )
    rows: list[ObjectEffort] = []
    for plane in sorted(planes):
        marks = None if flags is None else np.asarray(flags[plane])
        rows += _of_plane(plane, np.asarray(labels[plane]), by_plane.get(plane, []), scheme, marks)
    return tuple(rows)


def effort_table(rows: Sequence[ObjectEffort], names: Mapping[int, str]) -> str:
    """Return the table as text, one line per object below the names of the columns.

    Parameters
    ----------
    names
        Of the classes by value; where one has none, its value is written.
    """

    def line(row: ObjectEffort) -> tuple[object, ...]:
        plane, there = " ".join(map(str, row.plane)), row.number > 0
        name, *place = (
            (names.get(row.value, str(row.value)), f"{row.y:.1f}", f"{row.x:.1f}") if there else ("", "", "")
        )
        tools = " ".join(f"{tool}:{count}" for tool, count in sorted(row.tools.items()))
        seconds = f"{row.seconds:.2f}"
        return plane, row.number, name, *place, row.pixels, row.origin, row.edits, seconds, tools

    return csv_text(_COLUMNS, map(line, rows))


def _of_plane(
    plane: Index,
    labels: NDArray[np.integer],
    edits: Sequence[Edit],
    scheme: Scheme,
    flags: NDArray[np.uint8] | None,
) -> list[ObjectEffort]:
    instances = to_instances(labels, scheme)
    count = int(instances.max(initial=0))
    spent = _spent(instances, edits)
    pixels = np.bincount(instances.ravel(), minlength=count + 1)
    values, origins = _classes(labels, instances, count), _origins(instances, flags, pixels)
    middles = ndi.center_of_mass(instances > 0, instances, np.arange(1, count + 1))
    found = []
    if 0 in spent and (spent[0].edits or spent[0].seconds):
        nowhere = float("nan")
        found.append(ObjectEffort(plane, 0, 0, nowhere, nowhere, 0, "", *spent[0].totals))
    for number, (y, x) in enumerate(middles, start=1):
        told = spent.get(number, _Spent()).totals
        about = int(values[number]), float(y), float(x), int(pixels[number]), origins[number]
        found.append(ObjectEffort(plane, number, *about, *told))
    return found


def _spent(instances: NDArray[np.int32], edits: Sequence[Edit]) -> dict[int, _Spent]:
    spent: dict[int, _Spent] = {}
    for edit in edits:
        y0, x0, y1, x1 = edit.box
        numbers, counts = np.unique(instances[y0:y1, x0:x1], return_counts=True)
        objects, sizes = numbers[numbers > 0], counts[numbers > 0]
        # By the pixels in the rectangle, most first.
        owners = objects[np.argsort(-sizes, kind="stable")].tolist() or [0]
        if edit.tool not in REGION_TOOLS:
            del owners[1:]
        for owner in owners:
            own = spent.setdefault(owner, _Spent())
            own.seconds += edit.seconds / len(owners)
            own.tools[edit.tool] += 1
            own.edits += edit.tool not in REGION_TOOLS
    return spent


def _classes(labels: NDArray[np.integer], instances: NDArray[np.int32], count: int) -> NDArray[np.integer]:
    """(count + 1,) the class of most pixels of every object."""
    best = np.zeros(count + 1, np.int64)
    values = np.zeros(count + 1, labels.dtype)
    for value in np.unique(labels):
        if value:
            pixels = np.bincount(instances[labels == value], minlength=count + 1)
            values[pixels > best] = value
            best = np.maximum(best, pixels)
    return values


def _origins(
    instances: NDArray[np.int32], flags: NDArray[np.uint8] | None, pixels: NDArray[np.integer]
) -> list[Origin]:
    if flags is None:
        return [""] * len(pixels)
    corrected, confirmed = (
        np.bincount(instances[(flags & bit) > 0], minlength=len(pixels)) for bit in (CORRECTED, CONFIRMED)
    )
    return [
        "confirmed" if 2 * sure >= size else "human" if changed else "machine"
        for size, changed, sure in zip(pixels, corrected, confirmed, strict=True)
    ]


def _nearest(plane: Index, labels: NDArray[np.integer]) -> Index:
    """Return a plane of the labels for an edit of one that is not there any more."""
    limits = labels.shape[:-2]
    padded = (*plane, *(0,) * len(limits))[: len(limits)]
    return tuple(min(max(one, 0), size - 1) for one, size in zip(padded, limits, strict=True))
