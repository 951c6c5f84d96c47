"""Exports the labels of all images of the list at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.collection.image_export import (
    ExportedImages,
    ExportImagesJob,
    exported_path,
    labelled_images,
)
from napari_pseudolabel.collection.image_list import ImageList, ListedImage
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.formats import Format
from napari_pseudolabel.viewer.listed_layers import decided_now
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.export.export_jobs import LABELS_FOLDER
from napari_pseudolabel.wording import some

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_pseudolabel.workspace import Workspace

_LISTED = 3


class ManyExport(QObject):
    """Knows which images of the list have labels.

    Parameters
    ----------
    workspace
        That of the viewer; None for a dock without one.

    Attributes
    ----------
    counted
        Emitted with their number when that was looked at.
    """

    counted = Signal(int)

    def __init__(
        self, viewer: ViewerModel, executor: SerialExecutor, workspace: Callable[[], Workspace] | None
    ) -> None:
        super().__init__()
        self._viewer, self._executor, self._workspace = viewer, executor, workspace
        self.ready: tuple[ListedImage, ...] = ()

    def look(self) -> None:
        """Look which images have labels now."""
        if self._workspace is not None:
            images = ImageList.of(self._workspace())
            self._executor.run(lambda: _ready(images), self._on_ready)

    def _on_ready(self, ready: tuple[ListedImage, ...]) -> None:
        self.ready = ready
        self.counted.emit(len(ready))

    def proposed(self, last: str | None) -> str:
        """Return a folder: the last one, or beside the images."""
        return last or (str(Path(self.ready[0].path).parent / LABELS_FOLDER) if self.ready else "")

    def why_not(self, path: str) -> str | None:
        """Why they cannot be written into a folder; None if they can."""
        folder = Path(path).expanduser()
        if not path:
            return "Choose a folder to write into."
        if folder.exists() and not folder.is_dir():
            return f"{folder} is a file; choose a folder."
        if not folder.is_dir() and not folder.parent.is_dir():
            return f"There is no folder {folder.parent}; choose another one."
        return None

    def replaced(self, path: str, format: Format) -> str:
        """Say which files are there already; empty if none is."""
        folder = Path(path).expanduser()
        if not path or not folder.is_dir():
            return ""
        paths = dict.fromkeys(exported_path(folder, image, format) for image in self.ready)
        there = [one.name for one in paths if one.exists()]
        if there and format.collects:
            return f"{there[0]} is there: images will be added, or replace themselves in it."
        verb = "exists" if len(there) == 1 else "exist"
        return f"{some(there, _LISTED)} {verb} and will be replaced." if there else ""

    def job(
        self, path: str, format: Format, *, confidence: bool, measures: bool
    ) -> tuple[ExportImagesJob, Callable[[], None]]:
        """Return the job, and what must be done before it: bring to the disk what was decided until now."""
        assert self._workspace is not None
        images = ImageList.of(self._workspace())
        decided = decided_now(self._viewer, images)

        def brought() -> None:
            for one in decided:
                one.write()

        return ExportImagesJob(images.folder, path, format, confidence, measures), brought


def told_of(done: ExportedImages, folder: str) -> tuple[str, Sequence[str]]:
    """Say what was written, and of which images nothing."""
    number = len(done.written)
    text = (
        f"Wrote the labels of {number} {'image' if number == 1 else 'images'} to {Path(folder).expanduser()}."
    )
    names: dict[str, list[str]] = {}
    for name, why in done.failed:
        names.setdefault(why, []).append(name)
    return text, [f"{some(those, _LISTED)}: {why}" for why, those in names.items()]


def _ready(images: ImageList) -> tuple[ListedImage, ...]:
    try:
        return labelled_images(images)
    except InputError:
        return ()  # the Label dock says why
