"""Every command line in the documentation is one that the shell command takes; none is run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from napari_pseudolabel.cli.app import make_app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def command_lines(text: str) -> list[str]:
    """Lines of code blocks and pieces of code in sentences that begin with the command."""
    joined = re.sub(r"\\\n\s*", " ", text)
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", joined, re.DOTALL | re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    pieces = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", joined, flags=re.DOTALL | re.MULTILINE))
    return [line for line in (*lines, *pieces) if re.match(r"(\$ )?pseudolabel\b(?!\.)", line)]


FOUND = [(page.name, line) for page in PAGES for line in command_lines(page.read_text(encoding="utf-8"))]


def parse(words: list[str]) -> None:
    """What typer does before a command runs.

    Of a line in a sentence that only names the command, or leaves something out with "...", the options are looked up.

    Raises
    ------
    LookupError
        If there is no such command or option.
    Exception
        What typer raises.
    """
    command: Any = typer.main.get_command(make_app())
    rest = list(words)
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        command = command.commands[rest.pop(0)]
    if "..." in rest or all(word.startswith("-") for word in rest):
        known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
        if unknown := {word for word in rest if word.startswith("-")} - known:
            raise LookupError(f"no such option: {unknown}")
    else:
        command.make_context("pseudolabel", rest)


def test_the_documentation_shows_the_commands():
    pages = {page for page, _ in FOUND}
    assert {"README.md", "correct.md", "grey_levels.md", "tutorship.md"} <= pages
    assert len(FOUND) > 20


@pytest.mark.parametrize(("page", "line"), FOUND)
def test_every_documented_command_line_parses(page, line):
    parse(shlex.split(line.removeprefix("$ "), comments=True)[1:])


@pytest.mark.parametrize(
    "words",
    ["labl a b", "label a.tif b.tif --translatr x --translator y", "label a.tif", "train grey-level a b c",
     "train grey-levels a b c --method inverse", "label a b --translator x --samples many",
     "train translator ... --device-s 2", "models --jsn", "evaluate a b c d"],
)  # fmt: skip
def test_what_does_not_parse_is_found(words):
    with pytest.raises(
        Exception, match=r"(?i)no such|labl|missing|grey-level|not one of|valid integer|unexpected|match"
    ):
        parse(words.split())
