"""Parts of an image in which there is nothing to see; models find objects there all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

if TYPE_CHECKING:
    from napari_pseudolabel.strategies.chunks import ChunkJob

_VOID = "Where the image has no values (NaN), nothing was predicted."
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
    told
        Whether the report of the whole run says so already.
    """

    void: NDArray[np.bool_]
    flat: NDArray[np.bool_]
    told: bool = False

    @classmethod
    def of(cls, job: ChunkJob) -> Blank:
        """Find out; the same for any cut, because the square is read around a chunk."""
        chunk = job.chunk
        if job.empty:
            return cls(np.ones(chunk.region.shape, bool), np.zeros(chunk.region.shape, bool), told=True)
        pixels = job.pixels.reshape(-1, *job.pixels.shape[-2:])
        empty = np.array([flat_parts(one, chunk.side) for one in pixels], bool)
        region, read = chunk.region, chunk.read
        inside = (
            slice(region.y0 - read.y0, region.y1 - read.y0),
            slice(region.x0 - read.x0, region.x1 - read.x0),
        )
        void = np.asarray(np.isnan(pixels[:, *inside]).any(axis=0))
        return cls(void, np.asarray(empty[:, *inside].all(axis=0)) & ~void)

    def notes(self, labels: NDArray[np.uint8] | None) -> tuple[str, ...]:
        """Sentences for the person about what of the labels (H, W) of the models is left out."""
        dreamt = labels is not None and bool(labels[self.flat].any())
        return (_VOID,) * bool(self.void.any() and not self.told) + (_FLAT,) * dreamt

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Labels (..., H, W) without those where there is nothing."""
        return np.where(self.void | self.flat, np.uint8(0), labels)

    def confidence(self, confidence: NDArray[np.float32]) -> NDArray[np.float32]:
        """Confidence (H, W): sure that there is nothing where all is flat, NaN where nothing was predicted."""
        return self.hidden(np.where(self.flat, np.float32(1), confidence))

    def hidden(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values (H, W) with NaN where the image has none."""
        return np.where(self.void, np.float32(np.nan), values)


def flat_parts(pixels: NDArray[np.float32], side: int) -> NDArray[np.bool_]:
    """Which pixels lie in a square without two different values.

    Parameters
    ----------
    pixels
        (H, W), NaN where there is no value.
    side
        Of the square; less, and odd, where `pixels` are smaller.
    """
    square = [(least := min(side, size)) - (least + 1) % 2 for size in pixels.shape]
    missing = np.isnan(pixels)
    high = ndimage.maximum_filter(np.where(missing, -np.inf, pixels), square, mode="constant", cval=np.inf)
    low = ndimage.minimum_filter(np.where(missing, np.inf, pixels), square, mode="constant", cval=-np.inf)
    return np.asarray(ndimage.maximum_filter(high <= low, square, mode="constant", cval=False))
