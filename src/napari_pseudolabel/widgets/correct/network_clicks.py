"""Clicks that a model of Segment Anything answers, in a worker; where it cannot be used, the image alone does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from napari_pseudolabel.labels.tools import ClickMark
from napari_pseudolabel.types import Array
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part

if TYPE_CHECKING:
    from napari.layers import Labels

ALONE = "The image alone"
INSTEAD = "The image alone answers clicks now."
# A line is told by so many of its places.
_PLACES = 4


class NetworkClicks(Part):
    """Knows the model that a person chose for clicks, and asks it."""

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        # What a model could not do, by its path, so that it is not asked again with every click.
        self._troubles: dict[str, str] = {}
        self._picture: Array | None = None
        self._asked = False
        context.view.options.edits["clicks"].offer([(None, ALONE)])

    @property
    def model(self) -> str | None:
        """Path of the model that answers clicks; None for the image alone."""
        chosen = self._context.view.options.value().clicks
        return None if chosen in self._troubles else chosen

    @property
    def trouble(self) -> str:
        """Why the chosen model does not answer; empty where it does."""
        return self._troubles.get(self._context.view.options.value().clicks or "", "")

    @override
    def follow(self, labels: Labels | None) -> None:
        if labels is not None and not self._asked:
            self._asked = True
            from napari_pseudolabel.models.sam_files import sam_files

            self._context.executor.run(sam_files, self.offer)

    def offer(self, paths: Sequence[Path]) -> None:
        """Let the person choose among files of models."""
        entries = [(str(path), path.stem) for path in paths]
        self._context.view.options.edits["clicks"].offer([(None, ALONE), *entries])

    def ask(
        self,
        model: str,
        picture: Array,
        marks: Sequence[ClickMark],
        done: Callable[[NDArray[np.bool_]], None],
        failed: Callable[[], None],
    ) -> None:
        """Have a worker find the object of marks in a picture (h, w), or (h, w, C); one of the two is called in the window."""
        from napari_pseudolabel.strategies.clicked_object import ClickedObjectJob

        places = [mark.places[_some(len(mark.places))] for mark in marks]
        inside = [mark.inside for mark, some in zip(marks, places, strict=True) for _ in some]
        job = ClickedObjectJob(model, picture, np.concatenate(places), inside)
        if picture is not self._picture:
            self._context.view.set_status(f"{Path(model).stem} looks at the view; further clicks are fast.")
        self._picture = picture

        def fail(failure: Failure) -> None:
            self._troubles[model] = f"{failure.sentence} {INSTEAD}"
            failed()

        def finish(found: Any) -> None:
            done(np.asarray(found, bool))

        self._context.runner.submit(job, "local", finished=finish, failed=fail)


def _some(count: int) -> NDArray[np.intp]:
    """Return which places of a line stand for all of them."""
    return np.unique(np.linspace(0, count - 1, min(count, _PLACES)).round().astype(np.intp))
