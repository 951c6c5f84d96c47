"""A prediction that arrives in parts: shown at once, one undo step in the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.windows import Index, Window, around, key_of
from napari_pseudolabel.types import Array
from napari_pseudolabel.viewer.corrections import Corrections, PredictionStep
from napari_pseudolabel.viewer.undo_history import Atom, put_on


class Filling:
    """Writes parts of a prediction wherever no person has touched a label.

    napari's own way to write labels with an undo step, `data_setitem`, would make a step for every
    part, and takes a second for 16 million pixels. So the parts are written into the data, and
    `finish` puts one step into the history.
    """

    def __init__(self, corrections: Corrections) -> None:
        self.corrections = corrections
        self._planes: dict[Index, _Plane] = {}

    def add(
        self,
        planes: Sequence[Index],
        window: Window,
        labels: NDArray[np.uint8],
        predicted: NDArray[np.bool_] | None = None,
    ) -> int:
        """Write one part and show it.

        Parameters
        ----------
        planes
            Index of each plane over the axes before Y and X.
        window
            Part of Y and X that is predicted. Parts may overlap; the last one counts.
        labels
            (P, H, W) predicted labels.
        predicted
            (P, H, W) bool: where they are predictions at all; None for everywhere. The rest stays as it is.

        Returns
        -------
        int
            Number of pixels that changed.
        """
        layer = self.corrections.layer
        if layer is None:
            return 0
        total = 0
        for number, (index, wanted) in enumerate(zip(planes, labels, strict=True)):
            key = key_of(index, window)
            self.corrections.sync_part(index, window)
            now = np.asarray(layer.data[key])
            free = ~self.corrections.touched_in(key)
            if predicted is not None:
                free &= predicted[number]
            changed = (now != wanted) & free
            # What a person touched stays as unpredicted as it was: the prediction is not kept for it.
            fresh = free & ~self.corrections.reached_in(key)
            count = int(np.count_nonzero(changed))
            if not count and not fresh.any():
                continue
            total += count
            if index not in self._planes:
                self._planes[index] = _Plane(layer.data.shape[-2:], now.dtype, window)
            self._planes[index].note(window, changed, now, wanted, fresh)
            if count:
                layer.data[key] = np.where(changed, wanted, now).astype(now.dtype)
            self.corrections.note_prediction(index, window, changed, wanted, fresh)
        if total:
            layer.refresh(extent=False)
        return total

    def finish(self) -> int:
        """Make one undo step of all parts.

        What a person has painted or confirmed in the meantime stays out of it, and so does what an
        undo or redo in the meantime has changed. Where nothing was predicted before, undoing it makes it so again.

        Returns
        -------
        int
            Number of pixels in the undo step.
        """
        layer = self.corrections.layer
        planes, self._planes = self._planes, {}
        if layer is None:
            return 0
        atoms: list[Atom] = []
        steps: list[PredictionStep] = []
        for index, plane in planes.items():
            window = plane.window
            key = key_of(index, window)
            self.corrections.sync_part(index, window)
            ours, before, after = plane.mask[window], plane.before[window], plane.after[window]
            ours &= (np.asarray(layer.data[key]) == after) & (before != after)
            free = ~self.corrections.touched_in(key)
            ours &= free
            steps.append(PredictionStep(index, window, ours, plane.fresh[window] & free))
            if ours.any():
                atoms.append(((*index, plane.mask), before[ours], after[ours]))
        if atoms:
            self.corrections.note_steps(atoms, steps)
            with self.corrections.quietly():
                put_on(layer, atoms)
        return sum(old.size for _, old, _ in atoms)


class _Plane:
    """What the parts have changed in one plane.

    The arrays have the size of the plane, but memory is taken only where something is written.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[np.generic], window: Window) -> None:
        self.mask: NDArray[np.bool_] = np.zeros(shape, bool)
        self.before: Array = np.zeros(shape, dtype)
        self.after: Array = np.zeros(shape, dtype)
        self.fresh: NDArray[np.bool_] = np.zeros(shape, bool)
        self.window = window

    def note(
        self,
        window: Window,
        changed: NDArray[np.bool_],
        now: Array,
        wanted: NDArray[np.uint8],
        fresh: NDArray[np.bool_],
    ) -> None:
        """Note a change; what stood there before the first one is kept."""
        self.fresh[window] |= fresh
        mask = self.mask[window]
        np.copyto(self.before[window], now, where=changed & ~mask)
        np.copyto(self.after[window], wanted, where=changed, casting="unsafe")
        mask |= changed
        self.window = around(self.window, window)
