"""The house rules of ``docs/architecture.md``: arrows go downward, Qt stays upstairs, files stay small."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "napari_pseudolabel"
NAME = "napari_pseudolabel"
GUI = {"napari", "qtpy", "magicgui", "vispy", "superqt"}
GUI_ROOMS = {"widgets", "viewer"}
GUI_IN_FUNCTIONS = {"demo"}
MOST_LINES = 500


def floors() -> dict[str, int]:
    """Rooms and their floors, from the table in the documentation: its rows go from the top floor down."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("\n| room |", 1)[1].split("\n\n", 1)[0]
    rows = [re.findall(r"`(\w+)(?:/|\.py)`", line.split("|")[1]) for line in table.splitlines()[2:]]
    return {one: floor for floor, rooms in enumerate(reversed(rows)) for one in rooms}


FLOORS = floors()
FILES = sorted(PACKAGE.rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room(path: Path) -> str:
    """First part of the path inside the package, without a suffix."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path, *, outside_functions: bool = False) -> tuple[str, ...]:
    """Full names of everything a file imports; ``if TYPE_CHECKING`` counts as well."""
    found: list[str] = []
    to_visit: list[ast.AST] = [parsed(path)]
    for node in to_visit:
        if outside_functions and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if outside_functions and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(PACKAGE.parent).parent.parts if node.level else ()
            base = package[: len(package) - node.level + 1]
            module = ".".join((*base, *([node.module] if node.module else [])))
            found += (f"{module}.{alias.name}" for alias in node.names)
        to_visit += ast.iter_child_nodes(node)
    return tuple(found)


def rooms_of(path: Path) -> set[str]:
    """Rooms of the package that a file imports from, its own left out."""
    names = [name.split(".") for name in imports(path)]
    found = {parts[1] for parts in names if parts[0] == NAME and len(parts) > 1}
    return {one for one in found if (PACKAGE / one).is_dir() or (PACKAGE / f"{one}.py").is_file()} - {
        room(path)
    }


def test_every_room_has_a_floor():
    rooms = {room(path) for path in FILES} - {"__init__", "__main__"}
    assert rooms <= set(FLOORS), f"docs/architecture.md lacks {sorted(rooms - set(FLOORS))}"


def test_imports_go_downward():
    above = max(FLOORS.values()) + 1
    upward = [
        f"{relative(path)} imports {one}"
        for path in FILES
        for one in sorted(rooms_of(path))
        if FLOORS[one] > FLOORS.get(room(path), above)
    ]
    assert not upward, "from a floor above: " + "; ".join(upward)


def circle(edges: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """A way from a node back to itself, its first node at both ends; empty if there is none."""
    done: set[str] = set()

    def reach(one: str, way: tuple[str, ...]) -> tuple[str, ...]:
        if one in way:
            return (*way[way.index(one) :], one)
        if one in done:
            return ()
        found = next(filter(None, (reach(other, (*way, one)) for other in edges.get(one, ()))), ())
        done.add(one)
        return found

    return next(filter(None, (reach(one, ()) for one in edges)), ())


def test_rooms_do_not_import_in_a_circle():
    edges: dict[str, set[str]] = {}
    for path in FILES:
        edges.setdefault(room(path), set()).update(rooms_of(path))
    found = circle(edges)
    assert not found, f"circle: {' -> '.join(found)}"


def test_files_do_not_import_in_a_circle():
    """The ``__init__`` of a room only hands out what is below it, so names are followed to the files behind it."""
    modules = {".".join((NAME, *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in FILES}
    edges = {
        name: {
            known
            for found in imports(path)
            for known in (found, found.rpartition(".")[0])
            if known in modules and known != name
        }
        for name, path in modules.items()
        if path.stem != "__init__"
    }
    assert sum(map(len, edges.values())) > len(edges)
    found = circle(edges)
    assert not found, f"circle: {' -> '.join(one.removeprefix(f'{NAME}.') for one in found)}"


def test_a_circle_is_found_and_shown():
    assert circle({"a": ("b", "c"), "b": ("c",), "c": ()}) == ()
    assert circle({"a": ("b",), "b": ("c", "d"), "d": ("b",)}) == ("b", "d", "b")


# What says the same in every folder; all other files can be found by their name.
RECURRING = {"__init__", "base", "controller", "dock", "registry", "segmenter", "view"}


def test_classes_can_be_told_apart_by_their_names():
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(relative(path))
    assert len(places) > len(FILES) / 2
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert not twice, f"classes of one name: {twice}"


def test_files_can_be_told_apart_by_their_names():
    places: dict[str, list[str]] = {}
    for path in FILES:
        places.setdefault(path.stem, []).append(relative(path))
    twice = {name for name, found in places.items() if len(found) > 1}
    assert twice
    assert twice <= RECURRING, f"files of one name: {[places[name] for name in sorted(twice - RECURRING)]}"


def test_qt_stays_upstairs():
    used = [
        f"{relative(path)} imports {name}"
        for path in FILES
        if room(path) not in GUI_ROOMS
        for name in imports(path, outside_functions=room(path) in GUI_IN_FUNCTIONS)
        if name.split(".")[0] in GUI
    ]
    assert not used, "; ".join(used)


def test_no_file_is_two_rooms():
    files = [
        path for folder in ("src", "tests", "benchmarks", "tools") for path in (ROOT / folder).rglob("*.py")
    ]
    assert len(files) > len(FILES)
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    long = [f"{path.relative_to(ROOT)} ({count})" for path, count in lines.items() if count > MOST_LINES]
    assert not long, f"longer than {MOST_LINES} lines, split them: {', '.join(sorted(long))}"


def test_the_package_is_imported_at_once_and_without_torch():
    code = (
        "import sys, time\n"
        "begin = time.process_time()\n"
        f"import {NAME}\n"
        "print(time.process_time() - begin)\n"
        "assert not {'torch', 'napari', 'qtpy', 'monai'} & set(sys.modules)\n"
    )
    seconds = []
    for _ in range(5):
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        seconds.append(float(ran.stdout))
    assert statistics.median(seconds) < 0.3
