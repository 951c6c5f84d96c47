"""Naming regions by clicks: all of a kind become the chosen class at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.classes import is_unnamed_region, with_colours
from napari_pseudolabel.viewer.records import classes_of, write_classes
from napari_pseudolabel.viewer.region_naming import all_regions, name_regions, with_regions_there
from napari_pseudolabel.viewer.result_layers import show_classes
from napari_pseudolabel.widgets.common.canvas_clicks import CanvasClicks
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_pseudolabel.models.cards import LabelClass

_PAUSE_MS = 300
BEGUN = (
    "Click on a region: all regions of its kind become the chosen class. Shift+click makes them background. "
    "One undo takes a click back."
)
NO_CLASS = "Choose what the regions are first: a class of the list, or a new one with “+ class”."
NOTHING = "There are no regions to be named in these labels."


class RegionNames(Part):
    """Names regions that a strategy has found; its button is there while some are left."""

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        self._labels: Labels | None = None
        self._clicks: CanvasClicks | None = None
        self._executor = SerialExecutor()
        self._look_later = Debouncer(self._look, _PAUSE_MS, self)
        context.view.name_regions.clicked.connect(self.toggle)
        context.events.drawn.connect(self._on_changed)
        context.events.recoloured.connect(self._show)  # a run may have brought regions

    @property
    def settled(self) -> bool:
        """Whether nothing is being looked for."""
        return not (self._executor.busy or self._look_later.pending)

    @property
    def on(self) -> bool:
        """Whether clicks name regions."""
        return self._clicks is not None

    @override
    def follow(self, labels: Labels | None) -> None:
        self._leave()
        self._labels = labels
        self._show()

    @override
    def stop(self) -> None:
        super().stop()
        self._look_later.cancel()
        self._executor.shutdown()

    def toggle(self) -> None:
        """Have clicks name regions, or not any more."""
        if self.on:
            self._leave()
            return
        with self._context.refusing():
            self._context.require_labels()
            labels = self._context.layers.require()
            if not all_regions(labels):
                raise InputError(NOTHING)
            self._context.viewer.layers.selection.active = labels
            labels.mode = "pan_zoom"
            self._clicks = CanvasClicks(self._context.viewer, self.click)
            self._context.say(BEGUN)
        self._show()

    def click(self, position: Sequence[float], shift: bool) -> None:
        """Name all regions of the kind at a place."""
        labels = self._labels
        if labels is None or labels.mode != "pan_zoom":
            return  # the person paints
        with self._context.refusing():
            plane = self._context.layers.plane()
            row, column = (round(one) for one in self._context.layers.place(position))
            height, width = labels.data.shape[-2:]
            if not (0 <= row < height and 0 <= column < width):
                return
            chosen = self._chosen(labels, shift)
            kind, pixels = name_regions(labels, plane, (row, column), 0 if chosen is None else chosen.value)
            name = "background" if chosen is None else chosen.name
            left = len({*np.unique(labels.data[plane]).tolist()} & {one.value for one in all_regions(labels)})
            rest = f"{left} kind{'s'[: left != 1]} left here." if left else "All regions here have names."
            said = "" if pixels else " What you touched before stays as it is."
            self._context.say(f"{kind.name.capitalize()} is {name} now ({pixels:,} px). {rest}{said}")

    def _chosen(self, labels: Labels, shift: bool) -> LabelClass | None:
        """Return the class that regions become; None for the background."""
        if shift:
            return None
        value = int(labels.selected_label)
        found = next((one for one in classes_of(labels) if one.value == value), None)
        if found is None or is_unnamed_region(found):
            raise InputError(NO_CLASS)
        return found if found.value else None

    def _leave(self) -> None:
        clicks, self._clicks = self._clicks, None
        if clicks is not None:
            clicks.stop()
            self._context.view.set_status("")
        self._show()

    def _on_changed(self) -> None:
        if self._labels is not None and all_regions(self._labels):
            self._look_later()

    def _look(self) -> None:
        """Find out which kinds are left."""
        labels = self._labels
        if labels is not None:
            self._executor.run(
                lambda: with_regions_there(labels),
                lambda classes: self._on_looked(labels, classes),
                self._context.failed,
            )

    def _on_looked(self, labels: Labels, classes: Sequence[LabelClass] | None) -> None:
        if labels is self._labels and classes is not None:
            coloured = with_colours(classes)
            write_classes(labels, coloured)
            show_classes(labels, coloured)

    def _show(self) -> None:
        button = self._context.view.name_regions
        button.setVisible(self._labels is not None and bool(all_regions(self._labels)))
        button.setChecked(self.on)
