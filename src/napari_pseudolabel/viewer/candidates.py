"""What each member of the ensemble behind labels said, so that a person can take an object from any of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.windows import Index, Window, key_of

if TYPE_CHECKING:
    from napari.layers import Labels

CANDIDATES_KEY = "napari_pseudolabel_candidates"
# No class: a candidate says nothing there. Label images hold classes from 0 to 254 where there are candidates.
NOTHING = 255
# Members of an ensemble are named after the sample that they saw (`strategies.ensemble`). Whatever else was added, such
# as labels of the untranslated image, is there to take objects from, and says nothing about agreement.
_MEMBER = re.compile(r"(^|, )sample \d+")


class Candidates:
    """Label images of the members of an ensemble (samples, flips, segmenters), beside one Labels layer.

    The object lives in the metadata of the layer, like `Corrections`; a duplicate of the layer has a copy of
    its own, without listeners. A person's edits and undo leave candidates alone.

    Memory is taken only where something was written, so that a preview on a large layer costs a preview.

    Attributes
    ----------
    listeners
        Called with the index of a plane and the window after candidates changed there, also when a name is
        new. In the thread that wrote.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self._shape = tuple(int(size) for size in shape)
        # Bitwise inverted, because fresh zeros cost nothing until they are written, and mean NOTHING.
        self._arrays: dict[str, NDArray[np.uint8]] = {}
        self.listeners: list[Callable[[Index, Window], None]] = []

    @classmethod
    def of(cls, layer: Labels) -> Candidates | None:
        """Return the candidates of a layer; None if it has none, or holds data of another shape by now."""
        found = layer.metadata.get(CANDIDATES_KEY)
        return found if isinstance(found, cls) and found._shape == tuple(layer.data.shape) else None

    @classmethod
    def made_for(cls, layer: Labels) -> Candidates:
        """Return the candidates of a layer; empty ones are put into its metadata if it has none."""
        found = cls.of(layer)
        if found is None:
            found = layer.metadata[CANDIDATES_KEY] = cls(layer.data.shape)
        return found

    def __deepcopy__(self, memo: dict[int, object]) -> Candidates:
        copy = Candidates(self._shape)
        copy._arrays = {name: array.copy() for name, array in self._arrays.items()}
        return copy

    @property
    def names(self) -> tuple[str, ...]:
        """Of the candidates, such as "sample 1", "sample 2 flipped" or "source only"; never shorter than before."""
        return tuple(self._arrays)

    def labels(self, number: int) -> NDArray[np.uint8]:
        """uint8, shape of the layer: what a candidate says, 255 where it says nothing; a copy.

        Parameters
        ----------
        number
            Place in `names`.

        Notes
        -----
        Where a part is enough, `part` is as fast as that part is small.
        """
        return np.invert(self._arrays[self.names[number]])

    def part(self, number: int, index: Index, window: Window) -> NDArray[np.uint8]:
        """(h, w) uint8: `labels` in a window of one plane; a copy."""
        return np.invert(self._arrays[self.names[number]][key_of(index, window)])

    def members(self, index: Index, window: Window) -> NDArray[np.uint8]:
        """(K, h, w) uint8: what the members of the run say that say something in a window of one plane."""
        key = key_of(index, window)
        parts = [np.invert(array[key]) for array in self._ensemble() if array[key].any()]
        shape = tuple(part.stop - part.start for part in window)
        return np.stack(parts) if parts else np.zeros((0, *shape), np.uint8)

    def add(
        self,
        planes: Sequence[Index],
        window: Window,
        candidates: NDArray[np.uint8],
        names: Sequence[str],
    ) -> None:
        """Write what candidates say in a window; those that are not named keep what they say.

        Parameters
        ----------
        planes
            Index of each plane over the axes before Y and X.
        window
            Part of Y and X.
        candidates
            (P, K, h, w) class values from 0 to 254.
        names
            Of the K candidates; new names are added behind those that are there. Names with "sample N" in them are
            members of an ensemble, whose agreement counts.
        """
        for number, name in enumerate(names):
            if name not in self._arrays:
                self._arrays[name] = np.zeros(self._shape, np.uint8)
            for index, values in zip(planes, candidates[:, number], strict=True):
                self._arrays[name][key_of(index, window)] = np.invert(values)
        self._changed(planes, window)

    def clear(self, planes: Sequence[Index], window: Window) -> None:
        """Forget what the members of runs said in a window, because the labels there are not theirs any more."""
        said = False
        for array in self._ensemble():
            for index in planes:
                part = array[key_of(index, window)]
                if part.any():
                    part[...] = 0
                    said = True
        if said:
            self._changed(planes, window)

    def _ensemble(self) -> list[NDArray[np.uint8]]:
        return [array for name, array in self._arrays.items() if _MEMBER.search(name)]

    def _changed(self, planes: Sequence[Index], window: Window) -> None:
        for index in planes:
            for listener in tuple(self.listeners):
                listener(index, window)
