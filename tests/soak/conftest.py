"""Long trials: what was tried, what failed, what was lost, noted in a table of docs/reliability.md."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

BEGIN, END = "<!-- figures of make soak -->", "<!-- end of figures -->"
_KEPT = pytest.StashKey[dict[str, dict[str, Any]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", type=Path, help="Page whose table of trials is written anew.")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_KEPT] = {}


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Iterator[Callable[..., None]]:
    """Note the figures of a trial: ``figures(tried=200, failed=0, lost=0)``.

    `tried` counts the attempts, `failed` those that ended otherwise than promised, `lost` what a person would have lost
    without being told (pixels, files, sessions: say which in the name of the test).
    """
    noted: list[dict[str, int]] = []

    def note(*, tried: int, failed: int, lost: int) -> None:
        noted.append({"tried": tried, "failed": failed, "lost": lost})

    yield note
    assert noted, "a trial that notes nothing"
    request.config.stash[_KEPT][request.node.name] = noted[-1]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    kept = config.stash[_KEPT]
    for name, one in kept.items():
        terminalreporter.write_line(f"{name}: {json.dumps(one)}")
    page: Path | None = config.getoption("--figures")
    if page is None or not kept:
        return
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    rows = {row.split("|")[1].strip(): row for row in old.splitlines() if row.startswith("| test_")}
    machine = f"{os.cpu_count()} cores, {platform.system()}, {date.today().isoformat()}"
    for name, one in kept.items():
        rows[name] = f"| {name} | {one['tried']} | {one['failed']} | {one['lost']} | {machine} |"
    table = [
        "| trial | tried | failed | lost | where and when |",
        "|---|---|---|---|---|",
        *sorted(rows.values()),
    ]
    page.write_text(f"{before}{BEGIN}\n" + "\n".join(table) + f"\n{END}{after}", encoding="utf-8")
