"""What the Export dock does; how it looks is in the view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtWidgets import QFileDialog
from typing_extensions import override

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import Cancelled, PseudolabelError
from napari_pseudolabel.exporting import ExportContent
from napari_pseudolabel.formats import suffix_of
from napari_pseudolabel.imaging.reading.file_names import stem
from napari_pseudolabel.viewer import content_of, source_layer
from napari_pseudolabel.viewer.exporting import confidence_of, with_files
from napari_pseudolabel.viewer.image_layers import source_path
from napari_pseudolabel.viewer.records import is_helper, is_slide
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.dock_controller import DockController, Key
from napari_pseudolabel.widgets.common.file_asker import FileAsker
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.layer_box import ours_first
from napari_pseudolabel.widgets.common.progress_words import progress_text
from napari_pseudolabel.widgets.common.recent_choices import RecentChoices
from napari_pseudolabel.widgets.export.export_jobs import LABELS_FOLDER, ExportJob, SlideExportJob
from napari_pseudolabel.widgets.export.many_export import ManyExport, told_of
from napari_pseudolabel.widgets.export.problems import about_file, blocking, not_all, replaced, worth_knowing
from napari_pseudolabel.widgets.export.view import ExportView

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_pseudolabel.slides.slide_export import SlideContent
    from napari_pseudolabel.workspace import Workspace

_DEBOUNCE_MS = 300
_MANY_FOLDER = "export folder of many"
# Where a job has a number: what a person decided is being written before it.
_ABOUT_TO_WRITE = 0


class ExportController(DockController):
    """Connects a viewer, the view of the dock, and the engine."""

    view: ExportView
    _runner: JobRunner

    def __init__(
        self,
        viewer: ViewerModel,
        view: ExportView,
        *,
        runner: JobRunner,
        recent: RecentChoices,
        workspace: Callable[[], Workspace] | None = None,
    ) -> None:
        super().__init__(viewer, view, runner)
        self.many = ManyExport(viewer, self._executor, workspace)
        self._files = FileAsker(self._executor)
        self.many.counted.connect(self._on_counted)
        view.shown.connect(self._on_shown)
        self._remembered = recent
        self._writing: int | None = None
        self._proposed = ""
        # It reads all pixels, and a region that is opened makes several layers.
        self._check_later = Debouncer(self._check, _DEBOUNCE_MS, self)
        view.changed.connect(self._on_changed)
        view.cancel_button.clicked.connect(self._cancel)
        view.browse.clicked.connect(self._browse)
        view.export_button.clicked.connect(self.export)
        view.layer.refilled.connect(self._on_layers)

    @property
    @override
    def doing(self) -> str:
        return "Exporting labels" if self._writing is not None else ""

    @override
    def keys(self) -> list[Key]:
        return [(shortcuts.EXPORT, self.view.export_button.click)]

    @override
    def opened(self) -> None:
        self.view.layer.follow(self.viewer, self._offered, ours_first)
        self.many.look()
        self.activated(self.viewer.layers.selection.active)

    @override
    def closed(self) -> None:
        self._check_later.cancel()
        self.view.layer.let_go()

    @override
    def activated(self, layer: Layer | None) -> None:
        self.view.layer.refill(layer)
        self._on_layers()

    def export(self) -> None:
        """Write what is chosen."""
        path = self.view.path.text().strip()
        if self.view.all_images:
            self._export_all(path)
            return
        if self._writing is not None or self._why_not(path) or (content := self._content()) is None:
            return
        self.view.error.clear()
        self._remembered.remember("export folder", str(Path(path).expanduser().parent))
        if not isinstance(content, ExportContent):
            self._export_slide(content, path)
            return
        effort = self.view.effort.isChecked()
        if effort:
            content = content_of(self.viewer, self.view.layer.layer, effort=True)
        if self.view.format.source == "no":
            content = replace(content, source=None)  # it travels to another process
        job = ExportJob(
            content,
            path,
            self.view.format,
            self.view.confidence.isChecked(),
            effort,
            self.view.measures.isChecked(),
        )
        self._writing = self._runner.submit(
            job,
            "local",
            progressed=self._on_progress,
            finished=lambda written: self._on_finished(written, about_file(written[0])),
            failed=self._on_failed,
        )
        self._show_writing("Writing")

    def _export_slide(self, content: SlideContent, path: str) -> None:
        """Bring to the disk what was decided until now, then have it all copied from there."""
        from napari_pseudolabel.viewer.slide_exporting import decided_now

        layer = self.view.layer.layer
        assert layer is not None
        job = SlideExportJob(content, path, self.view.format, self.view.confidence.isChecked())
        try:
            decisions = decided_now(self.viewer, layer)
        except PseudolabelError as error:
            self.show_failure(Failure.of(error))
            return
        self._writing = _ABOUT_TO_WRITE
        self._show_writing("Writing what you decided")

        def brought() -> None:
            for one in decisions:
                one.write()

        self._executor.run(brought, lambda _: self._submit_slide(job), self._on_failed)

    def _export_all(self, path: str) -> None:
        """Bring to the disk what was decided until now, then have the labels of all images written from there."""
        if self._writing is not None or self.many.why_not(path):
            return
        self.view.error.clear()
        self._remembered.remember(_MANY_FOLDER, path)
        view = self.view
        job, brought = self.many.job(
            path, view.format, confidence=view.confidence.isChecked(), measures=view.measures.isChecked()
        )
        self._writing = _ABOUT_TO_WRITE
        self._show_writing("Writing what you decided")

        def submit(_: object) -> None:
            if self._writing is not None:
                self._writing = self._runner.submit(
                    job,
                    "local",
                    progressed=self._on_progress,
                    finished=lambda done: self._told(*told_of(done, path)),
                    failed=self._on_failed,
                )

        self._executor.run(brought, submit, self._on_failed)

    def _submit_slide(self, job: SlideExportJob) -> None:
        if self._writing is None:
            return  # cancelled meanwhile
        self._writing = self._runner.submit(
            job,
            "local",
            progressed=self._on_progress,
            finished=lambda written: self._on_finished(written, not_all(written[0])),
            failed=self._on_failed,
        )

    def _show_writing(self, stage: str) -> None:
        self.view.set_status("")
        self.view.set_working(True)
        self.view.set_progress(stage)
        self._refresh()

    def _cancel(self) -> None:
        if self._writing == _ABOUT_TO_WRITE:
            self._on_failed(Failure.of(Cancelled()))
        elif self._writing is not None:
            self.view.set_progress("Stopping")
            self._runner.cancel(self._writing)

    def _on_progress(self, progress: Progress) -> None:
        self.view.set_progress(progress_text(progress), progress.done, progress.total)

    def _on_finished(self, written: tuple[Path, ...], notes: Sequence[str] = ()) -> None:
        names = ", ".join(path.name for path in written)
        self._told(f"Wrote {names} to {written[0].parent}.", notes)

    def _told(self, sentence: str, notes: Sequence[str]) -> None:
        self._writing = None
        self.view.set_working(False)
        self.view.set_status(sentence, notes)
        self._refresh()

    def _on_failed(self, failure: Failure) -> None:
        self._writing = None
        self.view.set_working(False)
        several, kept = self.view.all_images, self._kept()
        cancelled = kept or ("what was written before stays" if several else "nothing was written")
        self.view.set_status(f"The export was cancelled; {cancelled}." if failure.cancelled else "")
        if not failure.cancelled:
            self.show_failure(failure)
        self._refresh()

    def _kept(self) -> str:
        """Return what a stopped export of a large image has kept, as a clause."""
        layer = self.view.layer.layer
        if layer is None or not is_slide(layer):
            return ""
        from napari_pseudolabel.slides.slide_export import stopped_words

        return stopped_words(Path(self.view.path.text().strip()).expanduser())

    def _on_changed(self) -> None:
        if self._active:
            self._propose_path()
            self._refresh()

    def _offered(self) -> list[Labels]:
        labels = [layer for layer in self.viewer.layers if isinstance(layer, Labels)]
        return [layer for layer in labels if is_slide(layer) or not is_helper(layer)]

    def _on_layers(self) -> None:
        for layer in self.view.layer.layers:
            layer.events.paint.connect(self._on_paint)
        self._on_changed()

    def _on_paint(self, event: object = None) -> None:
        if self._active:
            self._check_later()

    def _propose_path(self) -> None:
        """Put a name that follows from the image, unless the person has chosen one; give it the right suffix."""
        layer, text = self.view.layer.layer, self.view.path.text()
        if self.view.all_images:
            if not text:
                self.view.set_path(self.many.proposed(self._remembered.last(_MANY_FOLDER)))
            return
        if text and text != self._proposed:
            fitting = self._with_suffix(text)
        elif layer is None:
            return
        else:
            path = Path(self._name_for(layer))
            chosen = self.view.format
            fitting = (
                str(path.with_name(chosen.proposed)) if chosen.proposed else self._with_suffix(str(path))
            )
            self._proposed = fitting
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
        if self.view.all_images:
            folder = QFileDialog.getExistingDirectory(self.view, "Export all images", self.view.path.text())
            if folder:
                self.view.set_path(folder)
            return
        path, _ = QFileDialog.getSaveFileName(self.view, "Export labels", self.view.path.text())
        if path:
            self.view.set_path(self._with_suffix(path))

    def _content(self, *, copied: bool = True) -> ExportContent | SlideContent | None:
        layer = self.view.layer.layer
        if layer is None:
            return None
        if not is_slide(layer):
            return content_of(self.viewer, layer, copied=copied)
        from napari_pseudolabel.viewer.slide_exporting import (
            slide_content_of,
        )  # zarr is there when a slide is

        return slide_content_of(self.viewer, layer)

    def _why_not(self, path: str) -> str | None:
        if self.view.all_images:
            return self.many.why_not(path)
        layer = self.view.layer.layer
        shape = None if layer is None else tuple(layer.data.shape)
        return blocking(shape, self.view.format, path, slide=layer is not None and is_slide(layer))

    def _on_shown(self) -> None:
        if self._active:
            self.many.look()

    def _on_counted(self, number: int) -> None:
        self.view.set_many(number)
        self._refresh()

    def _check(self) -> None:
        if self.view.all_images:
            self.view.set_checks(["As they stand now, with what you decided in them."])
            return
        if (layer := self.view.layer.layer) is not None:
            self._files.ask(with_files(self.viewer, layer), self._check_later)
        content = self._content(copied=False)
        self.view.set_checks(worth_knowing(content, self.view.format) if content is not None else [])

    def _refresh(self) -> None:
        layer, path = self.view.layer.layer, self.view.path.text().strip()
        reason = self._why_not(path)
        slide = layer is not None and is_slide(layer)
        self.view.set_confidence(
            self.view.all_images
            or (layer is not None and (slide or confidence_of(self.viewer, layer) is not None))
        )
        self.view.set_tables(not slide)
        self._check_later()
        format = self.view.format
        there = self.many.replaced(path, format) if self.view.all_images else replaced(path, format)
        self.view.set_replaced("" if reason else there, adds=format.collects)
        self.view.set_hint(reason or ("Writing …" if self._writing is not None else ""))
