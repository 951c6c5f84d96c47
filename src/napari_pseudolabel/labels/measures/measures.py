"""Measures of all objects of labels, and of the labels as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.classes import is_unnamed_region
from napari_pseudolabel.labels.measures.measure_columns import COLUMNS, Kind, MeasureColumn
from napari_pseudolabel.labels.measures.object_shapes import Spacing, shapes
from napari_pseudolabel.labels.objects import FIBRE, Fibre, as_numbers, numbered, scheme_for
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.labels.objects.incomplete import covered_shares
from napari_pseudolabel.labels.windows import Index
from napari_pseudolabel.models.cards import LabelClass

UNNAMED = "object"
"""Class of numbered objects that nobody has named."""
IN_PIXELS = "The pixel size is not known, so lengths and areas are in pixels."
# Numbers, truth values and texts, one kind per column.
Rows = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Measures:
    """What was measured.

    Attributes
    ----------
    kind
        What a row is.
    spacing
        Height and width of a pixel in micrometres; None: lengths and areas are in pixels.
    rows
        Arrays (n,) by name of the column, for all `COLUMNS` of the kind but the confidence where there is none.
    planes
        Index of the plane of every row.
    totals
        Of the labels as a whole, by name of the column (`TOTALS`): one for fibres, one per class for objects.
    instances
        (..., H, W) uint32: ``number`` of the object of every pixel, 0 where there is none.
    """

    kind: Kind
    spacing: Spacing | None
    rows: Rows
    planes: tuple[Index, ...]
    totals: tuple[dict[str, object], ...]
    instances: NDArray[np.uint32]

    @cached_property
    def highest(self) -> int:
        """Largest number in `instances`."""
        return int(self.instances.max(initial=0))

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.planes)

    @property
    def columns(self) -> tuple[MeasureColumn, ...]:
        """The columns that there are."""
        return tuple(one for one in COLUMNS[self.kind] if one.name in self.rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what the numbers are."""
        return (IN_PIXELS,) if self.spacing is None else ()


def kind_for(classes: Sequence[LabelClass], spacing: Spacing | None) -> Kind:
    """Return what people want measured: fibres where there are axons and myelin, and a pixel size."""
    return "fibres" if scheme_for(classes).fibres and spacing is not None else "objects"


def measure(
    labels: NDArray[np.integer],
    classes: Sequence[LabelClass],
    kind: Kind,
    *,
    spacing: Spacing | None = None,
    labelled: NDArray[np.bool_] | None = None,
    confidence: NDArray[np.floating] | None = None,
    instances: NDArray[np.integer] | None = None,
    done: Callable[[], object] = lambda: None,
    check: Callable[[], object] = lambda: None,
) -> Measures:
    """Measure every object of labels, plane by plane.

    What an object is follows from the names of the classes (`labels.objects`): an axon and the myelin that it reaches first are a
    fibre, nuclei and cells that touch are divided, everything else is 8-connected.

    Parameters
    ----------
    labels
        (..., H, W) class values, 0 is background.
    classes
        Meaning of the values.
    kind
        "fibres" measures axons with their myelin, as AxonDeepSeg does; "objects" anything.
    spacing
        Height and width of a pixel in micrometres; None where nobody knows: then there are no micrometres.
    labelled
        Same shape: where labels mean anything. The rest is no background: it is no part of areas that things are a share of, and
        an object that touches it may go on there. None: everywhere.
    confidence
        Same shape, in [0, 1]; NaN where there is none.
    instances
        Same shape: numbers of objects where somebody has told them apart; None: as the classes make them.

    done
        Called after every plane.
    check
        Called after every few objects; what it raises stops the work.

    Raises
    ------
    InputError
        When fibres are asked for and there is no pixel size, or no axon and myelin; when the classes have no names yet; when numbers
        of objects are above 4294967295.
    """
    if any(map(is_unnamed_region, classes)):
        raise InputError("These regions have no names yet, and are no objects; name them first.")
    height, width = spacing or (1.0, 1.0)
    scheme = scheme_for(classes, height / width)
    fibre = scheme.fibres[0] if scheme.fibres else None
    if kind == "fibres":
        _check_fibres(fibre, spacing)
    if labelled is not None and labelled.all():
        labelled = None
    known = labels if labelled is None else np.where(labelled, labels, 0)
    given = None if instances is None else as_numbers(np.where(known > 0, instances, 0))
    numbers = numbered(known, scheme) if given is None else given
    scene = _Scene(known, numbers, (height, width), labelled, confidence, fibre, check)
    names = {one.value: one.name for one in classes}
    parts, planes = [], []
    for index in np.ndindex(*labels.shape[:-2]):
        part = _fibre_rows(scene, index) if kind == "fibres" else _object_rows(scene, index, names)
        if len(part["number"]):
            part["plane"] = np.full(len(part["number"]), " ".join(map(str, index)), object)
            parts.append(part)
            planes += [index] * len(part["number"])
        done()
    rows = _joined(kind, parts, confidence is not None)
    totals = _fibre_totals(scene, rows) if kind == "fibres" else _object_totals(scene, rows, names)
    return Measures(kind, spacing, rows, tuple(planes), totals, numbers)


