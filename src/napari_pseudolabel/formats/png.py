"""Labels and images as PNG: one plane, no spatial metadata."""

from __future__ import annotations

from pathlib import Path

from napari_pseudolabel.formats.format import FileContent, Format
from napari_pseudolabel.types import Array


def write(path: Path, content: FileContent) -> None:
    """Write a plane as greyscale: labels of 8 bit, or of 16 bit where values pass 255; an image of 8 bit.

    Values of an image outside of [0, 1] are clipped.
    """
    import imagecodecs
    import numpy as np

    grey: Array
    if content.labels is None:
        assert content.image is not None
        grey = np.rint(np.clip(np.nan_to_num(content.image), 0, 1) * 255).astype(np.uint8)
    else:
        grey = content.labels.astype(np.uint16) if content.labels.dtype == np.uint32 else content.labels
    # The only plane, whatever axes of length 1 there are before it.
    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(grey.reshape(grey.shape[-2:]))))


PNG = Format(
    name="png",
    title="PNG",
    what="one plane without pixel size",
    readers="everything",
    suffixes=(".png",),
    write=write,
    holds=frozenset({"classes", "images"}),
    stacks=False,
    largest=2**16 - 1,
    pixel_size=False,
)
