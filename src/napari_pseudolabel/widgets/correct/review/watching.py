"""Keeps the scores of the regions up to date while labels change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.labels.review import RegionScore
from napari_pseudolabel.viewer import Corrections, find
from napari_pseudolabel.viewer.corrections import Index, Window
from napari_pseudolabel.viewer.records import classes_of
from napari_pseudolabel.widgets.common.aside import Aside
from napari_pseudolabel.widgets.common.background import Failure
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.correct.desk import Desk
from napari_pseudolabel.widgets.correct.review.measuring import Arranged, Measured, Scene, look
from napari_pseudolabel.widgets.correct.review.state import Region, ReviewState

if TYPE_CHECKING:
    from napari.layers import Labels

_PAUSE_MS = 1500


class Watching(QObject):
    """Measures labels beside the window: when they are chosen, and after something was predicted or confirmed.

    Parameters
    ----------
    desk
        What the parts of the dock work with.
    state
        Says how far the review is.

    Attributes
    ----------
    changed
        There are new scores, or another order.
    measured, arranged
        What is known; None before anything is.
    problem
        Why nothing can be known; empty if nothing is wrong.
    """

    changed = Signal()

    def __init__(self, desk: Desk, state: Callable[[], ReviewState]) -> None:
        super().__init__()
        self._desk = desk
        self._state = state
        # Of its own: measuring takes seconds, and must not hold up the files of the workspace.
        self._aside = Aside()
        self.scene: Scene | None = None
        self.measured: Measured | None = None
        self.arranged: Arranged | None = None
        self.problem = ""
        self._quiet = False
        self._looking = self._again = False
        self._look_later = Debouncer(self.look, _PAUSE_MS, self)
        desk.events.known.connect(self._on_known)

    @property
    def settled(self) -> bool:
        """Whether nothing is being measured."""
        return not (self._aside.busy or self._look_later.pending)

    def follow(self, labels: Labels | None) -> None:
        """Other labels are corrected now, or none."""
        self.measured = self.arranged = None
        self.problem = ""
        self.scene = None if labels is None else self._scene_of(labels)
        self._look_later.cancel()
        self.look()

    def look(self) -> None:
        """Measure what was predicted since the last time, and put the regions in order."""
        if self.scene is None:
            return
        if self._looking:
            self._again = True
            return
        self._looking = True
        # Layers come and go and classes get names, so the scene is what it is now.
        scene = self.scene = self._scene_of(self.scene.labels)
        state, measured = self._state(), self.measured
        self._aside.run(
            lambda: look(scene, state, measured, lambda: self.scene is not scene),
            lambda found: self._on_looked(scene, *found),
            lambda failure: self._on_not_looked(scene, failure),
        )

    def look_soon(self) -> None:
        """As `look`, once nothing has changed for a moment."""
        if self.scene is not None:
            self._look_later()

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """What is confirmed inside of the block is known already."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def score(self, region: Region) -> RegionScore | None:
        """What was measured of a region; its quality is not calibrated."""
        return None if self.measured is None else self.measured.scores.get(region.place)

    def stop(self) -> None:
        """The dock is closed."""
        self.follow(None)
        self._aside.shutdown()
        self._looking = self._again = False

    def _scene_of(self, labels: Labels) -> Scene:
        source = self._desk.layers.source
        shape = labels.data.shape
        confidence = None if source is None else find(self._desk.viewer, source, "confidence", shape)
        return Scene(
            labels,
            Corrections.of(labels),
            classes_of(labels),
            None if confidence is None else confidence.data,
        )

    def _on_known(self, plane: Index, window: Window) -> None:
        if not self._quiet:
            self.look_soon()

    def _on_looked(self, scene: Scene, measured: Measured, arranged: Arranged) -> None:
        self._looking = False
        if scene is self.scene:
            self.measured, self.arranged, self.problem = measured, arranged, ""
            self.changed.emit()
        self._look_again()

    def _on_not_looked(self, scene: Scene, failure: Failure) -> None:
        self._looking = False
        if scene is self.scene and not failure.cancelled:
            # Labels that are no classes cannot be measured, but corrected all the same.
            self.measured, self.arranged, self.problem = None, None, failure.sentence
            self.changed.emit()
        self._look_again()

    def _look_again(self) -> None:
        if self._again:
            self._again = False
            self.look()
