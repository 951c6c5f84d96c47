"""Large images in the dock: where their labels are kept, and regions of them that are corrected and written back."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.imaging import Image
from napari_pseudolabel.slides.slide_run import SlideRun
from napari_pseudolabel.viewer import current_plane, visible_region
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.slide_labels import SLIDES, name_classes, slide_layer, store_of
from napari_pseudolabel.viewer.slide_layers import (
    Decisions,
    OpenRegion,
    is_large,
    know_whole,
    named_in,
    region_of,
    show_region,
    wanted_region,
)
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.garbage import GarbageLater
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels
    from napari.utils.events import Event
    from qtpy.QtCore import QObject

    from napari_pseudolabel.strategies import LabelJob
    from napari_pseudolabel.widgets.pseudo_label.image_picker import ImagePicker
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView

_WRITE_BACK_MS = 1000
_SEARCH_AGAIN_MS = 2000


def prepare_ahead() -> None:
    """Import and compute what napari takes for the first Labels layer; the window would wait for it when the first labels come."""
    import pandas  # noqa: F401
    from napari.utils.colormaps import label_colormap
    from vispy.visuals.line.dash_atlas import DashAtlas

    label_colormap()  # imports half of scikit-image
    DashAtlas()  # patterns that vispy keeps


def _nothing() -> None:
    """Do nothing beside the window, so that what follows comes after what waits in it."""


class SlideRegions:
    """Watches the regions of large images in a viewer, and brings what a person decides in them to the disk.

    Parameters
    ----------
    view, images
        Of the dock.
    folder
        Says where labels of large images are kept.
    canvas_px
        Says height and width of the canvas; None where there is no window.
    parent
        Owns the timer.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        view: PseudoLabelView,
        images: ImagePicker,
        folder: Callable[[], Path],
        canvas_px: Callable[[], tuple[int, int] | None],
        parent: QObject,
    ) -> None:
        self._viewer, self._view, self._images = viewer, view, images
        self._folder, self._canvas_px = folder, canvas_px
        view.region_button.clicked.connect(self.correct_view)
        self._aside = SerialExecutor("pseudolabel-slides")
        self._dirty: dict[int, Labels] = {}
        self._watched: dict[int, Labels] = {}
        self._later = Debouncer(self._write, _WRITE_BACK_MS, parent)
        # While regions are open: what was there before is searched for garbage once they are closed, not for every layer of them.
        self._garbage = GarbageLater(viewer)
        self._closed = Debouncer(self._search_again, _SEARCH_AGAIN_MS, parent)

    def start(self) -> None:
        """Begin to watch."""
        self._viewer.layers.events.inserted.connect(self._on_inserted)
        self._viewer.layers.events.removed.connect(self._on_removed)
        for layer in self._viewer.layers:
            self.watch(layer)

    def stop(self) -> None:
        """Write what is not written yet, and end."""
        self._later.cancel()
        self._closed.cancel()
        self._garbage.end()
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self.flush()
        for layer in self._viewer.layers:
            if (store := store_of(layer)) is not None:
                store.close()
        self._aside.shutdown()

    def follow(self) -> None:
        """Offer to correct what is in view where there are labels of a large image."""
        layer = self._images.layer()
        self._view.region_button.setVisible(
            layer is not None and slide_layer(self._viewer, layer) is not None
        )

    def kept(self, layer: str | None, job: LabelJob) -> LabelJob:
        """Return a job that keeps its parts on the disk, if its image is so large."""
        self._aside.run(prepare_ahead)
        source = self._images.layer(layer)
        if source is None or not is_large(job.image):
            return job
        # A run that goes on where it stopped is of one temperature, whatever was confirmed meanwhile.
        return replace(job, kept=self.run_for(source, job.image), confirmed=())

    def correct_view(self) -> None:
        """Open what is in view of a large image, to be corrected."""
        layer = self._images.layer()
        if layer is None:
            return
        self._view.error.clear()
        try:
            image, channel = self._images.image(), self._view.choice().settings.channel
            region = visible_region(self._viewer, layer, image, self._canvas_px())
            plane = current_plane(self._viewer, layer, image)
            chosen = channel if isinstance(channel, int) else None
            wanted = wanted_region(self._viewer, layer, image, region, plane, chosen)
        except PseudolabelError as error:
            self._failed(Failure.of(error))
            return
        self._view.region_button.setEnabled(False)
        self._garbage.begin()
        # After what is still to be written, of a region that was closed a moment ago.
        self._aside.run(
            wanted.read, lambda read: self._show(show_region(self._viewer, wanted, read)), self._not_read
        )

    def _show(self, layers: Iterator[OpenRegion | None]) -> None:
        """Make one layer, and the next when the window has done what waits."""
        try:
            opened = next(layers)
        except StopIteration:
            self._view.region_button.setEnabled(True)
            self._closed()
            return
        if opened is not None:
            self.watch(opened.labels)
        self._aside.run(_nothing, lambda _: self._show(layers))

    def _not_read(self, failure: Failure) -> None:
        self._view.region_button.setEnabled(True)
        self._closed()
        self._failed(failure)

    def _failed(self, failure: Failure) -> None:
        self._view.error.show_error(failure.sentence, failure.details)

    def run_for(self, layer: ImageLayer, image: Image) -> SlideRun:
        """Return where the labels of a large image go."""
        shown = slide_layer(self._viewer, layer)
        about = repr((image.path or image.name, tuple(image.data.shape), str(image.data.dtype), image.axes))
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", layer.name).strip("-")[:60] or "image"
        slides = self._folder() / SLIDES
        slides.mkdir(parents=True, exist_ok=True)
        folder = slides / f"{name}-{zlib.crc32(about.encode()):08x}"
        return SlideRun(folder, mixed=True, lent=None if shown is None else store_of(shown))

    def watch(self, layer: Any) -> None:
        """Hear what is decided in a layer, if it is a region of a large image."""
        if region_of(self._viewer, layer) is None or id(unwrapped(layer)) in self._watched:
            return
        know_whole(self._viewer, layer)
        plain = unwrapped(layer)
        self._watched[id(plain)] = plain

        def touched(*_: object) -> None:
            self._dirty[id(plain)] = plain
            self._later()

        for event in (plain.events.paint, plain.events.set_data):
            event.connect(touched)
        Corrections.of(plain).listeners.append(touched)

    def flush(self) -> None:
        """Write everything now; returns when it is on the disk."""
        self._write()
        self._aside.run(lambda: None).result()

    def _write(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for key, layer in dirty.items():
            found = region_of(self._viewer, layer)
            if found is not None:
                self._put(key, layer, found)

    def _put(self, key: int, layer: Labels, found: OpenRegion) -> None:
        def not_written(failure: Failure) -> None:
            self._dirty[key] = layer
            self._failed(failure)

        def written(_: None) -> None:
            shown = next((one for one in self._viewer.layers if store_of(one) is found.store), None)
            if shown is not None:
                name_classes(shown, found.store.named_classes())
                shown.refresh(extent=False)

        self._aside.run(Decisions.of(found).write, written, not_written)

    def _on_inserted(self, event: Event) -> None:
        # A region that comes back with a session may come before its image, or after.
        for layer in self._viewer.layers:
            self.watch(layer)

    def _on_removed(self, event: Event) -> None:
        layer = unwrapped(event.value)
        if (store := store_of(layer)) is not None:
            self._aside.run(store.close)
        touched = self._dirty.pop(id(layer), None) is not None
        found = region_of(self._viewer, layer)
        # Classes may have other names though no pixel was touched.
        if found is not None and (touched or named_in(layer)):
            self._put(id(layer), layer, found)
        self._watched.pop(id(layer), None)
        self._closed()

    def _search_again(self) -> None:
        opening = not self._view.region_button.isEnabled()
        if not opening and all(region_of(self._viewer, layer) is None for layer in self._viewer.layers):
            self._garbage.end()