def _check_fibres(fibre: Fibre | None, spacing: Spacing | None) -> None:
    if fibre is None:
        raise InputError(
            "Fibres are axons with myelin, and these labels have no such classes; measure objects."
        )
    if spacing is None:
        raise InputError(
            "Fibres are measured in micrometres, and the pixel size is not known; give it, or measure objects, in pixels."
        )


@dataclass(frozen=True, eq=False)
class _Scene:
    """All planes: class values and numbers of objects, both 0 where nothing is labelled; for the others see `measure`."""

    labels: NDArray[np.integer]
    numbers: NDArray[np.uint32]
    spacing: Spacing
    labelled: NDArray[np.bool_] | None
    confidence: NDArray[np.floating] | None
    fibre: Fibre | None
    check: Callable[[], object]

    @property
    def area(self) -> float:
        """Of all that is labelled."""
        pixels = self.labels.size if self.labelled is None else np.count_nonzero(self.labelled)
        return float(pixels) * self.spacing[0] * self.spacing[1]

    def share(self, value: int) -> float:
        """Of a class among what is labelled; NaN where nothing is."""
        return self.pixels(self.labels == value) / self.area if self.area else np.nan

    def pixels(self, mask: NDArray[np.bool_]) -> float:
        """Area of a mask."""
        return float(np.count_nonzero(mask)) * self.spacing[0] * self.spacing[1]

    def objects(
        self, index: Index, mask: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
        """Numbers of the objects of a plane that have a pixel in a mask; and the plane, with 1 to n in their order."""
        plane = self.numbers[index]
        found = np.unique(plane if mask is None else plane[mask])
        found = found[found > 0]
        if not found.size:
            return found, np.zeros(plane.shape, np.int32)
        places = np.searchsorted(found, plane).clip(max=len(found) - 1)
        return found, np.where(found[places] == plane, places + 1, 0).astype(np.int32)

    def about(self, index: Index, dense: NDArray[np.int32], count: int) -> Rows:
        """Return what is known of objects besides shapes: whether they are cut off, how sure the models were."""
        cut = np.zeros(count + 1, bool)
        for rim in (dense[0], dense[-1], dense[:, 0], dense[:, -1]):
            cut[rim] = True
        if self.labelled is not None:
            cut[dense[ndi.binary_dilation(~self.labelled[index], SQUARE)]] = True
        rows: Rows = {"image_border_touching": cut[1:]}
        if self.confidence is not None:
            sure = np.asarray(self.confidence[index], float)
            there = np.isfinite(sure)
            sums, pixels = (
                np.bincount(dense[there], weights, minlength=count + 1)[1:] for weights in (sure[there], None)
            )
            rows["mean_confidence"] = np.divide(sums, pixels, out=np.full(count, np.nan), where=pixels > 0)
        return rows


def _object_rows(scene: _Scene, index: Index, names: dict[int, str]) -> Rows:
    numbers, dense = scene.objects(index)
    count = len(numbers)
    if not count:
        return {"number": numbers}
    values = _values(scene.labels[index], dense, count)
    kinds = np.array([names.get(value, f"class {value}") for value in values], object)
    if scene.fibre is not None:
        kinds[_with_axon(scene, index, dense, count)] = FIBRE
    return {
        "number": numbers,
        "class": kinds,
        **shapes(dense, count, scene.spacing, scene.check),
        **scene.about(index, dense, count),
    }


def _fibre_rows(scene: _Scene, index: Index) -> Rows:
    assert scene.fibre is not None
    plane = scene.labels[index]
    inner = plane == scene.fibre.inner
    numbers, whole = scene.objects(index, inner)
    count = len(numbers)
    if not count:
        return {"number": numbers}
    axons = np.where(inner, whole, 0)
    axon, fibre = (shapes(dense, count, scene.spacing, scene.check) for dense in (axons, whole))
    diameter, outer = axon["equivalent_diameter"], fibre["equivalent_diameter"]
    myelin = fibre["area"] - axon["area"]
    return {
        "number": numbers,
        **{name: axon[name] for name in ("x0", "y0", "eccentricity", "orientation", "solidity")},
        **{name: fibre[name] for name in fibre if name.startswith("bbox")},
        "gratio": np.where(np.bincount(whole[~inner], minlength=count + 1)[1:] > 0, diameter / outer, np.nan),
        "axon_area": axon["area"],
        "axon_perimeter": axon["perimeter"],
        "myelin_area": myelin,
        "axon_diam": diameter,
        "myelin_thickness": (outer - diameter) / 2,
        "axonmyelin_area": fibre["area"],
        "axonmyelin_perimeter": fibre["perimeter"],
        "fiber_eccentricity": fibre["eccentricity"],
        "fiber_orientation": fibre["orientation"],
        "myelin_cover": covered_shares(axons, count, plane == scene.fibre.outer, scene.fibre.aspect),
        **scene.about(index, whole, count),
    }


def _with_axon(scene: _Scene, index: Index, dense: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    assert scene.fibre is not None
    inside = dense[scene.labels[index] == scene.fibre.inner]
    found: NDArray[np.bool_] = np.bincount(inside, minlength=count + 1)[1:] > 0
    return found


def _values(labels: NDArray[np.integer], dense: NDArray[np.int32], count: int) -> list[int]:
    """Class of most pixels of every object."""
    most, values = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for value in np.unique(labels).tolist():
        pixels = np.bincount(dense[labels == value], minlength=count + 1)[1:]
        values[pixels > most] = value
        most = np.maximum(most, pixels)
    found: list[int] = values.tolist()
    return found


def _joined(kind: Kind, parts: Sequence[Rows], sure: bool) -> Rows:
    """Rows of all planes, in the order of the columns."""
    names = [one.name for one in COLUMNS[kind] if sure or one.name != "mean_confidence"]
    return {name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0) for name in names}


def _fibre_totals(scene: _Scene, rows: Rows) -> tuple[dict[str, object], ...]:
    assert scene.fibre is not None
    count = len(rows["number"])
    avf, mvf = scene.share(scene.fibre.inner), scene.share(scene.fibre.outer)
    aggregate = float(np.sqrt(1 / (1 + mvf / avf))) if avf > 0 else np.nan
    diameter = float(np.mean(rows["axon_diam"])) if count else np.nan
    found: dict[str, object] = {
        "axons": count,
        "labelled_area": scene.area,
        "avf": avf,
        "mvf": mvf,
        "gratio_aggr": aggregate,
        "mean_axon_diam": diameter,
        "mean_myelin_diam": diameter / aggregate,
        "mean_myelin_thickness": (diameter / aggregate - diameter) / 2,
        "axon_density_mm2": count / scene.area * 1e6 if scene.area else np.nan,
    }
    return (found,)


def _object_totals(scene: _Scene, rows: Rows, names: dict[int, str]) -> tuple[dict[str, object], ...]:
    def told(name: str) -> dict[str, object]:
        mine = rows["class"] == name
        areas, diameters = rows["area"][mine], rows["equivalent_diameter"][mine]
        return {
            "class": name,
            "objects": int(mine.sum()),
            "labelled_area": scene.area,
            "area_fraction": float(areas.sum()) / scene.area if scene.area else np.nan,
            "mean_area": float(areas.mean()) if areas.size else np.nan,
            "mean_equivalent_diameter": float(diameters.mean()) if areas.size else np.nan,
        }

    fibre = scene.fibre
    kinds = [name for value, name in names.items() if value and (fibre is None or value != fibre.inner)]
    found = [FIBRE, *kinds] if fibre is not None else kinds
    others = [name for name in dict.fromkeys(rows["class"].tolist()) if name not in found]
    return tuple(map(told, (*found, *others)))
