"""The process in which files are looked at that nobody trusts: ``python -m napari_pseudolabel.models.inspection_child``.

It reads one JSON request per line, calls what it names and answers with one line. It ends with its standard
input, however the process that started it ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_pseudolabel.types import JsonObject

VARIABLE = "NAPARI_PSEUDOLABEL_APART"
"""Environment variable by which the process knows that it is one."""

MEMORY = "memory"
OWN_BYTES = 2**30
"""More than Python and torch take themselves."""

_MOST_LIKELY_TO_BE_KILLED = "1000"
_NO_MEMORY = ("can't allocate memory", "not enough memory", "bad_alloc", "out of memory")


def main() -> None:
    """Answer requests until there are no more."""
    # What libraries and files print must not look like an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.dont_write_bytecode = True
    gc.set_threshold(100_000)  # most of what it makes are imports, and those stay
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_MOST_LIKELY_TO_BE_KILLED)
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    while True:
        print(json.dumps(_answer(json.loads(requests.get()))), file=answers, flush=True)


def resolved(name: str) -> Callable[..., object]:
    """Return the function that ``module:name`` stands for."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _listen(requests: queue.SimpleQueue[str]) -> None:
    while line := sys.stdin.readline():
        requests.put(line)
    os._exit(0)


def _answer(request: JsonObject) -> JsonObject:
    try:
        function = resolved(request["function"])
        _limit(request["memory"], request["cpu"])
        value = function(*request["arguments"])
        json.dumps(value)
        return {"value": value}
    except MemoryError:
        return {"error": MEMORY}
    except Exception as error:  # a hostile file may raise anything
        if any(words in str(error) for words in _NO_MEMORY):
            return {"error": MEMORY}
        kinds = [one.__name__ for one in type(error).__mro__]
        return {"error": kinds[0], "kinds": kinds, "sentence": str(error)}


def _limit(memory_bytes: int, cpu_s: float) -> None:
    """Ask the system to hold the limits; where it cannot, the other process watches alone."""
    try:
        import resource
    except ImportError:  # Windows
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime + cpu_s) + 1
    wanted = [(resource.RLIMIT_CPU, seconds), (resource.RLIMIT_DATA, memory_bytes + OWN_BYTES)]
    # It reads; whatever it is led to do, it writes no file.
    wanted += [(resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)]
    for kind, limit in wanted:
        most = resource.getrlimit(kind)[1]
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit if most < 0 else min(limit, most), most))


if __name__ == "__main__":
    main()
