"""Temporary names that tell who made them, so that what killed processes leave behind can be removed.

Only what this machine made, and of which the process is certainly gone, is ever touched.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import platform
import re
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Literal

import psutil

_NAME = re.compile(
    r"\.(?P<target>.*)\.(?P<host>[0-9a-f]{8})-(?P<pid>\d{1,9})-[0-9a-f]{8}\.(?P<kind>new|old)\.tmp"
)
# Names of files may have 255 bytes.
_LONGEST = 190
# A folder with more is not searched to its end for every file that is written into it.
_MOST_ENTRIES = 10_000


def name_for(target: Path, kind: Literal["new", "old"]) -> Path:
    """Return a path beside `target` that nothing has: for what will replace it, or for what was there before."""
    own = f"{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.{kind}.tmp"
    shown = target.name.encode(errors="surrogateescape")[:_LONGEST].decode(errors="ignore")
    return target.with_name(f".{shown}.{own}")


def clear(folder: Path) -> None:
    """Remove what killed processes have left in a folder; what cannot be removed stays."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in itertools.islice(entries, _MOST_ENTRIES):
            if entry.name.endswith(".tmp") and (found := _NAME.fullmatch(entry.name)) and _is_dead(found):
                # What was there before is the only copy until the new one is in its place.
                if found["kind"] == "old" and not os.path.lexists(folder / found["target"]):
                    continue
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path)
                    else:
                        os.unlink(entry.path)


def _is_dead(found: re.Match[str]) -> bool:
    # Another process may have its number by now; then it stays until that ends as well.
    return found["host"] == _host() and not psutil.pid_exists(int(found["pid"]))


def _host() -> str:
    """Return this machine, or this container: where the number of a process means the same."""
    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.blake2b(f"{platform.node()} {space}".encode(), digest_size=4).hexdigest()
