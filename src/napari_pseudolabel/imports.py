"""Importing much at once without a search for garbage among it.

Python looks through all objects again and again while thousands of functions are made: a seventh of the time that importing torch and what
we need with it takes, and a third of that of a dock, because napari's own 300,000 objects are looked through each time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting_imports() -> Iterator[None]:
    """Import large libraries in a process of ours: what was imported is never looked through, now and later."""
    with _no_search():
        yield
        gc.freeze()


@contextmanager
def imports_in_a_window() -> Iterator[None]:
    """Import in a process that is not ours: what was imported counts as old, and is looked through like everything else there."""
    with _no_search():
        yield
        if not gc.get_freeze_count():  # else somebody leaves alone what there is, and so it stays
            gc.freeze()
            gc.unfreeze()


@contextmanager
def _no_search() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
