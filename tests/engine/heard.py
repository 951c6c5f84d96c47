"""An ear for what a job says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from napari_pseudolabel.engine import Listener

PATIENCE_S = 60


class Heard:
    """Everything that one job says, in order, as (what, value)."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Any]] = []
        self.threads: set[int] = set()
        self._changed = threading.Condition()
        self.listener = Listener(**{what: self._hears(what) for what in Listener.__dataclass_fields__})

    def of(self, what: str) -> list[Any]:
        """All values of one kind."""
        with self._changed:
            return [value for kind, value in self.all if kind == what]

    def until(self, enough: Callable[[], object]) -> Any:
        """Wait until something was heard; returns what `enough` returned."""
        end = time.monotonic() + PATIENCE_S
        with self._changed:
            while not (found := enough()):
                assert self._changed.wait(max(0.0, end - time.monotonic())), f"heard only {self.all}"
        return found

    def first(self, what: str) -> Any:
        """Wait for the first value of one kind."""
        return self.until(lambda: self.of(what))[0]

    @property
    def end(self) -> tuple[str, Any]:
        """Wait for the outcome, and check that it is the last word and the only one."""
        self.until(lambda: [what for what, _ in self.all if what in ("done", "error")])
        assert [what for what, _ in self.all].count("done") + len(self.of("error")) == 1
        assert self.all[-1][0] in ("done", "error")
        return self.all[-1]

    def _hears(self, what: str) -> Callable[[Any], None]:
        def hear(value: Any) -> None:
            with self._changed:
                self.all.append((what, value))
                self.threads.add(threading.get_ident())
                self._changed.notify_all()

        return hear
