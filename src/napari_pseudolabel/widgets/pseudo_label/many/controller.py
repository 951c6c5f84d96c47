"""What the list of images in the Label dock does; how it looks is in the view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image as ImageLayer
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from napari_pseudolabel.collection.image_gain import ImageGain, gain_in
from napari_pseudolabel.collection.image_labelling import ImageLabelling, ListedKind, listed_image
from napari_pseudolabel.collection.image_list import ImageList, ImageStanding, ListedImage
from napari_pseudolabel.collection.image_order import NextImage, next_image
from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.imaging.reading.file_images import FileImage, images_in_files, may_hold_several
from napari_pseudolabel.imaging.reading.file_names import images_in, left_out
from napari_pseudolabel.strategies import LabelSettings, registry
from napari_pseudolabel.viewer import is_ours
from napari_pseudolabel.viewer.image_layers import source_path
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.pseudo_label.label_choice import models_of
from napari_pseudolabel.widgets.pseudo_label.many import many_sentences as say
from napari_pseudolabel.widgets.pseudo_label.many.many_run import ManyDone, ManyRun
from napari_pseudolabel.widgets.pseudo_label.many.open_images import OpenedImages
from napari_pseudolabel.widgets.pseudo_label.many.view import THUMBNAIL_PX

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.strategies import LabelJob
    from napari_pseudolabel.widgets.pseudo_label.view import PseudoLabelView
    from napari_pseudolabel.workspace import Workspace

_FOLDER = "many images folder"
_AT_ONCE = 16
_SHOWN_TIMES = 2  # pictures are sharp on screens of twice as many pixels


class ManyController(QObject):
    """Connects the list, the viewer and the engine.

    Parameters
    ----------
    dock
        Whose list it is; shows what went wrong.
    prepare
        Hands a job on the open image to a function, as the controls of the dock say; others are done the same way. What its
        strategy trains first comes before. Raises InputError where there is no such job.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        dock: PseudoLabelView,
        runner: JobRunner,
        recent: RecentChoices,
        workspace: Callable[[], Workspace],
        prepare: Callable[[Callable[[LabelJob], None]], None],
    ) -> None:
        super().__init__()
        view = dock.many
        self._viewer, self._view, self._error, self._remembered = viewer, view, dock.error, recent
        self._workspace, self._prepare, self._choice = workspace, prepare, dock.choice
        self.run = ManyRun(runner)
        self.opened = OpenedImages(viewer, self._images)
        self._aside, self._pictures = (
            SerialExecutor("pseudolabel-rows"),
            SerialExecutor("pseudolabel-pictures"),
        )
        self._listed: dict[str, ListedImage] = {}
        self._problems: dict[str, str] = {}
        self._pictured: set[str] = set()
        self._kinds: dict[str, ListedKind | str] = {}
        self._refused: dict[str, str] = {}
        self._asked = LabelSettings(), False
        self._seen: set[str] = set()
        self._shown: set[str] = set()
        self._progress: Progress | None = None
        self._total = 0
        self._reason: str | None = None
        self._list: ImageList | None = None
        self._active = False
        view.add_folder.clicked.connect(self._on_add_folder)
        view.add_open.clicked.connect(self._on_add_open)
        view.label_all.clicked.connect(self.label_all)
        view.pause.toggled.connect(self._on_pause)
        view.stop.clicked.connect(self.run.stop)
        view.next.clicked.connect(self.next)
        view.opened.connect(self.open)
        view.taken_off.connect(self._on_taken_off)
        self.run.changed.connect(self._on_changed)
        self.run.labelled.connect(lambda name: self.opened.labelled(self._listed[name]))
        self.run.progressed.connect(self._on_progress)
        self.run.ended.connect(self._on_ended)
        self.opened.changed.connect(self._on_changed)
        self.opened.opened.connect(self._on_opened)
        self.opened.failed.connect(self._failed)

    @property
    def doing(self) -> str:
        """What would be lost if the window were closed now; empty if nothing."""
        return f"Labelling {self._total} images" if self.run.busy else ""

    @property
    def settled(self) -> bool:
        """Whether nothing is being read or written beside the window."""
        return not (self._aside.busy or self._pictures.busy or self.opened.busy)

    def start(self) -> None:
        """Begin, with the dock."""
        self._active = True
        self.opened.start()
        self.list_again()

    def stop(self) -> None:
        """Write what was decided, and end, with the dock."""
        self._active = False
        self.run.shutdown()
        self.opened.stop()
        for reading in (self._aside, self._pictures):
            reading.shutdown(drop=True)  # of a long list the window would wait for all pictures

    def follow(self, reason: str | None) -> None:
        """Take note why images cannot be labelled as the controls say; None if they can. Another workspace is noticed, too."""
        self._reason, choice = reason, self._choice()
        if (asked := (choice.settings, bool(registry.find(choice.strategy).size_by))) != self._asked:
            self._asked = asked
            self._look_for_refused(self._kinds)
        if self._active and self._list is not None and self._list.folder != self._images().folder:
            self.list_again()
        self._refresh()

    def _images(self) -> ImageList:
        folder = ImageList.of(self._workspace())
        if self._list is None or self._list.folder != folder.folder:
            return folder
        return self._list

    # What the person does.

    def add(self, paths: Sequence[Path], told: Sequence[str] = ()) -> None:
        """Put the images of files on the list; what those hold that may hold several is read beside the window."""
        if not any(map(may_hold_several, paths)):
            self.add_images(images_in_files(paths), told)
            return
        self._aside.run(
            partial(images_in_files, paths), lambda found: self.add_images(found, told), self._failed
        )

    def add_images(self, images: Sequence[FileImage], told: Sequence[str] = ()) -> None:
        """Put images on the list; the first is opened where no image is, so that there is something to choose models for."""
        if not self._active:
            return
        try:
            added = self._images().add(images)
        except PseudolabelError as error:
            self._failed(Failure.of(error))
            return
        self._view.set_status(say.added_text(len(added), [one for one in told if one]))
        self.list_again()
        if added and not any(map(_is_image, self._viewer.layers)):
            self.opened.open(added[0])

    def label_all(self) -> None:
        """Label what is listed."""
        if self._reason or self.run.busy or not self._listed:
            return
        self._view.set_status("")
        try:
            self._prepare(self._label_as)
        except PseudolabelError as error:
            self._failed(Failure.of(error))

    def _label_as(self, pattern: LabelJob) -> None:
        """Label what is listed as the open image would be."""
        if not self._active or self.run.busy or not self._listed:
            return
        way = ImageLabelling(self._images(), pattern, models_of(self._choice()))
        problems, self._problems = self._problems, {}
        self._total = len(self._listed)
        self.run.begin(way, tuple(self._listed.values()))
        for name in problems:
            self._on_changed(name)
        self._show_stage()
        self._refresh()

    def open(self, name: str) -> None:
        """Show an image and its labels."""
        if (one := self._listed.get(name)) is not None:
            self._view.set_status("")
            self._seen.update(self.opened.names)
            self.opened.open(one)

    def next(self) -> None:
        """Open the image with the most to gain."""
        shown = self.opened.names
        self._seen.update(shown)
        images, seen = self._images(), frozenset(self._seen)
        self.opened.write()
        self._view.next.setEnabled(False)
        self._aside.run(
            lambda: next_image(images, seen=seen, shown=shown[-1] if shown else ""), self._go_on, self._failed
        )

    def _go_on(self, found: NextImage | None) -> None:
        self._refresh()
        self._view.set_status(say.NOTHING_LEFT if found is None else say.next_text(found))
        if found is not None:
            if found.again:
                self._seen.clear()
            self.opened.open(found.one)

    def _on_add_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self._view, "Add all images of a folder", self._remembered.last(_FOLDER) or ""
        )
        if folder:
            self.add_folder(Path(folder))

    def add_folder(self, folder: Path) -> None:
        """Put the images of a folder on the list."""
        self._remembered.remember(_FOLDER, str(folder))
        try:
            found, aside = images_in(folder), left_out(folder)
        except (PseudolabelError, OSError) as error:
            self._failed(Failure.of(error))
            return
        self.add(found, aside)

    def _on_add_open(self) -> None:
        layers = [one for one in self._viewer.layers if _is_image(one)]
        paths = [Path(path) for layer in layers if (path := source_path(layer)) and Path(path).exists()]
        if not paths:
            self._view.set_status(say.NO_FILES)
            return
        self.add(paths, [say.left_out_text([layer.name for layer in layers if not source_path(layer)])])

    def _on_taken_off(self, names: list[str]) -> None:
        try:
            self._images().take_off([name for name in names if name != self.run.current])
        except PseudolabelError as error:
            self._failed(Failure.of(error))
        self.list_again()

    def _on_pause(self, on: bool) -> None:
        self.run.pause(on)
        self._show_stage()

    # What is shown.

    def list_again(self) -> None:
        """Read the list, and how all images stand."""
        self._list = self._images()
        try:
            self._listed = {one.name: one for one in self._list.images()}
        except PseudolabelError as error:
            self._listed = {}
            self._failed(Failure.of(error))
        blank = ImageStanding("waiting", {})
        self._view.set_rows([say.row_of(one, blank, None) for one in self._listed.values()])
        self._look_at([*self._listed])
        for one in self._listed.values():
            if one.name not in self._pictured:
                self._pictured.add(one.name)
                self._pictures.run(
                    partial(_picture, one),
                    partial(self._on_picture, one.name),
                    partial(self._on_unread, one.name),
                )
        self._refresh()

    def _on_picture(self, name: str, found: tuple[NDArray[np.uint8], ListedKind]) -> None:
        picture, kind = found
        self._view.set_picture(name, picture)
        self._on_known(name, kind)

    def _on_unread(self, name: str, failure: Failure) -> None:
        self._on_known(name, failure.sentence)

    def _on_known(self, name: str, kind: ListedKind | str) -> None:
        """Take note of what an image is, or why it cannot be read."""
        self._kinds[name] = kind
        self._look_for_refused([name])
        self._refresh()

    def _look_for_refused(self, names: Iterable[str]) -> None:
        """Find which images cannot be labelled as the controls say now."""
        settings, measured = self._asked
        for name in names:
            kind = self._kinds[name]
            why = kind if isinstance(kind, str) else kind.refused(settings, measured=measured)
            if why != self._refused.get(name, ""):
                self._refused[name] = why
                self._on_changed(name)

    def _on_changed(self, name: str) -> None:
        """Say how an image stands now."""
        self._look_at([name])

    def _look_at(self, names: Sequence[str]) -> None:
        """Say how images stand now."""
        self._problems.update(self.run.done.failed)
        self._show_stage()
        current = self._listed.get(self.run.current)
        if current is not None and current.name in names:
            self._progress = None
            self._view.set_row(say.running_row(current, None))
        others = [self._listed[name] for name in names if name in self._listed and name != self.run.current]
        # A thread that is handed very much at once takes the window's time.
        for some in (others[i : i + _AT_ONCE] for i in range(0, len(others), _AT_ONCE)):
            self._aside.run(partial(_standings, self._images(), some), partial(self._show_rows, some))

    def _show_rows(
        self, images: Sequence[ListedImage], found: Sequence[tuple[ImageStanding, ImageGain | None]]
    ) -> None:
        for one, (standing, gain) in zip(images, found, strict=True):
            if one.name == self.run.current:
                continue
            refused = self._refused.get(one.name, "") if standing.kind == "waiting" else ""
            problem, shown = self._problems.get(one.name, "") or refused, one.name in self.opened.names
            self._view.set_row(say.row_of(one, standing, gain, problem=problem, shown=shown))

    def _on_progress(self, progress: Progress) -> None:
        self._progress = progress
        if (one := self._listed.get(self.run.current)) is not None:
            self._view.set_row(say.running_row(one, progress))
        self._show_stage()

    def _show_stage(self) -> None:
        if not self.run.busy:
            return
        number = self._total - len(self.run.waiting) - bool(self.run.current)
        seconds = self.run.seconds_left(self._progress)
        text = say.stage_text(number, self._total, seconds, paused=self.run.paused, current=self.run.current)
        self._view.set_working(text, number, self._total)

    def _on_ended(self, done: ManyDone) -> None:
        self._problems.update(done.failed)
        self._view.set_working("")
        self._view.set_status(say.done_text(done))
        self._refresh()

    def _on_opened(self, name: str) -> None:
        self._viewer.reset_view()
        self._view.choose(name)
        before, self._shown = self._shown, set(self.opened.names)
        for one in before | self._shown:
            self._on_changed(one)

    def _failed(self, failure: Failure) -> None:
        self._refresh()
        if self._active:
            self._error.show_error(failure.sentence, failure.details)

    def _refresh(self) -> None:
        refused = sum(1 for name in self._listed if self._refused.get(name))
        free = bool(self._listed) and not self.run.busy
        hint = self._reason or say.refused_text(refused, len(self._listed)) if free else ""
        self._view.set_runnable(hint, can_label=free and not self._reason, can_go_on=bool(self._listed))


