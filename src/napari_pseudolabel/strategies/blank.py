"""Parts of an image in which there is nothing to see; models find objects there all the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_pseudolabel.strategies.chunks import ChunkTask
from napari_pseudolabel.strategies.description import PseudoLabel

_VOID = "Where the image has no values (NaN, infinite), nothing was predicted."
_FLAT = "Large parts of one single value, such as an empty border, hold nothing to see and got no labels."


@dataclass(frozen=True, eq=False)
class Blank:
    """What of a chunk is empty, on the pixels of its region.

    Attributes
    ----------
    void
        (H, W), True where the image has no value (NaN): not predicted.
    flat
        (H, W), True inside of large squares of a single value: background.
    """

    void: NDArray[np.bool_]
    flat: NDArray[np.bool_]

    @classmethod
    def of(cls, job: ChunkTask) -> Blank:
        """Find out; the same for any cut, because the square is read around a chunk."""
        chunk = job.chunk
        pixels = job.pixels.reshape(-1, *job.pixels.shape[-2:])
        empty = np.array([flat_parts(one, chunk.side) for one in pixels], bool)
        inside = chunk.region.within(chunk.read)
        void = np.asarray(np.isnan(pixels[:, *inside]).any(axis=0))
        return cls(void, np.asarray(empty[:, *inside].all(axis=0)) & ~void)

    def notes(self, labels: NDArray[np.uint8] | None) -> tuple[str, ...]:
        """Sentences for the person about what of the labels (H, W) of the models is left out."""
        dreamt = labels is not None and bool(labels[self.flat].any())
        return (_VOID,) * bool(self.void.any()) + (_FLAT,) * dreamt

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Labels (..., H, W) without those where there is nothing."""
        return np.where(self.void | self.flat, np.uint8(0), labels)

    def confidence(self, confidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Confidence (H, W): sure that there is nothing where all is flat, NaN where nothing was predicted."""
        return self.hidden(np.where(self.flat, np.float32(1), confidence))

    def hidden(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (H, W) with NaN where the image has none."""
        return np.where(self.void, np.float32(np.nan), values)


def nothing_there(job: ChunkTask) -> PseudoLabel:
    """Return the answer where there is nothing to see in the whole layer: no model is asked, nothing is predicted."""
    facts, shape = job.survey, (1, *job.chunk.region.shape)
    nowhere = np.full(shape, np.nan, np.float32)
    return PseudoLabel(
        labels=np.zeros(shape, np.uint8) if facts.segmenter else None,
        confidence=nowhere if facts.segmenter else None,
        translation=nowhere.copy() if facts.translator else None,
        spread=None,
        classes=facts.classes,
        region=job.chunk.region,
        planes=(job.chunk.plane,),
        report=replace(job.report, notes=()),
    )


def flat_parts(pixels: NDArray[np.float32], side: int) -> NDArray[np.bool_]:
    """Which pixels lie in a square without two different values.

    Parameters
    ----------
    pixels
        (H, W), NaN where there is no value.
    side
        Of the square; less, and odd, where `pixels` are smaller.
    """
    square = [(short := min(side, size)) - (short + 1) % 2 for size in pixels.shape]
    missing = np.isnan(pixels)
    most, least = np.where(missing, -np.inf, pixels), np.where(missing, np.inf, pixels)
    if not _may_be_flat(most, least, square):
        return np.zeros(pixels.shape, bool)
    high = ndimage.maximum_filter(most, square, mode="constant", cval=np.inf)
    low = ndimage.minimum_filter(least, square, mode="constant", cval=-np.inf)
    return np.asarray(ndimage.maximum_filter(high <= low, square, mode="constant", cval=False))


def _may_be_flat(most: NDArray[np.floating], least: NDArray[np.floating], square: list[int]) -> bool:
    """Whether there is a block of half the side without two values: wherever a square lies, it holds one of them."""
    height, width = ((side + 1) // 2 for side in square)
    rows, columns = (size // side for size, side in zip(most.shape, (height, width), strict=True))
    blocks = (
        one[: rows * height, : columns * width].reshape(rows, height, columns, width) for one in (most, least)
    )
    high, low = next(blocks).max(axis=(1, 3)), next(blocks).min(axis=(1, 3))
    return bool((high <= low).any())
