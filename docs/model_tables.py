"""Results of the benchmarks, JSON, as tables in Markdown: the one place that knows how the files are built."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_LEFT_OUT = ("kept %, ",)  # of the audit; by size it is what did not vanish


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def sections(path: Path) -> str:
    """A part with a table for every direction (quality) or pair (audit); empty where there is no file."""
    if not path.exists():
        return ""
    content = json.loads(path.read_text(encoding="utf-8"))
    about = ", ".join(str(content[key]) for key in ("date", "machine", "device") if content.get(key))
    parts = [f"{about}." if about else ""]
    for name, found in _groups(content).items():
        rows = _rows(found)
        if rows:
            parts += [f"**{name}**", _wide(rows)]
            parts += [f"- {note}" for note in _notes(found)]
    return "\n\n".join(part for part in parts if part) if len(parts) > 1 else ""


def _groups(content: Mapping[str, Any]) -> dict[str, Any]:
    """Results by direction or pair."""
    for key in ("directions", "pairs"):
        if isinstance(content.get(key), Mapping):
            return dict(content[key])
    return {}


def _rows(found: Any) -> dict[str, Mapping[str, Any]]:
    """Values by method and measure; numbers that stand alone are one row."""
    rows = found.get("rows", found) if isinstance(found, Mapping) else {}
    named: dict[str, Mapping[str, Any]] = {str(n): row for n, row in rows.items() if isinstance(row, Mapping)}
    alone = {str(name): value for name, value in rows.items() if isinstance(value, int | float)}
    return named or ({"all images": alone} if alone else {})


def _wide(rows: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(
        dict.fromkeys(name for row in rows.values() for name in row if not name.startswith(_LEFT_OUT))
    )
    return table(
        ["", *names], ([title, *(_cell(row.get(name)) for name in names)] for title, row in rows.items())
    )


def _cell(value: Any) -> str:
    """A number, or one with its spread over seeds, 95 % interval and what it is on images held out."""
    if isinstance(value, Mapping):
        text = _cell(value.get("value"))
        if value.get("spread") and value.get("seeds", 1) > 1:
            text += f" ± {_cell(value['spread'])}"
        if value.get("low") is not None and value.get("high") is not None:
            text += f" ({_cell(value['low'])} to {_cell(value['high'])})"
        if value.get("held_out") is not None:
            text += f", held out {_cell(value['held_out'])}"
        return text
    if isinstance(value, bool) or value is None:
        return {None: "", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    return str(value)


def _notes(found: Mapping[str, Any]) -> list[str]:
    """What our methods gain over the best trivial baseline, and why a method is missing."""
    notes = [
        f"{one['method']} minus {one['baseline']}, {one['measure']}, "
        f"{one['images']} {'held-out images' if one['held_out'] else 'images'}: "
        f"{one['value']:+.3f} ({_signed(one['low'])} to {_signed(one['high'])})"
        for one in found.get("differences", ())
    ]
    missing = found.get("missing", {})
    return [*notes, *(f"{method}: {why}" for method, why in missing.items())]


def _signed(value: float | None) -> str:
    return "?" if value is None else f"{value:+.3f}"
