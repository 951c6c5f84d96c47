"""What is in labels that do not fit into memory: shares, confidence, and how much was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pseudolabel.control import Control
from napari_pseudolabel.labels.objects import Counted, scheme_for
from napari_pseudolabel.labels.objects.block_pieces import Components
from napari_pseudolabel.labels.objects.stitched_touching import count_touching
from napari_pseudolabel.labels.windows import Index, Window, key_of
from napari_pseudolabel.slides.slide_store import SlideStore, confidence_of
from napari_pseudolabel.types import Array

if TYPE_CHECKING:
    import zarr


@dataclass(frozen=True)
class SlideSummary:
    """Numbers about a store.

    Attributes
    ----------
    pixels, predicted
        How many there are, and of how many there is a prediction.
    shares
        Of the classes among the predicted pixels, by name, in [0, 1]; empty where there are none.
    confidence
        Mean over the predicted pixels; None where there are none.
    counts
        Objects of each class, as `labels.objects.census` counts them; which fibres lack one of their parts is not told.
    """

    pixels: int
    predicted: int
    shares: dict[str, float]
    confidence: float | None
    counts: tuple[Counted, ...] = ()

    @property
    def share_labelled(self) -> float:
        """Share of all pixels that were predicted, in [0, 1]."""
        return self.predicted / max(self.pixels, 1)


def summary(store: SlideStore, control: Control = Control(), aspect: float = 1.0) -> SlideSummary:
    """Go through the labels of a store, band by band; `aspect` is the height of a pixel by its width."""
    assert store.sure is not None
    counts = np.zeros(store.rest + 1, np.int64)
    sure = 0.0
    bands = [*store.values.bands()]
    stage = control.stage("Counting", len(bands))
    for index, window in bands:
        key = key_of(index, window)
        counts += np.bincount(np.asarray(store.values.levels[0][key]).ravel(), minlength=len(counts))
        stored = np.asarray(store.sure.levels[0][key])
        sure += float(np.nansum(confidence_of(stored), dtype=np.float64))
        stage.advance(1)
    predicted = int(counts[: store.rest].sum())
    shares = {one.name: float(counts[one.value] / predicted) for one in store.classes if predicted}
    mean = sure / predicted if predicted else None
    return SlideSummary(int(counts.sum()), predicted, shares, mean, _counted(store, control, aspect))


def _counted(store: SlideStore, control: Control, aspect: float) -> tuple[Counted, ...]:
    labels, scheme = store.values.levels[0], scheme_for(store.classes, aspect)
    names = {one.value: one.name for one in store.classes}
    outside = {fibre.outer for fibre in scheme.fibres}
    counted = [value for value in names if value and value not in outside]
    planes = [StoredPlane(labels, index) for index in np.ndindex(*labels.shape[:-2])]
    stage = control.stage("Counting the objects", len(counted) * len(planes))
    found = []
    for value in counted:
        fibre = scheme.fibre_of(value)
        number = groups = 0
        for plane in planes:
            if value in scheme.touching:
                number += count_touching(plane, value, check=control.check, aspect=aspect)
            else:
                number += Components.of(plane, value, done=control.check).count
            if fibre is not None:
                groups += Components.of(plane, fibre.outer, done=control.check).count
            stage.advance(1)
        found.append(Counted(names[value], number, names[fibre.outer] if fibre else "", groups))
    return tuple(found)


class StoredPlane:
    """One plane (H, W) of a stored array, read and written window by window."""

    def __init__(self, array: zarr.Array, index: Index) -> None:
        self._array, self._index = array, index
        self.shape: tuple[int, ...] = array.shape[-2:]

    def __getitem__(self, window: Window) -> Any:
        """Return the values of a window (h, w)."""
        return np.asarray(self._array[key_of(self._index, window)])

    def __setitem__(self, window: Window, values: Array) -> None:
        """Write a window."""
        self._array[key_of(self._index, window)] = values
