"""Several strategies on one image: the labels of the others are kept, and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.strategies import registry
from napari_pseudolabel.strategies.provenance import strategy_of
from napari_pseudolabel.strategies.regions.region_options import NamedRegionOptions
from napari_pseudolabel.viewer import (
    Candidates,
    Corrections,
    current_plane,
    find_layer,
    record_of,
    visible_region,
)
from napari_pseudolabel.viewer.candidates import NOTHING
from napari_pseudolabel.viewer.corrections import Index, Window, key_of
from napari_pseudolabel.widgets.common.serial_executor import SerialExecutor
from napari_pseudolabel.widgets.pseudo_label.label_sentences import agreed

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image as ImageLayer
    from napari.layers import Labels

    from napari_pseudolabel.imaging import Image
    from napari_pseudolabel.strategies import PseudoLabel


def keep_others(
    viewer: ViewerModel, source: ImageLayer, image: Image, part: PseudoLabel, strategy: str
) -> None:
    """Before a part of a run is shown: keep what other strategies said there as candidates of their names.

    What this strategy said as a candidate is forgotten there, because the labels say it now.
    """
    layer = _labels(viewer, source, image)
    if layer is None or part.labels is None:
        return
    window = part.region.window
    for index in part.planes:
        _keep(layer, index, window, strategy)


def _others(names: Iterable[str], strategy: str) -> list[str]:
    """Those names that are of other strategies."""
    made = dict.fromkeys(names)
    return [one.name for one in registry.offered() if one.name in made and one.name != strategy]


def _keep(layer: Labels, index: Index, window: Window, strategy: str) -> None:
    candidates = Candidates.of(layer)
    runs = (record_of(layer) or {}).get("runs", ())
    for other in _others((strategy_of(run) for run in runs), strategy):
        names = candidates.names if candidates is not None else ()
        said = _said(layer, index, window, other)
        if candidates is not None and other in names:
            before = candidates.part(names.index(other), index, window)
            # What is kept already is what the labels of other strategies have replaced.
            said = np.where(before == NOTHING, said, before)
        if (said != NOTHING).any():
            candidates = Candidates.made_for(layer)
            candidates.add((index,), window, said[None, None], (other,))
    if candidates is not None and strategy in candidates.names:
        rows, columns = window
        nothing = np.full((rows.stop - rows.start, columns.stop - columns.start), NOTHING, np.uint8)
        candidates.add((index,), window, nothing[None, None], (strategy,))


def _said(layer: Labels, index: Index, window: Window, other: str) -> NDArray[np.uint8]:
    """(h, w) uint8: the labels of another strategy where it was the last to write, 255 elsewhere.

    Records keep runs that were undone; nothing is said where no prediction is left.
    """
    rows, columns = window
    said = np.full((rows.stop - rows.start, columns.stop - columns.start), NOTHING, np.uint8)
    predicted = None
    for run in (record_of(layer) or {}).get("runs", ()):
        planes = {tuple(one) for one in run["planes"]}
        if tuple(index) not in planes or run.get("complete") is False:
            continue
        y0, x0, y1, x1 = run["region"]
        inner = (
            slice(max(y0 - rows.start, 0), max(min(y1, rows.stop) - rows.start, 0)),
            slice(max(x0 - columns.start, 0), max(min(x1, columns.stop) - columns.start, 0)),
        )
        if strategy_of(run) != other:
            said[inner] = NOTHING
            continue
        if predicted is None:
            predicted = np.asarray(Corrections.of(layer).predicted_in(key_of(index, window)))
        said[inner] = predicted[inner]
    said[~Corrections.of(layer).reached_in(key_of(index, window))] = NOTHING
    return said


class Comparing(QObject):
    """Says after a run how well the strategies agree in the view.

    Attributes
    ----------
    compared
        Sentences about them are known.
    """

    compared = Signal(str)

    def __init__(self, viewer: ViewerModel, canvas_px: Callable[[], tuple[int, int] | None]) -> None:
        super().__init__()
        self._viewer = viewer
        self._canvas_px = canvas_px
        self._executor = SerialExecutor()

    @property
    def settled(self) -> bool:
        """Whether nothing is being compared."""
        return not self._executor.busy

    def stop(self) -> None:
        """End the thread."""
        self._executor.shutdown()

    def compare(self, source: ImageLayer, image: Image, strategy: str) -> None:
        """Compare what they say in the view; `compared` follows, if another one said something there."""
        layer = _labels(self._viewer, source, image)
        candidates = Candidates.of(layer) if layer is not None else None
        others = _others(candidates.names, strategy) if candidates is not None else []
        # Numbers of regions that nobody has named mean nothing to others.
        others = [other for other in others if not (_finds_regions(other) or _finds_regions(strategy))]
        if layer is None or not others:
            return
        try:
            seen = visible_region(self._viewer, source, image, self._canvas_px())
            plane = current_plane(self._viewer, source, image)
        except PseudolabelError:
            return  # the image is out of view
        self._executor.run(
            lambda: [(other, _agreement(layer, other, plane, seen.window)) for other in others], self._notify
        )

    def _notify(self, found: list[tuple[str, float | None]]) -> None:
        if told := [agreed(other, dice) for other, dice in found if dice is not None]:
            self.compared.emit(" ".join(told))


def _finds_regions(strategy: str) -> bool:
    found = registry.get(strategy)
    return found is not None and issubclass(found.options or object, NamedRegionOptions)


def _agreement(layer: Labels, other: str, plane: Index, window: Window) -> float | None:
    """Mean Dice over the classes where both say something in a window; None if nowhere."""
    from napari_pseudolabel.labels.confidence import mean_dice  # takes a while to import

    candidates = Candidates.of(layer)
    if candidates is None or other not in candidates.names:
        return None
    said = candidates.part(candidates.names.index(other), plane, window)
    where = (said != NOTHING) & Corrections.of(layer).reached_in(key_of(plane, window))
    if not where.any():
        return None
    now = np.asarray(Corrections.of(layer).predicted_in(key_of(plane, window))).astype(np.uint8)
    return mean_dice(now[where], said[where])


def _labels(viewer: ViewerModel, source: ImageLayer, image: Image) -> Labels | None:
    return find_layer(viewer, source, "labels", image.shape)
