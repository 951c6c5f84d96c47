"""Clicks and the object that they mean, as they are drawn over the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from napari_pseudolabel.labels.objects import ObjectMask
from napari_pseudolabel.labels.objects.object_mask import object_mask
from napari_pseudolabel.labels.tools import ClickMark
from napari_pseudolabel.labels.windows import Index
from napari_pseudolabel.widgets.common.drawn_borders import in_world, outline
from napari_pseudolabel.widgets.common.overlay import Mark
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext

if TYPE_CHECKING:
    from napari.layers import Labels

_ARM_PX = 6.0


class DrawnClicks:
    """Draws a plus where something belongs to the object, a minus where not, and the object's outline."""

    def __init__(self, context: CorrectContext) -> None:
        self._context = context

    def points(self, labels: Labels, plane: Index, marks: Sequence[ClickMark]) -> None:
        """Draw the clicks."""
        first, second = in_world(labels, plane, np.array([[0.0, 0.0], [0.0, 1.0]]))
        wide = float(np.hypot(*np.subtract(second, first)))
        arm = _ARM_PX / max(self._context.viewer.camera.zoom * wide, 1e-9)
        lines = []
        for mark in marks:
            at = mark.places[len(mark.places) // 2].astype(float)
            if len(mark.places) > 1:
                lines.append(in_world(labels, plane, mark.places.astype(float)))
            lines.append(in_world(labels, plane, at + np.array([[0.0, -arm], [0.0, arm]])))
            if mark.inside:
                lines.append(in_world(labels, plane, at + np.array([[-arm, 0.0], [arm, 0.0]])))
        self._mark("clicks", Mark(tuple(lines)))

    def outline(self, labels: Labels, plane: Index, target: ObjectMask, corner: tuple[int, int]) -> None:
        """Draw the object; its window is counted from `corner`."""
        rows, columns = target.window
        there = (
            slice(rows.start + corner[0], rows.stop + corner[0]),
            slice(columns.start + corner[1], columns.stop + corner[1]),
        )
        lines = outline(labels, plane, object_mask(target.value, there, target.mask))
        self._mark("proposal", Mark(tuple(lines)))

    def clear(self) -> None:
        """Take everything away."""
        self._mark("clicks", None)
        self._mark("proposal", None)

    def _mark(self, name: str, mark: Mark | None) -> None:
        if self._context.overlay is not None:
            self._context.overlay.mark(name, mark)
