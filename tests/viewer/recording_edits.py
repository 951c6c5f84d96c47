"""Random edits of a Labels layer, the same ones for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
from filled import fill

from napari_pseudolabel.viewer import Corrections
from napari_pseudolabel.viewer.filling import Filling

# What scripts write; neither a prediction nor a person does.
SCRIPTED = 9


class Edits:
    """Does one edit after the other, everything that changes labels or what is known about them.

    Parameters
    ----------
    announced
        Leave out what comes to light only when somebody compares pixels.
    """

    def __init__(self, layer: Any, seed: int, *, announced: bool = False) -> None:
        self.layer = layer
        self._rng = np.random.default_rng(seed)
        self._open: Any = None
        self._kinds = [self.paint, self.stroke, self.fill, self.polygon, self.set_item, self.begin_stroke]
        self._kinds += [self.undo, self.undo, self.redo, self.write_and_refresh]
        self._kinds += [self.predict, self.confirm, self.unconfirm, self.predict_in_parts]
        if not announced:
            self._kinds += [self.write]

    def one(self) -> None:
        """Do the next edit; while a stroke is under way, one of its steps."""
        kind = self._kinds[self._rng.integers(len(self._kinds))]
        if self._open is not None:
            kind = self.paint if self._rng.random() < 0.8 else self.end_stroke
        kind()

    def begin_stroke(self) -> None:
        self._open = self.layer.block_history()
        self._open.__enter__()

    def end_stroke(self) -> None:
        self._open.__exit__(None, None, None)
        self._open = None

    def paint(self) -> None:
        self.layer.brush_size = int(self._rng.integers(1, 30))
        self.layer.paint(self._at(), self._label())

    def stroke(self) -> None:
        with self.layer.block_history():
            for _ in range(self._rng.integers(1, 6)):
                self.paint()

    def fill(self) -> None:
        self.layer.fill(self._at(), self._label())

    def polygon(self) -> None:
        at = self._at()
        points = [(*at[:-2], *self._at()[-2:]) for _ in range(4)]
        self.layer.paint_polygon(points, self._label())

    def set_item(self) -> None:
        count = int(self._rng.integers(1, 50))
        places = tuple(self._rng.integers(0, size, count) for size in self.layer.data.shape)
        with self.layer.block_history():
            self.layer.data_setitem(places, self._label())

    def undo(self) -> None:
        self.layer.undo()

    def redo(self) -> None:
        self.layer.redo()

    def write(self) -> None:
        self.layer.data[self._part()] = SCRIPTED

    def write_and_refresh(self) -> None:
        self.layer.data[self._part()] = SCRIPTED
        self.layer.refresh()

    def predict(self) -> None:
        *index, rows, columns = self._part()
        labels = self._rng.integers(0, 4, (1, rows.stop - rows.start, columns.stop - columns.start))
        fill(Corrections.of(self.layer), [tuple(index)], (rows, columns), labels.astype(np.uint8))

    def predict_in_parts(self) -> None:
        filling = Filling(Corrections.of(self.layer))
        for _ in range(2):
            *index, rows, columns = self._part()
            size = rows.stop - rows.start, columns.stop - columns.start
            filling.add([tuple(index)], (rows, columns), np.full((1, *size), self._label(), np.uint8))
        self.paint()
        filling.finish()

    def confirm(self) -> None:
        *index, rows, columns = self._part()
        Corrections.of(self.layer).confirm(tuple(index), (rows, columns))

    def unconfirm(self) -> None:
        *index, rows, columns = self._part()
        Corrections.of(self.layer).unconfirm(tuple(index), (rows, columns))

    def _label(self) -> int:
        return int(self._rng.integers(0, 4))

    def _at(self) -> tuple[int, ...]:
        return tuple(int(self._rng.integers(0, size)) for size in self.layer.data.shape)

    def _part(self) -> Any:
        *index, y, x = self._at()
        height, width = self.layer.data.shape[-2:]
        bottom, right = int(self._rng.integers(y, height)) + 1, int(self._rng.integers(x, width)) + 1
        return (*index, slice(y, bottom), slice(x, right))


def everything(layer: Any) -> dict[str, np.ndarray]:
    """What there is to know about the pixels of a layer."""
    found = {"labels": np.array(layer.data)}
    if "napari_pseudolabel_corrections" in layer.metadata:
        corrections = Corrections.of(layer)
        found["confirmed"], found["mask"] = corrections.confirmed, corrections.mask.copy()
        found["predicted"] = corrections.predicted_in((...,))
    return found


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Compare what `everything` found."""
    assert one.keys() == other.keys()
    for name, array in one.items():
        assert array.dtype == other[name].dtype
        np.testing.assert_array_equal(array, other[name], err_msg=name)
