"""What goes into a job: how it is done, where, and by which models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.object_size import SMALLEST_OBJECT
from napari_pseudolabel.tiling import TileSettings

Role = Literal["translator", "segmenter", "second opinion", "tutor"]
"""A tutor is the translator that made what a segmenter learned from; no image to be labelled goes through it."""


@dataclass(frozen=True)
class LabelSettings:
    """How a job is done.

    Attributes
    ----------
    samples
        Translations drawn per plane; their disagreement enters the confidence.
    seed
        Of all noise, 0 .. 2**32 - 1.
    mode
        "tiled" blends the tiles at the end, "joint" after every diffusion step, which costs more for a part of an image.
    scale
        What the person says about the sizes in the image.
    tiles
        Tile, overlap, batch, device.
    channel
        Which channel of the image; None for the image's default.
    flips
        How often each translation is segmented again in a mirror, which costs no other translation:
        1 left and right, 2 also up and down, 3 also both.
    smallest_object
        Islands of labels with less area than this share of a typical object of the segmenter are left out, 0 to 1, and
        such holes in nuclei and cells are filled; 0 keeps all. So does a card that does not tell the size of the objects.
    """

    samples: int = 1
    seed: int = 0
    mode: Literal["joint", "tiled"] = "tiled"
    scale: Scale = Scale()
    tiles: TileSettings = TileSettings()
    channel: Channel | None = None
    flips: int = 0
    smallest_object: float = SMALLEST_OBJECT

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise InputError(f"{self.samples} samples cannot be drawn; ask for 1 or more.")
        if self.flips not in range(4):
            raise InputError(f"There are 0 to 3 flips, not {self.flips}; ask for one of these.")
        if not 0 <= self.smallest_object <= 1:
            raise InputError(
                f"The smallest object is a share of a typical one, from 0 to 1, not {self.smallest_object:g}."
            )
        if not 0 <= self.seed < 2**32:
            raise InputError(f"The seed must be a whole number from 0 to 4294967295, not {self.seed}.")


@dataclass(frozen=True)
class Region:
    """A rectangle of the last two axes of a label image, in pixels, half open."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def clipped(self, height: int, width: int) -> Region:
        """The part inside of an image.

        Raises
        ------
        InputError
            If nothing is left.
        """
        inside = Region(max(self.y0, 0), max(self.x0, 0), min(self.y1, height), min(self.x1, width))
        if min(inside.shape) < 1:
            raise InputError("The region lies outside of the image; move the view or the shape over it.")
        return inside

    def grown(self, pixels: int, height: int, width: int) -> Region:
        """The region with a margin, inside of an image."""
        return Region(self.y0 - pixels, self.x0 - pixels, self.y1 + pixels, self.x1 + pixels).clipped(
            height, width
        )


@dataclass(frozen=True)
class ModelUse:
    """A model that took part in a run."""

    role: Role
    name: str
    path: str
    sha256: str
