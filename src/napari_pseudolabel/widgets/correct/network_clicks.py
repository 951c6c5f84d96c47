"""Clicks that a model of Segment Anything answers, in a worker; where it cannot be used, the image alone does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QObject, Signal
from typing_extensions import override

from napari_pseudolabel.labels.tools import ClickMark
from napari_pseudolabel.types import Array
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part

if TYPE_CHECKING:
    from napari.layers import Labels

ALONE = "The image alone"
INSTEAD = "The image alone answers clicks now."
LOOKS = "{} looks at the image around the click, which may take a minute; clicks there are fast then. Escape drops the click."
# A line is told by so many of its places.
_PLACES = 4


class NetworkClicks(Part):
    """Knows the model that a person chose for clicks, and asks it.

    Attributes
    ----------
    chosen
        Something else answers clicks from now on.
    """

    chosen = Signal()

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        # What a model could not do, by its path, so that it is not asked again with every click.
        self._troubles: dict[str, str] = {}
        # Which model saw which picture last: the next clicks there take a moment.
        self._seen: tuple[str, Array] | None = None
        # What is said while one looks; empty while none does.
        self._looking = ""
        self._asked = False
        self._offered: tuple[Path, ...] = ()
        edit = context.view.options.edits["clicks"]
        edit.offer([(None, ALONE)])
        edit.changed.connect(self._on_chosen)
        edit.native.installEventFilter(self)

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
        if labels is None:
            self._looking = ""
        if labels is not None and not self._asked:
            self._asked = True
            self._list()

    @override
    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """List files again before the person opens the list: there may be new ones."""
        reached = event is not None and event.type() in (QEvent.Type.Enter, QEvent.Type.FocusIn)
        if reached and self._asked:
            self._list()
        return super().eventFilter(watched, event)

    def _list(self) -> None:
        from napari_pseudolabel.models.sam_files import sam_files

        self._context.executor.run(sam_files, self.offer)

    def offer(self, paths: Sequence[Path]) -> None:
        """Let the person choose among files of models."""
        from napari_pseudolabel.models.sam_files import sam_titles

        if tuple(paths) == self._offered:
            return  # what is open stays open
        self._offered = tuple(paths)
        entries = zip(map(str, paths), sam_titles(paths), strict=True)
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
        if self._seen is None or self._seen[0] != model or not np.array_equal(self._seen[1], picture):
            self._looking = LOOKS.format(Path(model).stem)
        self.remind()

        def fail(failure: Failure) -> None:
            self._looking = ""
            self._troubles[model] = f"{failure.sentence} {INSTEAD}"
            failed()

        def finish(found: Any) -> None:
            self._looking, self._seen = "", (model, picture)
            done(np.asarray(found, bool))

        self._context.runner.submit(job, "local", finished=finish, failed=fail)

    def remind(self) -> None:
        """Say why clicks wait, where they do."""
        if self._looking:
            self._context.say(self._looking)

    def _on_chosen(self) -> None:
        # Who chooses a model again has perhaps mended its file.
        self._troubles.pop(self._context.view.options.value().clicks or "", None)
        self._context.view.set_hint("")
        self.chosen.emit()


def _some(count: int) -> NDArray[np.intp]:
    """Return which places of a line stand for all of them."""
    return np.unique(np.linspace(0, count - 1, min(count, _PLACES)).round().astype(np.intp))
