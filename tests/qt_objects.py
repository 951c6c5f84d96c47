"""Sees every QObject that comes into being, in whatever thread, through the hook that Qt keeps for debuggers."""

from __future__ import annotations

import ctypes
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import qtpy

_ADDED = 3  # place of the hook for new objects in Qt's table
_Callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def _table() -> ctypes.Array[ctypes.c_void_p]:
    """Qt's table of hooks."""
    assert qtpy.API_NAME == "PyQt6"
    import PyQt6

    library = Path(PyQt6.__file__).parent / "Qt6" / "lib" / "libQt6Core.so.6"
    return (ctypes.c_void_p * 7).in_dll(ctypes.CDLL(str(library)), "qtHookData")


@contextmanager
def made_elsewhere() -> Iterator[list[str]]:
    """Notes where QObjects are made outside of the thread that enters; Qt's own objects for a thread are none.

    Yields
    ------
    list of str
        Name of the thread and stack, for each.
    """
    found: list[str] = []
    home = threading.get_ident()
    table = _table()

    @_Callback
    def added(pointer: int) -> None:
        if threading.get_ident() == home:
            return
        stack = traceback.extract_stack()[:-1]
        # Whoever emits a signal from a thread of Python makes Qt describe that thread to itself.
        if ".emit(" not in (stack[-1].line or ""):
            found.append(threading.current_thread().name + "\n" + "".join(traceback.format_list(stack)))

    before = table[_ADDED]
    table[_ADDED] = ctypes.cast(added, ctypes.c_void_p).value
    try:
        yield found
    finally:
        table[_ADDED] = before
