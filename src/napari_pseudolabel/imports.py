"""Importing what stays for as long as the process runs."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting_imports() -> Iterator[None]:
    """Import large libraries without a search for garbage among what is imported, now and later.

    Python looks through all objects again and again while thousands of functions are made, a seventh of the time
    that importing torch and what we need with it takes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()
