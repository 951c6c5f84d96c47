"""Looks for the scale of the chosen image before anybody asks, so that a run need not."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import psutil
from qtpy.QtCore import QObject

from napari_pseudolabel.control import Progress
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.imaging.blank_layer import nothing_in
from napari_pseudolabel.strategies import FindScaleJob, FoundScale
from napari_pseudolabel.strategies.scale_search import SweepJob
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.pseudo_label.label_sentences import progress_text

if TYPE_CHECKING:
    from napari.layers import Image as ImageLayer

_LOOKING = "looking for the scale"
_PEACE_MS = 500


@dataclass(frozen=True, eq=False)
class ScaleWish:
    """What is to be looked for.

    Attributes
    ----------
    layer, models
        Whose scale it is, and for which models, as `KnownSize.found` names them.
    job
        Finds it.
    key
        The same for wishes that are answered alike.
    """

    layer: ImageLayer
    models: str
    job: FindScaleJob
    key: tuple[object, ...]


class ScaleAhead(QObject):
    """Answers one wish at a time, each once, and in silence: a run will say what is wrong.

    It never stands in the way of the person: whoever begins something else with the image ends it first (`end`), and a run
    goes on with what was looked at so far.

    Parameters
    ----------
    executor
        Looks whether there is anything in the image.
    say
        Is told how far the search is; empty once it has ended.
    answered
        Is told what was found for which wish; None where that failed.
    """

    def __init__(
        self,
        runner: JobRunner,
        executor: SerialExecutor,
        say: Callable[[str], None],
        answered: Callable[[ScaleWish, FoundScale | None], None],
    ) -> None:
        super().__init__()
        self._runner, self._executor, self._say, self._answered = runner, executor, say, answered
        self._wish: ScaleWish | None = None
        self._done: set[tuple[object, ...]] = set()
        self._number: int | None = None
        self._soon = Debouncer(self._begin, _PEACE_MS, self)

    @property
    def looking(self) -> bool:
        """Whether a search is under way."""
        return self._number is not None

    def wish(self, wish: ScaleWish | None) -> None:
        """Look for this soon, and for nothing else any more; None for nothing."""
        if wish is not None and self._wish is not None and wish.key == self._wish.key:
            return
        self._leave()
        if wish is not None and wish.key not in self._done:
            self._wish = wish
            self._soon()

    def end(self) -> None:
        """Stop for good: the person does not want it, or looks for it themselves."""
        if self._wish is not None:
            self._done.add(self._wish.key)
        self._leave()

    def _leave(self) -> None:
        self._soon.cancel()
        self._wish = None
        number, self._number = self._number, None
        if number is not None:
            self._runner.cancel(number)
            self._runner.forget(number)
            self._say("")

    def _begin(self) -> None:
        wish = self._wish
        if wish is None:
            return

        def looked(nothing: str | None) -> None:
            if wish is not self._wish:
                return
            if nothing is not None:
                self.end()
            else:
                self._search(wish)

        image, channel = wish.job.image, wish.job.settings.channel
        self._executor.run(lambda: nothing_in(image, channel), looked, partial(self._on_failed, wish))

    def _search(self, wish: ScaleWish) -> None:
        self._number = self._runner.submit(
            wish.job,
            progressed=self._on_progress,
            finished=partial(self._answer, wish),
            failed=partial(self._on_failed, wish),
        )
        self._say(search_text())

    def _on_progress(self, progress: Progress) -> None:
        if text := search_text(progress):
            self._say(text)

    def _on_failed(self, wish: ScaleWish, _: Failure) -> None:
        if wish is self._wish:
            self._answer(wish, None)

    def _answer(self, wish: ScaleWish, found: FoundScale | None) -> None:
        self.end()
        self._answered(wish, found)


def search_text(progress: Progress | None = None) -> str:
    """Say how far a search is; empty for what models do at every magnification, which have stages of their own."""
    if progress is None:
        return f"{_LOOKING} …"
    if not progress.stage.startswith(SweepJob.title):
        return ""
    return progress_text(replace(progress, stage=_LOOKING))


def quick_to_read(image: Image) -> bool:
    """Whether an image can be looked at without being asked to: it is here, and would fit into memory."""
    if isinstance(image.data, np.ndarray):
        return True
    size = math.prod(image.data.shape) * np.dtype(image.data.dtype).itemsize
    return "://" not in (image.path or "") and size <= psutil.virtual_memory().total
