"""A training that ends when its time is over, whatever it was interrupted by."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.control import Control, Progress, Wish
from napari_pseudolabel.workspace import write_text


class CarryTimer:
    """Ends a training after some seconds, those of earlier runs of the same command included.

    Parameters
    ----------
    path
        Keeps how many there were.
    seconds
        In all.
    control
        Of the person.
    """

    def __init__(self, path: Path, seconds: float, control: Control) -> None:
        self._path, self._seconds, self._control = path, seconds, control
        self._before = float(read_json(path)["seconds"]) if path.is_file() else 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        write_text(self._path, json.dumps({"seconds": self._gone}))

    @property
    def _gone(self) -> float:
        return self._before + time.monotonic() - self._began

    def wish(self) -> Wish:
        """Return what the person wishes, and to finish once the time is over."""
        return "finish" if self._gone > self._seconds else self._control.wish()

    def report(self, progress: Progress) -> None:
        """Report seconds instead of steps, of which nobody knows how many there will be."""
        if progress.seconds_left is not None:
            gone, seconds = self._gone, self._seconds
            progress = Progress(
                progress.stage, int(min(gone, seconds)), math.ceil(seconds), max(0.0, seconds - gone)
            )
        self._control.report(progress)
