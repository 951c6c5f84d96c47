"""The table of keys in the tutorial is that of the plugin."""

from __future__ import annotations

from pathlib import Path

from napari_pseudolabel.widgets.common.shortcuts import TABLE, shown

TUTORIAL = Path(__file__).parents[2] / "docs" / "correct.md"


def test_every_key_stands_in_the_tutorial_with_its_dock():
    text = TUTORIAL.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    table = {row[1]: (row[2], row[4]) for row in rows if len(row) == 6}
    for one in TABLE:
        if one.name.startswith("Class "):
            assert "Ctrl+1 … Ctrl+9" in table
        else:
            assert table[shown(one)] == (one.name, one.dock)
