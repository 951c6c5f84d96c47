"""How long it takes until models can begin: a worker starts, libraries and weights are loaded."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import blake2b

from napari_pseudolabel.widgets.common.recent_choices import RecentChoices

Models = tuple[str | None, str | None]
"""Translator and segmenter."""
# Of the bundled models on two cores of an x86_64 machine, until it was seen how long it takes here.
_USUAL_S = 5.0


class StartUp:
    """Sees how long the first job with some models waits for them, and remembers it for the next session.

    It has nothing to do with how much is labelled, so it is no part of the rate at which that goes.

    Parameters
    ----------
    clock
        Seconds that have passed.
    """

    def __init__(self, recent: RecentChoices, clock: Callable[[], float] = time.monotonic) -> None:
        self._remembered, self._clock = recent, clock
        self._begun: dict[Models, float] = {}
        self._ready: set[Models] = set()

    def begin(self, models: Models) -> None:
        """Note that a worker was asked to load models."""
        self._begun.setdefault(models, self._clock())

    def end(self, models: Models, own_s: float) -> None:
        """Note that they are loaded, and were at work for so many seconds since."""
        self._ready.add(models)
        took = self._clock() - self._begun[models] - own_s
        self._remembered.remember(_key(models), repr(max(took, 0.0)))

    def left(self, models: Models) -> float:
        """Return in about how many seconds models can begin; 0 where they are loaded."""
        if models in self._ready:
            return 0.0
        passed = self._clock() - self._begun[models] if models in self._begun else 0.0
        return max(self._usual(models) - passed, 0.0)

    def _usual(self, models: Models) -> float:
        try:
            return float(self._remembered.last(_key(models)) or _USUAL_S)
        except ValueError:  # a file that anybody may write into
            return _USUAL_S


def _key(models: Models) -> str:
    """Under which name it is remembered."""
    return f"seconds to begin {blake2b(repr(models).encode(), digest_size=8).hexdigest()}"
