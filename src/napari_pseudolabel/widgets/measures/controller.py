"""What the Measure dock does; how it looks is in the view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import QFileDialog
from typing_extensions import override

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import InputError, PseudolabelError
from napari_pseudolabel.labels.measures import kind_for
from napari_pseudolabel.labels.measures.measure_sentences import selected_text, totals_sentence
from napari_pseudolabel.labels.measures.measure_tables import save_tables
from napari_pseudolabel.labels.measures.object_shapes import Spacing
from napari_pseudolabel.labels.objects import scheme_for
from napari_pseudolabel.viewer import content_of
from napari_pseudolabel.viewer.exporting import said_pixel_size, with_files
from napari_pseudolabel.viewer.image_layers import placement_of
from napari_pseudolabel.viewer.measured_layer import add_measured
from napari_pseudolabel.viewer.records import classes_of, is_helper, is_slide
from napari_pseudolabel.viewer.view_regions import LABEL_AXES
from napari_pseudolabel.widgets.common import shortcuts
from napari_pseudolabel.widgets.common.canvas_clicks import CanvasClicks
from napari_pseudolabel.widgets.common.dock_controller import DockController, Key
from napari_pseudolabel.widgets.common.file_asker import FileAsker
from napari_pseudolabel.widgets.common.job_runner import Failure, JobRunner
from napari_pseudolabel.widgets.common.layer_box import ours_first
from napari_pseudolabel.widgets.common.overlay import Overlay
from napari_pseudolabel.widgets.common.progress_words import progress_text
from napari_pseudolabel.widgets.common.removals import Removals
from napari_pseudolabel.widgets.measures.freshness import Freshness
from napari_pseudolabel.widgets.measures.highlights import Highlights
from napari_pseudolabel.widgets.measures.measure_jobs import MeasuredLabels, MeasureJob
from napari_pseudolabel.widgets.measures.measure_plots import load
from napari_pseudolabel.widgets.measures.object_selection import ObjectSelection
from napari_pseudolabel.widgets.measures.view import MeasureView

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

NO_LABELS = "There are no labels to measure: make some in the Pseudo-label dock, or add a Labels layer."
A_SLIDE = "Labels of a large image are measured by region: press Correct what is in view, and measure that."
NO_FIBRES = "Fibres are axons with myelin, and these labels have no such classes; measure objects."
NO_SIZE = "Fibres are measured in micrometres; tell the pixel size, or measure objects, in pixels."


class MeasureController(DockController):
    """Connects a viewer, the view of the dock, and the engine.

    Parameters
    ----------
    canvas_px
        Says height and width of the canvas, None if unknown.
    make_overlay
        Makes what is drawn over the canvas; None as long as there is no canvas.
    """

    view: MeasureView
    _runner: JobRunner

    def __init__(
        self,
        viewer: ViewerModel,
        view: MeasureView,
        *,
        runner: JobRunner,
        canvas_px: Callable[[], tuple[int, int] | None] = lambda: None,
        make_overlay: Callable[[], Overlay | None] = lambda: None,
    ) -> None:
        super().__init__(viewer, view, runner)
        self.selection = ObjectSelection()
        self.freshness = Freshness(self._executor)
        self._files = FileAsker(self._executor)
        self.highlights = Highlights(viewer, self.selection, canvas_px)
        self._make_overlay = make_overlay
        self._removals = Removals(viewer, lambda _: self._cancel())
        self._clicks: CanvasClicks | None = None
        self._measuring: int | None = None
        self._measured: Labels | None = None
        self._results: dict[str, MeasuredLabels] = {}
        # Pixel sizes that were told of layers that have none, and the layer whose size is shown.
        self._sizes: dict[str, float] = {}
        self._sized = ""
        # The layer for which the person has said what to measure.
        self._told: Labels | None = None
        view.changed.connect(self._refresh)
        view.kinds.changed.connect(self._on_kind)
        view.redrawn.connect(self._draw_plots)
        view.measure_button.clicked.connect(self.measure)
        view.cancel_button.clicked.connect(self._cancel)
        view.clear.clicked.connect(lambda: self._choose(None))
        view.save.clicked.connect(self._save)
        view.as_layer.clicked.connect(self._add_layer)
        view.picked.connect(self._pick)
        view.shown.connect(lambda place: self._pick(place, always=True))
        view.histogram.brushed.connect(lambda x0, x1, _y0, _y1: self._brush((view.plotted[0], x0, x1)))
        view.scatter.brushed.connect(
            lambda x0, x1, y0, y1: self._brush((view.plotted[1], x0, x1), (view.plotted[2], y0, y1))
        )
        for plot in (view.histogram, view.scatter):
            plot.cleared.connect(lambda: self._choose(None))
        view.labels.refilled.connect(self._refresh)
        self.selection.changed.connect(self._on_selection)
        self.freshness.changed.connect(lambda: view.set_stale(self.freshness.stale))

    # Life.

    @property
    @override
    def settled(self) -> bool:
        return super().settled and self._measuring is None and self.freshness.settled

    @override
    def keys(self) -> list[Key]:
        return [(shortcuts.MEASURE, self.view.measure_button.click)]

    @override
    def opened(self) -> None:
        # One after the other: each takes a while.
        self._executor.run(load, lambda _: self.view.histogram.prepare())
        self._executor.run(load, lambda _: self.view.scatter.prepare())
        self.view.labels.follow(self.viewer, self._offered, ours_first)
        self._clicks = CanvasClicks(self.viewer, self._on_click)
        for event in (self.viewer.dims.events.current_step, self.viewer.dims.events.ndisplay):
            event.connect(self._draw_canvas)
        self.activated(self.viewer.layers.selection.active)

    def place(self) -> None:
        """Place the sheet: the dock is in a window now, so that there is a canvas to draw over."""
        if self._active and self.highlights.overlay is None:
            self.highlights.overlay = self._make_overlay()
            self._draw_canvas()

    @override
    def closed(self) -> None:
        self._forget()
        for event in (self.viewer.dims.events.current_step, self.viewer.dims.events.ndisplay):
            event.disconnect(self._draw_canvas)
        clicks, self._clicks = self._clicks, None
        if clicks is not None:
            clicks.stop()
        self.view.labels.let_go()
        overlay, self.highlights.overlay = self.highlights.overlay, None
        if overlay is not None:
            overlay.end()

    @override
    def activated(self, layer: Layer | None) -> None:
        self.view.labels.refill(layer)
        self._refresh()

    # What the person does.

    def measure(self) -> None:
        """Measure the labels as they are now."""
        layer = self.view.labels.layer
        if self._measuring is not None or layer is None or self._why_not(layer):
            return
        self.view.error.clear()
        try:
            job = MeasureJob(content_of(self.viewer, layer), self.view.kind, self._typed_size())
        except PseudolabelError as error:
            self.show_failure(Failure.of(error))
            return

        def finished(found: MeasuredLabels) -> None:
            self._measuring = None
            # The plots may still be on their way.
            self._executor.run(load, lambda _: self._on_measured(layer, found), self.show_failure)

        self.view.set_status("")
        self._removals.watch(layer)
        self._measuring = self._runner.submit(
            job, "local", progressed=self._on_progress, finished=finished, failed=self._on_failed
        )
        self.view.set_working(True)
        self.view.set_progress("Measuring")
        self._refresh()

    def _cancel(self) -> None:
        if self._measuring is not None:
            self._runner.cancel(self._measuring)
            self.view.set_progress("Stopping")

    def _pick(self, row: int, *, always: bool = False) -> None:
        self.selection.mark(row)
        if self._measured is not None:
            self.highlights.show(self._measured, row, always=always)

    def _brush(self, *ranges: tuple[str, float, float]) -> None:
        """Select the objects whose values are all in their ranges."""
        if self.selection.measures is None:
            return
        values = [(self.selection.values(name), low, high) for name, low, high in ranges]
        self._choose(np.all([(one >= low) & (one <= high) for one, low, high in values], axis=0))

    def _choose(self, chosen: np.ndarray | None) -> None:
        if self.selection.measures is not None:
            self.selection.choose(chosen)

    def _save(self) -> None:
        measures = self.selection.measures
        if measures is None or self._measured is None:
            return
        path, _ = QFileDialog.getSaveFileName(
            self.view, "Save measures", f"{self._measured.name}.csv", "Tables (*.csv)"
        )
        if not path:
            return
        target = Path(path if path.lower().endswith(".csv") else f"{path}.csv")
        name = self._measured.name

        def saved(files: Sequence[Path]) -> None:
            self.view.set_status(f"Wrote {' and '.join(file.name for file in files)} to {target.parent}.")

        self._executor.run(lambda: save_tables(target, [(name, measures)]), saved, self.show_failure)

    def _add_layer(self) -> None:
        if self.selection.measures is not None and self._measured is not None:
            add_measured(self.viewer, self._measured, self.selection.measures)

    def _on_click(self, position: Sequence[float], shift: bool) -> None:
        """Mark the object under the mouse, unless the click has painted."""
        labels, active = self._measured, self.viewer.layers.selection.active
        if labels is None or str(getattr(active, "mode", "pan_zoom")) != "pan_zoom":
            return
        index = tuple(int(np.round(at)) for at in labels.world_to_data(position))
        self.selection.mark(self.selection.row_at(index))

    # What comes back.

    def _on_progress(self, progress: Progress) -> None:
        self.view.set_progress(progress_text(progress), progress.done, progress.total)

    def _on_measured(self, layer: Labels, found: MeasuredLabels) -> None:
        self.view.set_working(False)
        if layer in self.viewer.layers:
            self._results[str(layer.unique_id)] = found
            self._measured = None  # whatever was shown
        self._refresh()

    def _show(self, layer: Labels | None) -> None:
        """Show what was measured of a layer; nothing where nothing was."""
        found = None if layer is None else self._results.get(str(layer.unique_id))
        if layer is self._measured and (found is None) == (self.selection.measures is None):
            return
        self._measured = layer
        measures = None if found is None else found.measures
        self.view.set_results(measures, "" if measures is None else totals_sentence(measures))
        if measures is not None:
            self.view.set_status("" if measures.count else "There are no objects.", measures.notes)
        self.freshness.follow(None if found is None else layer, "" if found is None else found.digest)
        self.selection.begin(measures)

    def _on_failed(self, failure: Failure) -> None:
        self._measuring = None
        self.view.set_working(False)
        if failure.cancelled:
            self.view.set_status("Measuring was cancelled.")
        else:
            self.show_failure(failure)
        self._refresh()

    def _forget(self) -> None:
        """Show nothing any more: the dock is closed."""
        if self._measuring is not None:
            self._runner.cancel(self._measuring)
            self._runner.forget(self._measuring)
            self._measuring = None
            self.view.set_working(False)
        self._removals.forget()
        self._results.clear()
        with suppress(RuntimeError):  # the widgets may be gone already
            self._show(None)

    # What is shown.

    def _offered(self) -> list[Labels]:
        labels = [
            one for one in self.viewer.layers if isinstance(one, Labels) and one.ndim <= len(LABEL_AXES)
        ]
        return [layer for layer in labels if is_slide(layer) or not is_helper(layer)]

    def _on_kind(self) -> None:
        self._told = self.view.labels.layer
        self._refresh()

    def _typed_size(self) -> Spacing | None:
        side = self.view.pixel_size.value()
        return (side, side) if side > 0 and not self.view.pixel_size.isHidden() else None

    def _why_not(self, layer: Labels | None) -> str:
        if layer is None:
            return NO_LABELS
        if is_slide(layer):
            return A_SLIDE
        if self.view.kind == "objects":
            return ""
        if not scheme_for(classes_of(layer)).fibres:
            return NO_FIBRES
        try:
            return "" if placement_of(layer).pixel_sides_um() or self._typed_size() else NO_SIZE
        except InputError as error:  # sheared
            return str(error)

    def _refresh(self) -> None:
        if not self._active:
            return
        layer = self.view.labels.layer
        uids = {str(one.unique_id) for one in self.viewer.layers}
        self._results = {uid: found for uid, found in self._results.items() if uid in uids}
        sides: Spacing | None = None
        with suppress(InputError):  # sheared: said when it is measured
            sides = None if layer is None else placement_of(layer).pixel_sides_um()
        self.view.set_size_asked(layer is not None and sides is None)
        if layer is not None and sides is None:
            self._show_size(layer)
            self._files.ask(with_files(self.viewer, layer), self._refresh)
        if layer is not None and layer is not self._told:
            with QSignalBlocker(self.view.kinds):
                self.view.kinds.choose(kind_for(classes_of(layer), sides or self._typed_size()))
        self._show(layer)
        self.view.set_hint(self._why_not(layer) or ("Measuring …" if self._measuring is not None else ""))

    def _show_size(self, layer: Labels) -> None:
        """Keep the size that is told of a layer; of another one show its own, which may have been told in the Label dock."""
        box, uid = self.view.pixel_size, str(layer.unique_id)
        if uid == self._sized and box.value():
            self._sizes[uid] = box.value()
            return
        self._sized = uid
        with QSignalBlocker(box):
            box.setValue(self._sizes.get(uid) or said_pixel_size(self.viewer, layer) or 0.0)

    def _on_selection(self) -> None:
        measures, chosen = self.selection.measures, self.selection.chosen
        self.view.rows.show(measures, chosen)
        if measures is not None:
            self.view.set_selected(selected_text(measures, chosen), some=chosen is not None)
            marked = self.selection.marked
            line = None if marked is None else self.view.rows.line_of(marked)
            if line is None:
                self.view.table.clearSelection()
            else:
                self.view.table.selectRow(line)
                self.view.table.scrollTo(self.view.rows.index(line, 0))
        self._draw_plots()
        self._draw_canvas()

    def _draw_plots(self) -> None:
        measures = self.selection.measures
        if measures is None or not measures.count:
            return
        value, across, up = (self.selection.values(name) for name in self.view.plotted)
        self.view.histogram.draw(value, self.selection.chosen, self.selection.marked)
        self.view.scatter.draw(across, up, self.selection.chosen, self.selection.marked)

    def _draw_canvas(self, event: object = None) -> None:
        self.highlights.draw(self._measured)
