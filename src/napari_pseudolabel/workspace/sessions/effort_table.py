"""The log of edits as a table that a spreadsheet reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from napari_pseudolabel.workspace.atomic import csv_text
from napari_pseudolabel.workspace.sessions.values import Edit

COLUMNS = ("time", "layer", "tool", "plane", "y0", "x0", "y1", "x1", "pixels", "seconds")


def effort_csv(edits: Iterable[Edit], names: Mapping[str, str]) -> str:
    """One line per edit, with a head.

    Parameters
    ----------
    names
        Of the layers, by their ids; the id stands for one that has none.

    Returns
    -------
    str
        Times are ISO 8601 in UTC; the box is half open, in pixels; planes are written as ``0 3``.
    """

    def row(edit: Edit) -> tuple[object, ...]:
        when = datetime.fromtimestamp(edit.at, UTC).isoformat(timespec="milliseconds")
        plane, layer = " ".join(map(str, edit.plane)), names.get(edit.layer, edit.layer)
        return when, layer, edit.tool, plane, *edit.box, edit.pixels, f"{edit.seconds:.3f}"

    return csv_text(COLUMNS, map(row, edits))
