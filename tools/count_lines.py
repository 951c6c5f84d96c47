"""Print the lines of Python of every room of the source, at one revision or at several beside each other.

``python tools/count_lines.py REVISION ...``; in the working tree without any.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = "src/napari_pseudolabel/"


def main(revisions: list[str]) -> None:
    """Print a table with a column for each revision."""
    counts = [counted(one) for one in revisions] or [counted("")]
    rooms = sorted(set().union(*counts))
    for room in rooms:
        print(f"| `{room}` | {' | '.join(f'{one[room]:,}' for one in counts)} |")
    print(f"| all | {' | '.join(f'{one.total():,}' for one in counts)} |")


def counted(revision: str) -> Counter[str]:
    """Return the lines of every room; those of the working tree for an empty revision."""
    names = _git("ls-tree", "-r", "--name-only", revision) if revision else _git("ls-files")
    found: Counter[str] = Counter()
    for name in names.splitlines():
        if name.startswith(SOURCE) and name.endswith(".py"):
            text = _git("show", f"{revision}:{name}") if revision else (ROOT / name).read_text("utf-8")
            room, slash, _ = name.removeprefix(SOURCE).partition("/")
            found[f"{room}/" if slash else "ground floor, demo.py"] += text.count("\n")
    return found


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main(sys.argv[1:])
