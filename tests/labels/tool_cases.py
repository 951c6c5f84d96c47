"""What a tool did to a plane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st
from scipy import ndimage as ndi

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels import tools
from napari_pseudolabel.labels.objects import Fibre, ObjectMask, Scheme

SQUARE = np.ones((3, 3), bool)
FIBRES = Scheme((Fibre(2, 1),))
seeds = st.integers(0, 10_000)


def applied(plane: np.ndarray, change: tools.Change) -> np.ndarray:
    """The plane after a change."""
    after = plane.copy()
    after[change.window] = change.labels
    return after


def tried(tool: Callable[[], tools.Change]) -> tools.Change | InputError:
    """The change, or why there is none."""
    try:
        return tool()
    except InputError as error:
        return error


def full(target: ObjectMask, shape: tuple[int, int]) -> np.ndarray:
    """The mask of an object in the whole plane."""
    return target.within((slice(0, shape[0]), slice(0, shape[1])))


def counted(mask: np.ndarray) -> int:
    """How many components a mask has."""
    return int(ndi.label(mask, SQUARE)[1])


def components(mask: np.ndarray) -> set[bytes]:
    """The components of a mask, each as its pixels."""
    parts, count = ndi.label(mask, SQUARE)
    return {np.argwhere(parts == part).tobytes() for part in range(1, count + 1)}
