"""Importing much at once without a search for garbage among it.

Python looks through all objects again and again while thousands of functions are made: a seventh of the time that importing torch and what
we need with it takes, and a third of that of a dock, because napari's own 300,000 objects are looked through each time.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class _Search:
    due: bool = False


_search = _Search()


@contextmanager
def lasting_imports() -> Iterator[None]:
    """Import large libraries in a process of ours: what was imported is never looked through, now and later."""
    with _no_search():
        yield
        gc.freeze()


@contextmanager
def imports_in_a_window() -> Iterator[None]:
    """Import in a process that is not ours: everything there is looked through once, in `search_once`, when nobody waits."""
    known = len(sys.modules)
    with _no_search():
        yield
        if not gc.get_freeze_count():  # else somebody leaves alone what there is, and so it stays
            gc.freeze()
            gc.unfreeze()
    _search.due |= len(sys.modules) > known


def search_once() -> None:
    """Look through everything that was left out while windows imported something, if that was not done: it takes a quarter of a second."""
    if _search.due:
        _search.due = False
        gc.collect()


@contextmanager
def _no_search() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
