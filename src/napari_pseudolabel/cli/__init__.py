"""The shell command ``pseudolabel``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command with the arguments of the process, and exit."""
    # Imported late: a broken pipe of imports should not cost `import napari_pseudolabel.cli` anything.
    from napari_pseudolabel.cli.running import run

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows "?" instead
    sys.exit(run(sys.argv[1:]))
