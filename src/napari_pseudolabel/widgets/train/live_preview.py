"""While it trains: what the newest model would change in the view, whenever the person pauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject

from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.viewer import (
    accept_preview,
    current_plane,
    drop_preview,
    middle_of,
    show_preview,
    visible_region,
)
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.removals import Removals
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.train import train_sentences
from napari_pseudolabel.widgets.train.model_list import PreviewBar

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels, Layer
    from napari.utils.events import EventEmitter

    from napari_pseudolabel.strategies import LabelJob, PseudoLabel, Record, Region

PAUSE_MS = 1000


@dataclass(frozen=True, eq=False)
class PreviewScene:
    """What a training learns from, as the preview needs it.

    Attributes
    ----------
    source, labels
        The layers.
    record
        How the labels were made, which is how the segmenter sees the image.
    side
        Pixels of the image that are predicted at once, at most.
    """

    source: ImageLayer
    labels: Labels
    image: Image
    record: Record
    side: int


class LivePreview(QObject):
    """Predicts the middle of the view with the newest model, and shows what would change.

    A prediction starts once nothing was painted and the view stood still for a second, and only if the
    model, the view or the plane is another than the last time.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        bar: PreviewBar,
        runner: JobRunner,
        executor: SerialExecutor,
        canvas_px: Callable[[], tuple[int, int] | None],
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._bar = bar
        self._runner = runner
        self._executor = executor
        self._canvas_px = canvas_px
        self._scene: PreviewScene | None = None
        self._model: tuple[int, Path] | None = None
        self._asked: object = None
        self._number: int | None = None
        self._shown: PreviewScene | None = None
        self._followed: tuple[EventEmitter, ...] = ()
        self._concluding = False
        self._writing = 0
        self._removals = Removals(viewer, self._on_removed)
        self._predict_later = Debouncer(self._on_pause, PAUSE_MS, self)
        bar.show_newest.toggled.connect(self._on_toggled)
        bar.accept.clicked.connect(self.accept)
        bar.discard.clicked.connect(self.discard)

    def begin(self, scene: PreviewScene) -> None:
        """Begin with a training; there is no model to show yet."""
        self.end()
        self.discard()
        self._scene = scene
        self._removals.watch(scene.source, scene.labels)
        self._asked = None
        self._followed = (
            unwrapped(scene.labels).events.paint,
            self._viewer.camera.events,
            self._viewer.dims.events.current_step,
        )
        for events in self._followed:
            events.connect(self._on_moved)

    def arrived(self, number: int, checkpoint: bytes, path: Path) -> None:
        """Take a model that is the best so far; `number` tells it from those before."""
        from napari_pseudolabel.workspace import write_bytes

        def written(_: object) -> None:
            self._writing -= 1
            self._model = (number, path)
            self._wait()

        self._writing += 1
        self._executor.run(lambda: write_bytes(path, checkpoint), written)

    def conclude(self) -> None:
        """Show the model of a training that has ended well a last time, unless it is shown already."""
        self._concluding = True
        self._unfollow()
        coming = self._model is not None or self._writing > 0
        if self._scene is None or not coming or not self._bar.show_newest.isChecked():
            self.end()
        else:
            self._wait()

    def end(self) -> None:
        """Nothing more is predicted; what is shown may still be accepted."""
        self._predict_later.cancel()
        self._unfollow()
        self._concluding = False
        self._removals.forget()
        if self._number is not None:
            self._runner.cancel(self._number)
            self._runner.forget(self._number)
            self._number = None
        self._scene = self._model = None

    def _on_removed(self, layer: Layer) -> None:
        self.end()
        self.discard()
        self._bar.set_preview(f"No preview any more: “{layer.name}” was removed.", acceptable=False)

    def accept(self) -> None:
        """Take the prediction over into the labels; what a person touched stays."""
        if self._shown is not None:
            scene, self._shown = self._shown, None
            if scene.labels in self._viewer.layers:
                accept_preview(self._viewer, scene.source, scene.labels, image=scene.image)
        self._bar.set_preview("", acceptable=False)

    def discard(self) -> None:
        """Remove the preview."""
        if self._shown is not None:
            scene, self._shown = self._shown, None
            drop_preview(self._viewer, scene.source)
        self._bar.set_preview("", acceptable=False)

    def _on_toggled(self, on: bool) -> None:
        if on:
            self._asked = None
            self._wait()
        else:
            self._predict_later.cancel()
            if self._number is not None:
                self._runner.cancel(self._number)
            self.discard()

    def _unfollow(self) -> None:
        followed, self._followed = self._followed, ()
        for events in followed:
            events.disconnect(self._on_moved)

    def _on_moved(self, event: object = None) -> None:
        if self._model is not None:
            self._wait()

    def _wait(self) -> None:
        if self._scene is not None and self._bar.show_newest.isChecked():
            self._predict_later()

    def _on_pause(self) -> None:
        scene, model = self._scene, self._model
        if scene is None or model is None or not self._bar.show_newest.isChecked():
            self._rest()
            return
        if self._number is not None:
            self._wait()  # one after the other
            return
        if scene.source not in self._viewer.layers or scene.labels not in self._viewer.layers:
            self._rest()
            return
        try:
            seen = visible_region(self._viewer, scene.source, scene.image, self._canvas_px())
            region = middle_of(seen, scene.side)
            plane = current_plane(self._viewer, scene.source, scene.image)
        except PseudolabelError:
            self._rest()  # the image is not in the view
            return
        asked = (model[0], region, plane)
        if asked == self._asked:
            self._rest()
            return
        self._asked = asked
        parts: list[PseudoLabel] = []
        job = _job(scene, model[1], region, plane)
        self._number = self._runner.submit(
            job,
            parted=parts.append,
            finished=lambda _: self._on_finished(scene, job, parts),
            failed=self._on_failed,
        )

    def _rest(self) -> None:
        """There is nothing to predict at the moment; after the training, there never will be."""
        if self._concluding and not self._writing:
            self.end()

    def _on_finished(self, scene: PreviewScene, job: LabelJob, parts: list[PseudoLabel]) -> None:
        from napari_pseudolabel.strategies import join

        self._number = None
        self._rest()
        if not parts or scene.labels not in self._viewer.layers:
            return
        whole = join(job, parts, parts[-1].report)
        layer = show_preview(self._viewer, scene.source, scene.labels, whole, image=scene.image)
        self._shown = scene
        region = whole.region
        changed = sum(int(np.count_nonzero(layer.data[(*index, *region.window)])) for index in whole.planes)
        self._bar.set_preview(train_sentences.would_change(changed, region.shape), acceptable=changed > 0)

    def _on_failed(self, failure: Failure) -> None:
        self._number = None
        self._rest()
        if not failure.cancelled:
            self._bar.set_preview(f"No preview: {failure.sentence}", acceptable=False)


def _job(scene: PreviewScene, segmenter: Path, region: Region, plane: tuple[int, ...]) -> LabelJob:
    from napari_pseudolabel.strategies.again import Extent, again

    # One look at it has to be enough: it is to come soon.
    settings = replace(scene.record.settings, samples=1, flips=0)
    where = Extent(region, (plane,))
    return again(scene.record, scene.image, where, segmenter=str(segmenter), settings=settings)
