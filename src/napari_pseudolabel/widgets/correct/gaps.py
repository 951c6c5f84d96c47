"""Where the labels say nothing, because nothing was predicted there: hatched on the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.widgets.common.debouncer import Debouncer
from napari_pseudolabel.widgets.common.overlay import Hatched
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part

if TYPE_CHECKING:
    from napari.layers import Labels

_PAUSE_MS = 100
# Nobody sees more of a hatching than this along a side.
_MOST_PX = 1024


class Gaps(Part):
    """Keeps the hatching on the canvas up to date, as long as the person wants to see it."""

    def __init__(self, context: CorrectContext) -> None:
        super().__init__(context)
        self._labels: Labels | None = None
        self._corrections: Corrections | None = None
        self._refresh_later = Debouncer(self.refresh, _PAUSE_MS, self)
        events = context.events
        for event in (events.painted, events.drawn, events.shown, events.corrected):
            event.connect(self._refresh_later)
        context.view.gaps.toggled.connect(lambda _: self.refresh())

    @override
    def follow(self, labels: Labels | None) -> None:
        self._labels = labels
        self._corrections = None if labels is None else Corrections.of(labels)
        self.refresh()

    @override
    def stop(self) -> None:
        super().stop()
        self._refresh_later.cancel()

    def refresh(self) -> None:
        """Hatch what is not labelled on the plane that is shown."""
        found = self._found()
        self._context.view.gaps.setVisible(found is not None)
        if self._context.overlay is not None:
            shown = self._context.view.gaps.isChecked() and self._labels is not None and self._labels.visible
            self._context.overlay.hatch(found if shown else None)

    def _found(self) -> Hatched | None:
        """Return what is not labelled; None where everything is, or the canvas shows no plane of the labels."""
        corrections, labels = self._corrections, self._labels
        if corrections is None or labels is None or corrections.own or corrections.layer is None:
            return None
        try:
            plane = self._context.layers.plane()
        except InputError:
            return None
        step = -(-max(corrections.mask.shape[-2:]) // _MOST_PX)
        mask = ~corrections.labelled_in((*plane, slice(None, None, step), slice(None, None, step)))
        if not mask.any():
            return None
        ends = np.array([[0, 0], [0, mask.shape[1]], [mask.shape[0], 0]]) * step - 0.5
        corners = [labels.data_to_world((*plane, *end))[-2:] for end in ends]
        return Hatched(mask, tuple((float(y), float(x)) for y, x in corners))
