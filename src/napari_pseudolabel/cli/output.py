"""What commands print on standard output."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from napari_pseudolabel.wording import json_shown, sentence, shown


def show(data: Mapping[str, object], text: str, *, as_json: bool) -> None:
    """Print one JSON object, or the same for people."""
    print(_json(data) if as_json else shown(text, keep="\n"))


def say(text: object, *, to: TextIO | None = None) -> None:
    """Print a line at once, while work goes on."""
    print(sentence(text), file=to or sys.stdout, flush=True)


def _json(data: Mapping[str, object]) -> str:
    text = json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False)
    return json_shown(text)


def _finite(value: object) -> object:
    """Return the same value with null for numbers that JSON cannot hold."""
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text in columns; all but the first are aligned to the right where they hold numbers."""
    lines = [tuple(head), *(tuple(shown(cell) for cell in row) for row in rows)]
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
