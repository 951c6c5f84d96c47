"""What is measured: every column once, with its name, title, unit and definition.

Tables in files and docks, tooltips and ``docs/measures.md`` follow from it. Columns of fibres have the names and definitions of
AxonDeepSeg 5.5, and come in its order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["objects", "fibres"]
"""What a row is: any object, or an axon with its myelin."""
Unit = Literal["", "px", "rad", "length", "area"]
_UNITS: dict[str, tuple[str, str]] = {"length": ("um", "px"), "area": ("um^2", "px^2")}
SPOKEN_UNITS = {"um": "µm", "um^2": "µm²", "px^2": "px²"}


@dataclass(frozen=True)
class MeasureColumn:
    """A column of a table.

    Attributes
    ----------
    name
        In files and in `Measures.rows`.
    title
        In docks.
    definition
        A sentence.
    unit
        "length" and "area" are micrometres where the pixel size is known, and pixels where it is not.
    plotted
        Whether it is a number that means something by itself: it can be drawn.
    """

    name: str
    title: str
    definition: str
    unit: Unit = ""
    plotted: bool = True

    def unit_in(self, micrometres: bool) -> str:
        """Return the unit as files spell it; empty without one."""
        return _UNITS[self.unit][not micrometres] if self.unit in _UNITS else self.unit

    def header(self, micrometres: bool) -> str:
        """Return the name of the column in a file: with its unit, as AxonDeepSeg writes it."""
        unit = self.unit_in(micrometres)
        return f"{self.name} ({unit})" if unit and unit != "rad" else self.name

    def spoken(self, micrometres: bool) -> str:
        """Return the title with the unit, for axes of plots and lists."""
        unit = self.unit_in(micrometres)
        return f"{self.title} ({SPOKEN_UNITS.get(unit, unit)})" if unit else self.title

    def tooltip(self, micrometres: bool) -> str:
        """Return what a dock says about it: the definition, the unit and the name in files."""
        return f"{self.definition}\nIn files: {self.header(micrometres)}"


_PLACE = (
    MeasureColumn(
        "plane",
        "Plane",
        "Index of the plane over the axes before Y and X; empty for one plane.",
        plotted=False,
    ),
    MeasureColumn(
        "number",
        "Number",
        "Of the object in numbered labels, as exports number them; on through all planes.",
        plotted=False,
    ),
)
_BOX = tuple(
    MeasureColumn(
        f"bbox_{name}", f"Box {side}", f"{sentence} of the bounding box of {{}}, in pixels.", plotted=False
    )
    for name, side, sentence in (
        ("min_y", "top", "First row"),
        ("min_x", "left", "First column"),
        ("max_y", "bottom", "Row behind the last"),
        ("max_x", "right", "Column behind the last"),
    )
)
_EDGE = MeasureColumn(
    "image_border_touching",
    "Cut off",
    "Whether {} touches the border of the image, or pixels that are not labelled: part of it may be missing.",
    plotted=False,
)
_SURE = MeasureColumn(
    "mean_confidence", "Confidence", "Mean of how sure the models were of the pixels of {}, 0 to 1."
)
_PERIMETER = "by counting where lines in eight directions cross it (Crofton); holes count as well"
_ELLIPSE = "the ellipse with the same second moments as {}"


def _about(what: str, *columns: MeasureColumn) -> tuple[MeasureColumn, ...]:
    return tuple(
        MeasureColumn(one.name, one.title, one.definition.format(what), one.unit, one.plotted)
        for one in columns
    )


OBJECT_COLUMNS: tuple[MeasureColumn, ...] = (
    *_PLACE,
    MeasureColumn("class", "Class", "Of the object; an axon with its myelin is a fibre.", plotted=False),
    *_about(
        "the object",
        MeasureColumn("x0", "Middle, X", "Column of the centroid of {}, in pixels.", "px"),
        MeasureColumn("y0", "Middle, Y", "Row of the centroid of {}, in pixels.", "px"),
        MeasureColumn("area", "Area", "Of {}.", "area"),
        MeasureColumn("equivalent_diameter", "Diameter", "Of a disc with the area of {}.", "length"),
        MeasureColumn("perimeter", "Perimeter", f"Length of the border of {{}}, {_PERIMETER}.", "length"),
        MeasureColumn("major_axis", "Long axis", f"Whole length of the long axis of {_ELLIPSE}.", "length"),
        MeasureColumn("minor_axis", "Short axis", f"Whole length of the short axis of {_ELLIPSE}.", "length"),
        MeasureColumn("eccentricity", "Eccentricity", f"Of {_ELLIPSE}: 0 for a disc, near 1 for a line."),
        MeasureColumn(
            "orientation",
            "Orientation",
            "Angle from the Y axis to the long axis of {}, counter-clockwise, from -π/2 to π/2.",
            "rad",
        ),
        MeasureColumn("solidity", "Solidity", "Share of the convex hull of {} that it fills, 0 to 1."),
        _EDGE,
        *_BOX,
        _SURE,
    ),
)

FIBRE_COLUMNS: tuple[MeasureColumn, ...] = (
    *_PLACE,
    MeasureColumn("x0", "Middle, X", "Column of the centroid of the axon, in pixels.", "px"),
    MeasureColumn("y0", "Middle, Y", "Row of the centroid of the axon, in pixels.", "px"),
    MeasureColumn(
        "gratio",
        "g-ratio",
        "Diameter of the axon by that of the fibre, which is axon_diam / 2 by axon_diam / 2 + myelin_thickness; empty for an axon "
        "without any myelin.",
    ),
    MeasureColumn("axon_area", "Axon area", "Of the axon, without its myelin.", "area"),
    MeasureColumn(
        "axon_perimeter", "Axon perimeter", f"Length of the border of the axon, {_PERIMETER}.", "length"
    ),
    MeasureColumn("myelin_area", "Myelin area", "Of the myelin that belongs to the axon.", "area"),
    MeasureColumn("axon_diam", "Axon diameter", "Of a disc with the area of the axon.", "length"),
    MeasureColumn(
        "myelin_thickness",
        "Myelin thickness",
        "Half the difference of the diameters of two discs: with the area of the fibre, and of the axon.",
        "length",
    ),
    MeasureColumn("axonmyelin_area", "Fibre area", "Of the axon and its myelin.", "area"),
    MeasureColumn(
        "axonmyelin_perimeter",
        "Fibre perimeter",
        f"Length of the border of the fibre, {_PERIMETER}.",
        "length",
    ),
    MeasureColumn("eccentricity", "Axon eccentricity", f"Of {_ELLIPSE}.".format("the axon")),
    MeasureColumn(
        "orientation",
        "Axon orientation",
        "Angle from the Y axis to the long axis of the axon, counter-clockwise, from -π/2 to π/2.",
        "rad",
    ),
    MeasureColumn("fiber_eccentricity", "Fibre eccentricity", f"Of {_ELLIPSE}.".format("the fibre")),
    MeasureColumn("fiber_orientation", "Fibre orientation", "As orientation, of the fibre.", "rad"),
    MeasureColumn("solidity", "Axon solidity", "Share of the convex hull of the axon that it fills, 0 to 1."),
    *_about(
        "the fibre",
        _EDGE,
        *_BOX,
        MeasureColumn(
            "myelin_cover",
            "Myelin cover",
            "Share of the border of the axon that is myelin, 0 to 1; the g-ratio of an axon with little says little. AxonDeepSeg has "
            "no such column.",
        ),
        _SURE,
    ),
)

OBJECT_TOTALS: tuple[MeasureColumn, ...] = (
    MeasureColumn("class", "Class", "Of the objects."),
    MeasureColumn("objects", "Objects", "How many there are."),
    MeasureColumn(
        "labelled_area", "Labelled area", "Of all pixels that are labelled, background included.", "area"
    ),
    MeasureColumn(
        "area_fraction", "Area fraction", "Share of the labelled area that the objects take, 0 to 1."
    ),
    MeasureColumn("mean_area", "Mean area", "Of the objects.", "area"),
    MeasureColumn("mean_equivalent_diameter", "Mean diameter", "Of the objects.", "length"),
)

FIBRE_TOTALS: tuple[MeasureColumn, ...] = (
    MeasureColumn("axons", "Axons", "How many there are."),
    MeasureColumn(
        "labelled_area", "Labelled area", "Of all pixels that are labelled, background included.", "area"
    ),
    MeasureColumn(
        "avf", "Axon fraction", "Share of the labelled area that is axon, 0 to 1 (axon volume fraction)."
    ),
    MeasureColumn(
        "mvf",
        "Myelin fraction",
        "Share of the labelled area that is myelin, 0 to 1 (myelin volume fraction).",
    ),
    MeasureColumn("gratio_aggr", "Aggregate g-ratio", "sqrt(1 / (1 + mvf / avf)); empty without axons."),
    MeasureColumn("mean_axon_diam", "Mean axon diameter", "Mean of axon_diam.", "length"),
    MeasureColumn("mean_myelin_diam", "Mean fibre diameter", "mean_axon_diam / gratio_aggr.", "length"),
    MeasureColumn(
        "mean_myelin_thickness", "Mean myelin thickness", "(mean_myelin_diam - mean_axon_diam) / 2.", "length"
    ),
    MeasureColumn("axon_density_mm2", "Axons per mm²", "Axons per square millimetre of the labelled area."),
)

COLUMNS: dict[Kind, tuple[MeasureColumn, ...]] = {"objects": OBJECT_COLUMNS, "fibres": FIBRE_COLUMNS}
TOTALS: dict[Kind, tuple[MeasureColumn, ...]] = {"objects": OBJECT_TOTALS, "fibres": FIBRE_TOTALS}


def page_table(kind: Kind, columns: Sequence[MeasureColumn]) -> str:
    """Return columns as a table of a documentation page; fibres are only measured in micrometres."""
    rows = [f"| `{one.name}` | {_page_unit(one, kind)} | {one.definition} |" for one in columns]
    return "\n".join(["| column | unit | what it is |", "|---|---|---|", *rows])


def _page_unit(one: MeasureColumn, kind: Kind) -> str:
    units = dict.fromkeys(one.unit_in(known) for known in ((True,) if kind == "fibres" else (True, False)))
    return " or ".join(SPOKEN_UNITS.get(unit, unit) for unit in units)
