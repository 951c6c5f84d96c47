"""Sees what is made of Qt in other threads than that of the window."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject


@contextmanager
def made_elsewhere() -> Iterator[list[str]]:
    """Notes the QObjects that threads make which are started meanwhile.

    Looks at every function of Python that these threads call: whether it begins one of our or napari's widgets, and
    whether it leaves any QObject behind that lives in such a thread.

    Yields
    ------
    list of str
        Name of the thread and stack, for each.
    """
    found: list[str] = []
    app = QCoreApplication.instance()
    assert app is not None
    home = app.thread()

    def lives_elsewhere(value: Any) -> bool:
        with suppress(RuntimeError):  # deleted by Qt
            return issubclass(type(value), QObject) and value.thread() != home
        return False

    def look(frame: FrameType, event: str, _: Any) -> None:
        begins = event == "call" and frame.f_code.co_name == "__init__"
        if begins:
            made = issubclass(type(frame.f_locals.get("self")), QObject)
        else:
            made = event == "return" and any(map(lives_elsewhere, frame.f_locals.values()))
        if made:
            found.append(
                threading.current_thread().name + "\n" + "".join(traceback.format_stack(frame, limit=20))
            )

    threading.setprofile(look)
    try:
        yield found
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]