def _is_image(layer: Layer) -> bool:
    return isinstance(layer, ImageLayer) and not is_ours(layer)


def _standings(
    images: ImageList, some: Sequence[ListedImage]
) -> list[tuple[ImageStanding, ImageGain | None]]:
    return [_standing(images, one) for one in some]


def _standing(images: ImageList, one: ListedImage) -> tuple[ImageStanding, ImageGain | None]:
    standing = images.standing(one)
    try:
        return standing, gain_in(images, one)
    except (InputError, MemoryError):
        return standing, None  # it says why when it is opened


def _picture(one: ListedImage) -> tuple[NDArray[np.uint8], ListedKind]:
    """Return a small picture, (h, w, 3) uint8, of the plane in the middle of an image, and what decides whether it can be labelled."""
    from napari_pseudolabel.labels.pictures import overlay
    from napari_pseudolabel.strategies.choice.find_way import stretched

    image = listed_image(one)
    planes = [*image.planes()]
    side = min(image.shape[-2:])
    top, left = ((length - side) // 2 for length in image.shape[-2:])
    pixels = image.plane(planes[len(planes) // 2], None, (slice(top, top + side), slice(left, left + side)))
    return overlay(stretched(pixels), None, (), _SHOWN_TIMES * THUMBNAIL_PX), ListedKind.of(image)
