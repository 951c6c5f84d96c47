"""Which pixels validate models and which train them, fixed for the life of a workspace."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, NonNegativeInt

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.workspace.json_file import JsonFile

Box = tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt, NonNegativeInt]


class _TrainingPixels(BaseModel):
    """Pixels that a training has used: runs of pixels, as start and length in turn, in C order."""

    width: int = Field(gt=0)
    runs: list[NonNegativeInt]


class _Region(BaseModel):
    """A confirmed rectangle (y0, x0, y1, x1), and its corner that became validation."""

    box: Box
    corner: int = Field(ge=0, le=3)


class _Content(BaseModel):
    version: Literal[1] = 1
    seed: int = Field(default_factory=lambda: secrets.randbits(32))
    # In the order in which they came, because what was assigned first stays.
    planes: dict[str, list[_Region | _TrainingPixels]] = {}


class WorkspaceSplit:
    """The split of a workspace into training and validation, by regions.

    A quarter of every region that a person confirms becomes validation: one of its four corners,
    chosen by the seed of the workspace, the key of the plane and the region. A pixel that was
    assigned once, to either side, never changes.

    Parameters
    ----------
    path
        JSON file; made by the first assignment.
    """

    def __init__(self, path: str | Path) -> None:
        self._stored = JsonFile(Path(path), _Content)

    def assign(self, key: str, region: tuple[int, int, int, int]) -> None:
        """Divide a newly confirmed region.

        Parameters
        ----------
        key
            Fingerprint of the plane, see `training.data.annotated_plane.AnnotatedPlane`.
        region
            y0, x0, y1, x1 in pixels, half open.

        Raises
        ------
        InputError
            When the region is empty or begins outside of the image, or the split cannot be read or written.
        """
        y0, x0, y1, x1 = (int(value) for value in region)
        if not (0 <= y0 < y1 and 0 <= x0 < x1):
            raise InputError(f"The region {region} holds no pixels; draw it inside of the image.")
        box = (y0, x0, y1, x1)
        if self.assigned(key, (y1, x1))[y0:, x0:].all():
            return
        with self._stored.changing() as content:
            digest = hashlib.sha256(f"{content.seed}|{key}|{','.join(map(str, box))}".encode()).digest()
            content.planes.setdefault(key, []).append(_Region(box=box, corner=digest[0] % 4))

    def assign_to_training(self, key: str, mask: NDArray[np.bool_]) -> None:
        """Assign pixels to training because a training uses them; those that are assigned stay as they are.

        Without this, a pixel that was corrected and trained on could become validation when somebody
        confirms the region around it.

        Parameters
        ----------
        mask
            (H, W) bool of the whole plane.

        Raises
        ------
        InputError
            When the split cannot be read or written.
        """
        fresh = mask & ~self.assigned(key, mask.shape)
        if not fresh.any():
            return
        edges = np.flatnonzero(np.diff(fresh.ravel(), prepend=False, append=False))
        starts, stops = edges[::2], edges[1::2]
        runs = np.column_stack((starts, stops - starts)).ravel().tolist()
        with self._stored.changing() as content:
            content.planes.setdefault(key, []).append(_TrainingPixels(width=mask.shape[1], runs=runs))

    def validation(self, key: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """(H, W) bool: the pixels of a plane that no training may use.

        Raises
        ------
        InputError
            When the split cannot be read.
        """
        return self._masks(key, shape)[1]

    def assigned(self, key: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """(H, W) bool: the pixels of a plane that belong to either side.

        Raises
        ------
        InputError
            When the split cannot be read.
        """
        return self._masks(key, shape)[0]

    def _masks(self, key: str, shape: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return what is assigned and what is validation, by going through the assignments in their order."""
        assigned, validation = np.zeros(shape, bool), np.zeros(shape, bool)
        for entry in self._stored.read().planes.get(key, ()):
            if isinstance(entry, _TrainingPixels):
                _mark(assigned, entry)
                continue
            corner = _part(_corner_box(entry.box, entry.corner))
            validation[corner] |= ~assigned[corner]
            assigned[_part(entry.box)] = True
        return assigned, validation


def _corner_box(box: Box, corner: int) -> Box:
    """Half the height and half the width of a box, in one of its corners; empty where it is one pixel wide."""
    y0, x0, y1, x1 = box
    height, width = (y1 - y0) // 2, (x1 - x0) // 2
    top = y0 if corner < 2 else y1 - height
    left = x0 if corner % 2 == 0 else x1 - width
    return top, left, top + height, left + width


def _part(box: Box) -> tuple[slice, slice]:
    return slice(box[0], box[2]), slice(box[1], box[3])


def _mark(assigned: NDArray[np.bool_], used: _TrainingPixels) -> None:
    starts, lengths = np.array(used.runs, dtype=np.intp).reshape(-1, 2).T
    if not starts.size:
        return
    height = int((starts + lengths).max() - 1) // used.width + 1
    # +1 where a run begins, -1 behind its end: the running sum is the mask.
    steps = np.zeros(height * used.width + 1, np.int8)
    steps[starts] += 1
    steps[starts + lengths] -= 1
    mask = np.cumsum(steps[:-1], dtype=np.int8).astype(bool).reshape(height, used.width)
    rows, columns = (min(pair) for pair in zip(mask.shape, assigned.shape, strict=True))
    assigned[:rows, :columns] |= mask[:rows, :columns]
