"""What commands print on standard output."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def show(data: Mapping[str, Any], text: str, *, as_json: bool) -> None:
    """Print one JSON object, or the same for people."""
    print(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) if as_json else text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text in columns; all but the first are aligned to the right where they hold numbers."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    numeric = [bool(rows) and all(_is_number(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in lines
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
