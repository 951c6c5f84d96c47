"""The order in which tiles are copied, so that a batch ends whatever is painted meanwhile."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from napari_pseudolabel.viewer.recording.labels_watch import LabelsWatch, Pending
from napari_pseudolabel.workspace.sessions import Tile

LEAST_TILES = 8
"""Copied in every round, however little time there is (half a millisecond)."""
AT_ONCE_TILES = 256
"""As many as were marked again by the end of a pass are copied in one go (about 20 ms)."""
PASSES = 3
"""After so many passes all that is left is copied in one go."""


def most_rounds(tiles: int) -> int:
    """Return rounds after which a batch is complete, for layers of so many tiles (candidates count again)."""
    return PASSES * (-(-tiles // LEAST_TILES) + 1) + 1


class Passes:
    """Copies the tiles that wait in passes.

    A pass goes once over the tiles that waited when it began. What is marked again behind it belongs to the next
    one, and the last pass ends in the same round in which it begins: nobody can paint in between, so all layers are
    copied as they were at one moment.
    """

    def __init__(self) -> None:
        self._queue: deque[tuple[LabelsWatch, Pending]] = deque()
        self._number = 0

    def copy(self, watches: Sequence[LabelsWatch], budget_s: float, *, force: bool) -> list[Tile]:
        """Go on for `budget_s` seconds, or until nothing waits any more; see `most_rounds`.

        Parameters
        ----------
        force
            Copy everything that waits in this round.
        """
        until = time.perf_counter() + budget_s
        tiles: list[Tile] = []
        copied, at_once = 0, force
        while True:
            if not self._queue:
                self._queue.extend((watch, pending) for watch in watches for pending in watch.waiting)
                if not self._queue:
                    self._number = 0
                    return tiles
                self._number += 1
                few = self._number > 1 and len(self._queue) <= AT_ONCE_TILES
                at_once = force or few or self._number > PASSES
            if not at_once and copied >= LEAST_TILES and time.perf_counter() >= until:
                return tiles
            watch, pending = self._queue.popleft()
            tiles += watch.copy(pending)
            copied += 1

    def start_anew(self) -> None:
        """Throw away what was copied for the batch under way."""
        self._queue.clear()
        self._number = 0
