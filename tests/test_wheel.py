"""What is installed: all that a person can reach from napari, the shell and Python, and nothing else."""

from __future__ import annotations

import ast
import os
import re
import tomllib

from test_architecture import FILES, NAME, PACKAGE, ROOT, imports, parsed

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MANIFEST = PACKAGE / "napari.yaml"
INSIDE = re.compile(rf"{NAME}(\.\w+)+")
# Hatch leaves out what git ignores.
INSTALLED = [
    path
    for path in PACKAGE.rglob("*")
    if path.is_file() and "__pycache__" not in path.relative_to(PACKAGE).parts
]


def module(path):
    return ".".join((NAME, *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module(path): path for path in FILES}


def used_by(path):
    """Modules that a file imports, or names in a text, such as those that a process of its own begins with."""
    texts = (node.value for node in ast.walk(parsed(path)) if is_text(node))
    for name in (*imports(path), *(found.group() for text in texts for found in INSIDE.finditer(text))):
        parts = name.split(".")
        # A package is run before what is in it.
        yield from (one for end in range(1, len(parts) + 1) if (one := ".".join(parts[:end])) in MODULES)


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_the_wheel_is_the_package():
    assert PROJECT["tool"]["hatch"]["build"] == {
        "targets": {"wheel": {"packages": ["src/napari_pseudolabel"]}}
    }


def test_the_wheel_holds_code_samples_and_what_both_are_shown_with():
    assert {path.suffix for path in INSTALLED} == {".py", ".yaml", ".typed", ".svg", ".safetensors"}
    others = [
        path.relative_to(PACKAGE).as_posix() for path in INSTALLED if path.suffix in {".yaml", ".typed"}
    ]
    assert sorted(others) == ["napari.yaml", "py.typed"]
    checkpoints = {path.parent for path in INSTALLED if path.suffix == ".safetensors"}
    assert checkpoints == {PACKAGE / "sample_data" / "checkpoints"}


def test_nothing_is_installed_that_only_tests_benchmarks_or_tools_use():
    starts = [
        PROJECT["project"]["scripts"]["pseudolabel"],
        *re.findall(r"python_name: (\S+)", MANIFEST.read_text()),
    ]
    to_see = [f"{NAME}.demo", *(start.partition(":")[0] for start in starts)]
    seen: set[str] = set()
    while to_see:
        one = to_see.pop()
        if one not in seen:
            seen.add(one)
            to_see += used_by(MODULES[one])
    assert sorted(MODULES.keys() - seen) == []


def link(name):
    """Where a link of the checkout points to; without symbolic links git writes that into a file."""
    path = ROOT / name
    return os.readlink(path) if path.is_symlink() else path.read_text(encoding="utf-8")


def test_a_checkout_shows_samples_and_manifest_at_its_top():
    assert (ROOT / link("sample_data")).samefile(PACKAGE / "sample_data")
    assert (ROOT / link("napari.yaml")).samefile(MANIFEST)
    entry = PROJECT["project"]["entry-points"]["napari.manifest"]["napari-pseudolabel"]
    assert entry == f"{NAME}:{MANIFEST.name}"


def names_in(path):
    """What can be imported from a file."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_benchmarks_tools_and_pictures_import_what_is_there():
    there = {f"{name}.{inner}" for name, path in MODULES.items() for inner in names_in(path)} | set(MODULES)
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for folder in ("benchmarks", "tools", "docs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in imports(path)
        if name.startswith(f"{NAME}.") and name not in there
    ]
    assert not missing
