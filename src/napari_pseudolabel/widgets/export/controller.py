"""What the Export dock does; how it looks is in the view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QFileDialog

from napari_pseudolabel.export import ExportContent
from napari_pseudolabel.formats import suffix_of
from napari_pseudolabel.imaging.reading.file_names import stem
from napari_pseudolabel.viewer import content_of, is_ours, source_layer
from napari_pseudolabel.viewer.images import source_path, unwrapped
from napari_pseudolabel.viewer.records import is_helper
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.background import Background, EngineHolder, Failure
from napari_pseudolabel.widgets.common.remembered import Remembered
from napari_pseudolabel.widgets.export.problems import blocking, worth_knowing
from napari_pseudolabel.widgets.export.tasks import LABELS_FOLDER, ExportJob
from napari_pseudolabel.widgets.export.view import ExportView

if TYPE_CHECKING:
    from napari.components import ViewerModel

_DEBOUNCE_MS = 300


class ExportController(QObject):
    """Connects a viewer, the view of the dock, and the engine."""

    def __init__(
        self,
        viewer: ViewerModel,
        view: ExportView,
        *,
        holder: EngineHolder,
        remembered: Remembered,
    ) -> None:
        super().__init__()
        self.viewer = viewer
        self.view = view
        self._remembered = remembered
        self._background = Background(holder)
        self._active = False
        self._writing: int | None = None
        self._proposed = ""
        self._release: Callable[[], None] = lambda: None
        self._debounce = QTimer(self)
        self._debounce.setSingleShot(True)
        self._debounce.setInterval(_DEBOUNCE_MS)
        self._debounce.timeout.connect(self._refresh)
        view.changed.connect(self._on_changed)
        view.browse_pressed.connect(self._browse)
        view.export_pressed.connect(self.export)
        self._background.finished.connect(self._on_finished)
        self._background.failed.connect(self._on_failed)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.connect(self._on_layers)
        viewer.layers.selection.events.active.connect(self._on_active)

    @property
    def doing(self) -> str:
        """What would be lost if the window were closed now; empty if nothing."""
        return "Exporting labels" if self._writing is not None else ""

    def start(self) -> None:
        """Begin to follow the viewer; does nothing the second time."""
        if self._active:
            return
        self._active = True
        self._release = shortcuts.bind(self.viewer, shortcuts.EXPORT, self.view.export_button.click)
        self._background.start()
        self._on_active()
        self._refresh()

    def shutdown(self, timeout: float = 10.0) -> bool:
        """Stop all work and end all threads; may be called any number of times."""
        self._active = False
        self._debounce.stop()
        self._release()
        self._release = lambda: None
        return self._background.shutdown(timeout)

    def export(self) -> None:
        """Write what is chosen."""
        content, path = self._content(), self.view.path.text().strip()
        if self._writing is not None or content is None or blocking(content, self.view.format, path):
            return
        self.view.error.clear()
        self.view.set_status("Writing …")
        effort = self.view.effort.isChecked()
        if effort:
            content = content_of(self.viewer, self._layer(), effort=True)
        job = ExportJob(content, path, self.view.format, self.view.confidence.isChecked(), effort)
        self._writing = self._background.submit(job, "local")
        self._remembered.remember("export folder", str(Path(path).expanduser().parent))
        self._refresh()

    def _on_finished(self, number: int, written: tuple[Path, ...]) -> None:
        if number == self._writing:
            self._writing = None
            names = ", ".join(one.name for one in written)
            self.view.set_status(f"Wrote {names} to {written[0].parent}.")
            self._refresh()

    def _on_failed(self, number: int, failure: Failure) -> None:
        if number == self._writing:
            self._writing = None
            self.view.set_status("")
            self.view.error.show_error(failure.sentence, failure.details)
            self._refresh()

    def _on_changed(self) -> None:
        if self._active:
            self._propose_path()
            self._refresh()

    def _on_layers(self, event: Any = None) -> None:
        if self._active:
            self._fill(self.view.layer.currentData())

    def _on_active(self, event: Any = None) -> None:
        if not self._active:
            return
        active = self.viewer.layers.selection.active
        now = self.view.layer.currentData()
        self._fill(str(active.unique_id) if isinstance(active, Labels) else now)

    def _fill(self, chosen: str | None) -> None:
        layers = [layer for layer in self.viewer.layers if isinstance(layer, Labels) and not is_helper(layer)]
        for layer in layers:
            unwrapped(layer).events.name.connect(self._on_layers)
            unwrapped(layer).events.paint.connect(self._on_paint)
        uids = [str(layer.unique_id) for layer in layers]
        ours = [str(layer.unique_id) for layer in layers if is_ours(layer)]
        wishes = (chosen, *ours[-1:], *uids[-1:])
        self.view.set_layers(
            [(str(layer.unique_id), layer.name) for layer in layers],
            next((wish for wish in wishes if wish in uids), None),
        )
        self._on_changed()

    def _on_paint(self, event: Any = None) -> None:
        if self._active:
            self._debounce.start()

    def _propose_path(self) -> None:
        """Put a name that follows from the image, unless the person has chosen one; give it the right suffix."""
        layer, text = self._layer(), self.view.path.text()
        if text and text != self._proposed:
            fitting = self._with_suffix(text)
        elif layer is None:
            return
        else:
            fitting = self._proposed = self._with_suffix(self._name_for(layer))
        if fitting != text:
            self.view.set_path(fitting)

    def _name_for(self, layer: Labels) -> str:
        """Path for the labels of a layer, without a suffix."""
        source = source_layer(self.viewer, layer)
        origin = source_path(source) if source is not None else None
        last = self._remembered.last("export folder")
        folder = Path(last) if last else Path(origin).parent if origin else Path.home()
        if origin and folder.absolute() == Path(origin).parent.absolute():
            folder /= LABELS_FOLDER  # among the images, labels would be taken for one of them
        name = stem(Path(origin)) if origin else (source or layer).name
        safe = "".join(letter if letter.isalnum() or letter in "-_ " else "_" for letter in name).strip()
        return str(folder / f"{safe}_labels")

    def _with_suffix(self, path: str) -> str:
        """`path` with a suffix of the chosen format; one that it cannot have is replaced."""
        chosen = self.view.format
        return path if chosen.named_by(path) else path.removesuffix(suffix_of(path)) + chosen.suffix

    def _browse(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self.view, "Export labels", self.view.path.text())
        if path:
            self.view.set_path(self._with_suffix(path))

    def _layer(self) -> Any:
        wanted = self.view.layer.currentData()
        return next((one for one in self.viewer.layers if str(one.unique_id) == wanted), None)

    def _content(self) -> ExportContent | None:
        layer = self._layer()
        return content_of(self.viewer, layer) if layer is not None else None

    def _refresh(self) -> None:
        content, path = self._content(), self.view.path.text().strip()
        reason = blocking(content, self.view.format, path)
        self.view.set_confidence(content is not None and content.confidence is not None)
        found = worth_knowing(content, self.view.format, path) if content is not None else []
        self.view.set_checks(found)
        self.view.set_hint(reason or ("Writing …" if self._writing is not None else ""))
