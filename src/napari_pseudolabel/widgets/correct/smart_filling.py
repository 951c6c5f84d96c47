"""Growing a scribble to the border that the image shows, beside the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.tools import Change, smart_fill
from napari_pseudolabel.types import Array
from napari_pseudolabel.viewer.corrections import Corrections, Index, Window, key_of
from napari_pseudolabel.viewer.editing import require_no_stroke
from napari_pseudolabel.viewer.records import channel_of
from napari_pseudolabel.viewer.undo_history import changes_of, is_stroke
from napari_pseudolabel.widgets.correct.applying import BUSY, Applying, SlowChange
from napari_pseudolabel.widgets.correct.clicking import NAME, NO_IMAGE, Clicking
from napari_pseudolabel.widgets.correct.correct_context import CorrectContext, Part
from napari_pseudolabel.widgets.correct.labels_picker import Spot
from napari_pseudolabel.widgets.correct.model_opinion import ModelOpinion
from napari_pseudolabel.widgets.correct.tools import Toolbox

if TYPE_CHECKING:
    from napari.layers import Labels

# Around the scribble; objects reach no farther than this from it.
_MARGIN_PX = 136
_MOST_PX = 1024
_PAINTING = ("paint", "polygon")


@dataclass(frozen=True, eq=False)
class Scribble:
    """Pixels inside of an object.

    Attributes
    ----------
    places
        (N, 2) rows and columns.
    """

    plane: Index
    places: NDArray[np.intp]
    value: int


class SmartFilling(Part):
    """Fills the object around the last stroke; without one, has the person click."""

    def __init__(
        self, context: CorrectContext, applying: Applying, toolbox: Toolbox, clicking: Clicking
    ) -> None:
        super().__init__(context)
        self._applying = applying
        self._toolbox = toolbox
        self._clicking = clicking
        self._labels: Labels | None = None
        self._atoms: list[object] = []
        context.events.painted.connect(self._on_paint)

    @override
    def follow(self, labels: Labels | None) -> None:
        self._labels = labels
        self._atoms = []

    def run(self) -> None:
        """Fill around the last stroke; if there is none, let the person click; once more ends that."""
        with self._context.refusing():
            self._context.require_labels()
            if self._clicking.on:
                self._clicking.leave()
                return
            if self._applying.tool:
                raise InputError(BUSY)
            plane, labels = self._context.layers.plane(), self._context.layers.require()
            stroke = self._last_stroke(labels)
            if stroke is not None and stroke.plane == plane and _stands(labels, stroke):
                self._begin(stroke)
            else:
                self._clicking.begin()

    def _begin(self, scribble: Scribble) -> None:
        layers = self._context.layers
        labels, image = layers.require(), layers.image
        if image is None or layers.source is None:
            raise InputError(NO_IMAGE)
        require_no_stroke(labels)
        window = _around(scribble.places, labels.data.shape)
        opinion = ModelOpinion.of(self._context, scribble.plane, window)
        locked = Corrections.of(labels).confirmed_in(key_of(scribble.plane, window))
        channel, method = channel_of(labels), self._context.view.options.value().method
        over = self._toolbox.over(None, scribble.value)
        places = scribble.places - np.array([part.start for part in window])

        def make(values: Array) -> Change:
            return smart_fill(
                values,
                image.plane(scribble.plane, channel, window=window),
                places,
                scribble.value,
                probability=opinion.likely(places, scribble.value),
                method=method,
                locked=locked,
                over=over,
            )

        spot = Spot(labels, scribble.plane, (window[0].start, window[1].start))
        self._applying.later(SlowChange(NAME, spot, window, make), "Finding the border of the object")

    def _on_paint(self, atoms: Sequence[object]) -> None:
        """Remember what was painted; what tools write is no scribble."""
        if self._labels is not None and str(self._labels.mode) in _PAINTING and is_stroke(atoms):
            self._atoms = list(atoms)

    def _last_stroke(self, labels: Labels) -> Scribble | None:
        """Return the last stroke, if it put one class on one plane."""
        atoms, self._atoms = self._atoms, []
        places, values, planes = [], set(), set()
        for change in filter(None, changes_of(atoms)):
            box = change.box(labels.data.shape)
            inside = np.zeros([side.stop - side.start for side in box], bool)
            inside[change.where] = True
            found = np.argwhere(inside) + np.array([side.start for side in box])
            planes |= {tuple(index) for index in np.unique(found[:, :-2], axis=0).tolist()}
            places.append(found[:, -2:])
            values |= set(np.unique(change.label).tolist())
        if len(planes) != 1 or len(values) != 1 or 0 in values:
            return None
        (plane,), (value,) = planes, values
        return Scribble(plane, np.unique(np.concatenate(places), axis=0), int(value))


def _stands(labels: Labels, stroke: Scribble) -> bool:
    """Whether a stroke is still there: it may have been undone or painted over."""
    values = np.asarray(labels.data[stroke.plane])[tuple(stroke.places.T)]
    return bool((values == stroke.value).all())


def _around(places: NDArray[np.intp], shape: tuple[int, ...]) -> Window:
    low, high = places.min(axis=0), places.max(axis=0) + 1
    if (high - low).max() > _MOST_PX:
        raise InputError(f"The scribble is longer than {_MOST_PX} px; draw a shorter one.")
    rows, columns = (
        slice(max(int(one) - _MARGIN_PX, 0), min(int(other) + _MARGIN_PX, size))
        for one, other, size in zip(low, high, shape[-2:], strict=True)
    )
    return rows, columns
