"""The log of edits as a table that a spreadsheet reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

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
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for edit in edits:
        when = datetime.fromtimestamp(edit.at, UTC).isoformat(timespec="milliseconds")
        plane = " ".join(map(str, edit.plane))
        layer = names.get(edit.layer, edit.layer)
        table.writerow([when, layer, edit.tool, plane, *edit.box, edit.pixels, f"{edit.seconds:.3f}"])
    return text.getvalue()
