"""Images of the list that are opened for correction, and what is decided in them brought back to the list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.collection.image_gain import labels_file
from napari_pseudolabel.collection.image_list import ImageList, ListedImage
from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.viewer import source_layer
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.image_layers import unwrapped
from napari_pseudolabel.viewer.listed_layers import (
    DecidedImage,
    OpenImage,
    ReadImage,
    open_images,
    show_listed,
)
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.job_runner import Failure
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.utils.events import Event

_WRITE_BACK_MS = 1000


@dataclass(frozen=True, eq=False)
class WatchedLabels:
    """Labels of an image of a list, while they are open."""

    labels: Labels
    opened: OpenImage
    images: ImageList
    one: ListedImage


class OpenedImages(QObject):
    """Opens one image of the list at a time, and writes what a person decides in it within a second or two.

    Attributes
    ----------
    changed
        Emitted with the name of an image of which something was written.
    opened
        Emitted with the name of an image that is there now.
    failed
        Emitted with a `Failure`.
    """

    changed = Signal(str)
    opened = Signal(str)
    failed = Signal(object)

    def __init__(self, viewer: ViewerModel, images: Callable[[], ImageList]) -> None:
        super().__init__()
        self._viewer, self._images = viewer, images
        self._aside = SerialExecutor("pseudolabel-listed")
        self._watched: dict[int, WatchedLabels] = {}
        self._dirty: dict[int, WatchedLabels] = {}
        self._later = Debouncer(self.write, _WRITE_BACK_MS, self)

    @property
    def busy(self) -> bool:
        """Whether something is being read or written."""
        return self._aside.busy

    @property
    def names(self) -> tuple[str, ...]:
        """Of the images of the list that are open, the newest last."""
        return tuple(one.name for one in open_images(self._viewer, self._images().id))

    def start(self) -> None:
        """Begin to watch, also what came back with a session."""
        self._viewer.layers.events.inserted.connect(self._on_inserted)
        self._viewer.layers.events.removed.connect(self._on_removed)
        self._on_inserted()

    def stop(self) -> None:
        """Write what is not written yet, and end."""
        self._later.cancel()
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self.write()
        self._aside.shutdown()

    def open(self, one: ListedImage) -> None:
        """Show an image with its labels; the one that was open goes back to the list, with what was decided in it."""
        images = self._images()
        there = next((it for it in open_images(self._viewer, images.id) if it.name == one.name), None)
        if there is not None:
            there.layer.visible = True
            self._viewer.layers.selection.active = there.labels or there.layer
            self.opened.emit(one.name)
            if there.labels is not None or labels_file(images, one) is None:
                return
        self.write()
        # After what is still to be written.
        self._aside.run(
            partial(ReadImage.of, images, one), partial(self._show, images, one), self.failed.emit
        )

    def labelled(self, one: ListedImage) -> None:
        """Show the labels that a run has made of an image that is open, unless the person has done something to those that are there."""
        there = next((it for it in open_images(self._viewer, self._images().id) if it.name == one.name), None)
        if there is not None and (there.labels is None or there.snapshot(there.labels, kept=False) is None):
            there.drop_labels()
            self.open(one)

    def write(self) -> None:
        """Write what was decided and is not written yet; returns at once."""
        dirty, self._dirty = self._dirty, {}
        for watched in dirty.values():
            self._put(watched)

    def _show(self, images: ImageList, one: ListedImage, found: ReadImage) -> None:
        before = [other for other in open_images(self._viewer, images.id) if other.name != one.name]
        self._make(one, show_listed(self._viewer, images.id, one, found), before)

    def _make(self, one: ListedImage, layers: Iterator[None], before: Sequence[OpenImage]) -> None:
        """Make one layer, and the next when the window has done what waits; what was open before goes at the end.

        Between the two a canvas without any layer would show napari's welcome for a moment.
        """
        try:
            next(layers)
        except StopIteration:
            for other in before:
                other.close()
            self.opened.emit(one.name)
        except PseudolabelError as error:
            self.failed.emit(Failure.of(error))
        else:
            self._aside.run(lambda: None, lambda _: self._make(one, layers, before))

    def _on_inserted(self, event: Event | None = None) -> None:
        # Labels that come back with a session may come before their image, or after.
        for layer in self._viewer.layers:
            if isinstance(layer, Labels):
                self._watch(unwrapped(layer))

    def _watch(self, labels: Labels) -> None:
        if id(labels) in self._watched:
            return
        opened = OpenImage.of(self._viewer, source_layer(self._viewer, labels))
        if opened is None or opened.labels is not labels:
            return
        images = self._images()
        try:
            one = images.named(opened.name) if images.id == opened.list_id else None
        except InputError:
            return
        if one is None:
            return  # of another workspace
        watched = self._watched[id(labels)] = WatchedLabels(labels, opened, images, one)

        def touched(*_: object) -> None:
            self._dirty[id(labels)] = watched
            self._later()

        for event in (labels.events.paint, labels.events.set_data):
            event.connect(touched)
        Corrections.of(labels).listeners.append(touched)
        touched()  # what came back with a session may not be in the list yet

    def _put(self, watched: WatchedLabels) -> None:
        one = watched.one
        decided = DecidedImage.of(watched.opened, watched.labels, watched.images, one)
        if decided is None:
            return

        def written(changed: bool) -> None:
            if changed:
                self.changed.emit(one.name)

        def not_written(failure: Failure) -> None:
            if watched.labels in self._viewer.layers:
                self._dirty[id(watched.labels)] = watched
            self.failed.emit(failure)

        self._aside.run(decided.write, written, not_written)

    def _on_removed(self, event: Any) -> None:
        layer = unwrapped(event.value)
        watched = self._dirty.pop(id(layer), None)
        if watched is not None:
            self._put(watched)
        self._watched.pop(id(layer), None)
