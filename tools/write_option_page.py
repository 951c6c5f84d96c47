"""Write docs/options.md from what options declare.

Run it after an option was added or changed: ``python tools/write_option_page.py``. The tests compare.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

import napari_pseudolabel
from napari_pseudolabel.formats import formats
from napari_pseudolabel.options import Checked, OptionField, options_of
from napari_pseudolabel.strategies.registry import offered

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "options.md"
_HEAD = """# Options

Made by `python tools/write_option_page.py` from what the code declares (`napari_pseudolabel/options.py`).
Every class is a frozen dataclass of the module named below it; what has no name in the shell is for Python or a dock.
"""
_WORDS = """
## Plain words

Docks say plainly what papers and the shell have a term for. Files, provenance and Python keep the term; the tooltips of the docks name it.

| in a dock | in papers | in the shell |
|---|---|---|
"""
# What is no option.
_OTHERS = (
    "| The looks agree | agreement: mean Dice between samples, flips and segmenters | `agreement` in the provenance |",
)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """Return the page: a table for each dataclass of options."""
    return _HEAD + _WORDS + "\n".join([*_words(), *_OTHERS, ""]) + "".join(map(_section, groups()))


def groups() -> list[type[Any]]:
    """Return all dataclasses of options of the package, by module and name."""
    package = Path(napari_pseudolabel.__file__).parent
    for path in package.rglob("*.py"):
        if "(Checked)" in path.read_text(encoding="utf-8"):
            importlib.import_module(
                ".".join((package.name, *path.relative_to(package).with_suffix("").parts))
            )
    found = {one for one in _below(Checked) if one.__module__.startswith(package.name)}
    found |= {type(file_format.options) for file_format in formats() if file_format.options is not None}
    return sorted(found, key=lambda one: (one.__module__, one.__qualname__))


def _words() -> list[str]:
    """One row for each strategy and option whose title is plainer than its term."""
    rows = [
        f"| {one.title} | {one.term.lower()} | `--strategy {one.name}` |" for one in offered() if one.term
    ]
    options = [one for group in groups() for one in options_of(group)]
    terms: dict[tuple[str, str], str] = {}
    for one in options:
        if one.option.term:
            terms.setdefault((one.title, one.option.term), _flag(one))
    return rows + [f"| {title} | {term} | {flag} |" for (title, term), flag in terms.items()]


def _flag(one: OptionField) -> str:
    return f"`{one.flag}`" if one.seen_in("shell") else ""


def _below(base: type[Any]) -> Iterator[type[Any]]:
    for subclass in base.__subclasses__():
        yield subclass
        yield from _below(subclass)


def _section(group: type[Any]) -> str:
    summary = (group.__doc__ or "").strip().partition("\n")[0]
    lines = [f"\n## {group.__name__}\n", f"`{group.__module__}`: {summary}\n"]
    own = [option for option in options_of(group) if len(option.path) == 1]
    inner = sorted({option.path[0] for option in options_of(group)} - {field.name for field in own})
    if own:
        lines += [
            "| option | in the shell | in a dock | values | usual | |",
            "|---|---|---|---|---|---|",
            *map(_row, own),
        ]
    if inner:
        lines.append(f"\nAnd all options of {', '.join(f'`{name}`' for name in inner)}, see there.")
    return "\n".join(lines) + "\n"


def _row(one: OptionField) -> str:
    title = one.title if one.seen_in("dock") else ""
    usual = "" if one.default is None else f"`{one.default}`"
    cells = (f"`{one.name}`", _flag(one), title, _values(one), usual, one.option.sentence)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _values(one: OptionField) -> str:
    kind = _kind(one.value_kind)
    return ", ".join(
        filter(None, (kind, one.option.range, one.option.unit if one.option.unit != "%" else ""))
    )


def _kind(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " or ".join(f"`{argument}`" for argument in get_args(kind))
    if get_origin(kind) is list:
        return f"several: {_kind(get_args(kind)[0])}"
    if isinstance(kind, UnionType) or get_args(kind):
        return " or ".join(_kind(argument) for argument in get_args(kind) if argument is not type(None))
    return {int: "whole number", float: "number", bool: "yes or no", str: "text", Path: "path"}.get(
        kind, kind.__name__
    )


if __name__ == "__main__":
    main()
