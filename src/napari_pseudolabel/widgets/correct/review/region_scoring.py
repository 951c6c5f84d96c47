"""Keeps the scores of the regions up to date while labels change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.labels.review import RegionScore
from napari_pseudolabel.viewer import Corrections, find_layer
from napari_pseudolabel.viewer.corrections import Index, Window
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext
from napari_pseudolabel.widgets.correct.review.measuring import (
    ReviewOrder,
    ReviewScene,
    ScoredRegions,
    score_and_order,
)
from napari_pseudolabel.widgets.correct.review.state import ReviewRegion, ReviewState

if TYPE_CHECKING:
    from napari.layers import Labels

_PAUSE_MS = 1500


class RegionScoring(QObject):
    """Measures labels beside the window: when they are chosen, and after something was predicted or confirmed.

    Parameters
    ----------
    context
        What the parts of the dock work with.
    state
        Says how far the review is.

    Attributes
    ----------
    changed
        There are new scores, or another order.
    scored, order
        What is known; None before anything is.
    problem
        Why nothing can be known; empty if nothing is wrong.
    """

    changed = Signal()

    def __init__(self, context: CorrectContext, state: Callable[[], ReviewState]) -> None:
        super().__init__()
        self._context = context
        self._state = state
        # Of its own: measuring takes seconds, and must not hold up the files of the workspace.
        self._executor = SerialExecutor()
        self.scene: ReviewScene | None = None
        self.scored: ScoredRegions | None = None
        self.order: ReviewOrder | None = None
        self.problem = ""
        self._quiet = False
        self._scoring = self._again = False
        self._look_later = Debouncer(self.update, _PAUSE_MS, self)
        context.events.corrected.connect(self._on_corrected)

    @property
    def settled(self) -> bool:
        """Whether nothing is being measured."""
        return not (self._executor.busy or self._look_later.pending)

    def follow(self, labels: Labels | None) -> None:
        """Other labels are corrected now, or none."""
        self.scored = self.order = None
        self.problem = ""
        self.scene = None if labels is None else self._scene_of(labels)
        self._look_later.cancel()
        self.update()

    def update(self) -> None:
        """Measure what was predicted since the last time, and put the regions in order."""
        if self.scene is None:
            return
        if self._scoring:
            self._again = True
            return
        self._scoring = True
        # Layers come and go and classes get names, so the scene is what it is now.
        scene = self.scene = self._scene_of(self.scene.labels)
        state, measured = self._state(), self.scored
        self._executor.run(
            lambda: score_and_order(scene, state, measured, lambda: self.scene is not scene),
            lambda found: self._on_scored(scene, *found),
            lambda failure: self._on_failed(scene, failure),
        )

    def update_soon(self) -> None:
        """As `update`, once nothing has changed for a moment."""
        if self.scene is not None:
            self._look_later()

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Treat what is confirmed inside of the block as known already."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def score(self, region: ReviewRegion) -> RegionScore | None:
        """Return what was measured of a region; its quality is not calibrated."""
        return None if self.scored is None else self.scored.scores.get(region.place)

    def stop(self) -> None:
        """Stop: the dock is closed."""
        self.follow(None)
        self._executor.shutdown()
        self._scoring = self._again = False

    def _scene_of(self, labels: Labels) -> ReviewScene:
        source = self._context.layers.source
        shape = labels.data.shape
        confidence = None if source is None else find_layer(self._context.viewer, source, "confidence", shape)
        return ReviewScene(
            labels,
            Corrections.of(labels),
            classes_of(labels),
            None if confidence is None else confidence.data,
        )

    def _on_corrected(self, plane: Index, window: Window) -> None:
        if not self._quiet:
            self.update_soon()

    def _on_scored(self, scene: ReviewScene, measured: ScoredRegions, arranged: ReviewOrder) -> None:
        self._scoring = False
        if scene is self.scene:
            self.scored, self.order, self.problem = measured, arranged, ""
            self.changed.emit()
        self._update_again()

    def _on_failed(self, scene: ReviewScene, failure: Failure) -> None:
        self._scoring = False
        if scene is self.scene and not failure.cancelled:
            # Labels that are no classes cannot be measured, but corrected all the same.
            self.scored, self.order, self.problem = None, None, failure.sentence
            self.changed.emit()
        self._update_again()

    def _update_again(self) -> None:
        if self._again:
            self._again = False
            self.update()
