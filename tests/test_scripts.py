"""Scripts that no test runs still find what they take from the package."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = {"napari_pseudolabel": ROOT / "src", "recipes": ROOT / "tools"}


@cache
def names_in(path: Path) -> frozenset[str]:
    """What a module defines, takes from others, or lists as its own; not what is inside of its functions and classes."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        match node := waiting.pop():
            case ast.FunctionDef() | ast.ClassDef() | ast.AsyncFunctionDef():
                found.add(node.name)
                continue
            case ast.Name(ctx=ast.Store()):
                found.add(node.id)
            case ast.Import() | ast.ImportFrom():
                found |= {alias.asname or alias.name for alias in node.names}
            case ast.Constant(value=str()):
                found.add(node.value)
        waiting += ast.iter_child_nodes(node)
    return frozenset(found)


def missing(script: Path) -> list[str]:
    """Imports of a script that are nowhere."""
    found = []
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        place = PLACES.get(node.module.partition(".")[0])
        if place is None:
            continue
        folder = place / node.module.replace(".", "/")
        module = next(
            (one for one in (folder.with_suffix(".py"), folder / "__init__.py") if one.exists()), None
        )
        inside = {one.stem for one in folder.glob("*")} if folder.is_dir() else set()
        known = inside | (names_in(module) if module else set())
        found += [f"{node.module}.{alias.name}" for alias in node.names if alias.name not in known]
    return found


@pytest.mark.parametrize("folder", ["benchmarks", "docs", "tools"])
def test_scripts_import_nothing_that_is_gone(folder):
    scripts = sorted((ROOT / folder).rglob("*.py"))
    assert scripts
    gone = {path.name: lost for path in scripts if (lost := missing(path))}
    assert not gone


def test_what_is_gone_is_seen(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from napari_pseudolabel.labels.usability import doubts, usability\n"
        "from napari_pseudolabel.labels import usability as module\n"
        "from napari_pseudolabel.nowhere import anything\n"
    )
    assert missing(script) == [
        "napari_pseudolabel.labels.usability.doubts",
        "napari_pseudolabel.nowhere.anything",
    ]
