"""All keys of the plugin, in one place; they are bound on the viewer and none of them is napari's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PREVIEW = "Shift-Q"
RUN = "Shift-R"
CANCEL = "Shift-X"
EXPORT = "Shift-E"
CONFIRM = "Shift-C"
TRAIN = "Shift-T"
ACCEPT = "Shift-Y"


def shown(key: str) -> str:
    """The key as a tooltip shows it."""
    return key.replace("-", "+")


def bind(viewer: Any, key: str, action: Callable[[], None]) -> Callable[[], None]:
    """Bind a key on a viewer; the function returned takes it away again.

    A key that somebody else has bound on this viewer is left alone.
    """
    if _found(viewer, key) is not None:
        return lambda: None

    def run(_: Any) -> None:
        action()

    viewer.bind_key(key, run)

    def release() -> None:
        if viewer.keymap.get(_found(viewer, key)) is run:
            viewer.bind_key(key, None)

    return release


def _found(viewer: Any, key: str) -> Any:
    return next((bound for bound in viewer.keymap if _same(str(bound), key)), None)


def _same(one: str, other: str) -> bool:
    return one.replace("+", "-") == other.replace("+", "-")
