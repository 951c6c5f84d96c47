"""Random changes of a training patch that keep its labels true: where it lies, how it is bent, how it looks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Geometry:
    """How strongly patches are deformed.

    Attributes
    ----------
    zoom
        Smallest and largest magnification of the objects.
    bend_px
        Standard deviation of the elastic displacement in pixels of the patch; 0 leaves it straight.
    bend_every_px
        Distance of the points that are displaced independently.
    turn
        Whether patches are rotated by any angle and mirrored.
    """

    zoom: tuple[float, float] = (0.7, 1.4)
    bend_px: float = 2.0
    bend_every_px: int = 24
    turn: bool = True

    def draw(self, size: int, rng: np.random.Generator) -> tuple[Tensor, float]:
        """Draw a deformation.

        Returns
        -------
        Tensor, float
            (size, size, 2) float32: where each pixel of the patch comes from, (y, x) in pixels of the plane
            relative to the centre; and how many pixels of the plane a pixel of the patch is wide.
        """
        step = float(np.exp(-rng.uniform(*np.log(self.zoom))))
        angle = rng.uniform(0, 2 * math.pi) if self.turn else 0.0
        mirror = -1.0 if self.turn and rng.random() < 0.5 else 1.0
        line = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
        at = torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=-1)
        if self.bend_px > 0:
            at = at + self._bend(size, rng)
        sin, cos = math.sin(angle) * step, math.cos(angle) * step
        return at @ torch.tensor([[cos, sin], [-sin * mirror, cos * mirror]]), step

    def _bend(self, size: int, rng: np.random.Generator) -> Tensor:
        knots = max(size // self.bend_every_px, 1) + 3
        moves = torch.from_numpy(rng.normal(0, self.bend_px, (1, 2, knots, knots)).astype(np.float32))
        return F.interpolate(moves, (size, size), mode="bicubic", align_corners=True)[0].movedim(0, -1)


def cut(plane: Tensor, centre: tuple[float, float], where: Tensor, images: int = 1) -> Tensor:
    """Take a deformed patch out of a plane.

    Parameters
    ----------
    plane
        (C, H, W) float32; the first `images` channels are interpolated, the others (labels, weights) take the
        value of the nearest pixel, all the same one.
    centre
        (y, x) of the middle of the patch, in pixels, whole at the middle of a pixel.
    where
        (h, w, 2) offsets from the centre, see `Geometry.draw`.

    Returns
    -------
    Tensor
        (C, h, w). Outside of the plane images are mirrored and the others 0.
    """
    height, width = plane.shape[-2:]
    # grid_sample wants (x, y), -1 and 1 at the outer borders of the plane.
    size = torch.tensor([width, height], dtype=torch.float32)
    at = (2 * (where.flip(-1) + torch.tensor([centre[1], centre[0]])) + 1) / size - 1
    picture = F.grid_sample(
        plane[None, :images], at[None], mode="bilinear", padding_mode="reflection", align_corners=False
    )
    maps = F.grid_sample(
        plane[None, images:], at[None], mode="nearest", padding_mode="zeros", align_corners=False
    )
    return torch.cat([picture, maps], dim=1)[0]


def augment(images: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Change contrast, brightness, sharpness and noise of (B, 1, H, W) images in [0, 1], each on its own.

    A third get no noise, and some are blurred well: translated images are smoother than any microscope's, and a network
    that knows only noisy dark areas sees things in smooth ones.
    """
    count = len(images)

    def draw(low: float, high: float) -> Tensor:
        return torch.empty(count, 1, 1, 1).uniform_(low, high, generator=generator)

    images = images.clamp(0, 1) ** draw(0.6, 1.6)
    images = (images - 0.5) * draw(0.7, 1.3) + 0.5 + draw(-0.12, 0.12)
    blurred = images
    for _ in range(3):
        blurred = F.avg_pool2d(F.pad(blurred, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    # From blurred (1) over untouched (0) to sharpened (-0.3).
    images = torch.lerp(images, blurred, draw(-0.3, 1.0))
    noise = torch.randn(images.shape, generator=generator)
    return (images + noise * draw(-0.04, 0.08).clamp_min(0)).clamp(0, 1)


def shift_classes(
    images: Tensor, truth: Tensor, classes: int, most: float, generator: torch.Generator | None = None
) -> Tensor:
    """Make each class of an image brighter or darker by an amount of its own, in half of the images.

    A translated image seldom has the exact grey levels of the modality it imitates; who has learned from such
    patches trusts shapes more than levels. The idea, in full, is that of SynthSeg (Billot et al., 2023).

    Parameters
    ----------
    images
        (B, 1, H, W) in [0, 1].
    truth
        (B, H, W) int64, which of the `classes` each pixel belongs to.
    most
        Largest change.
    """
    count = len(images)
    amounts = torch.empty(count, classes, 1, 1).uniform_(-most, most, generator=generator)
    amounts *= torch.rand(count, 1, 1, 1, generator=generator) < 0.5
    members = F.one_hot(truth, classes).movedim(-1, 1).to(images.dtype)
    change = (members * amounts).sum(1, keepdim=True)
    # As soft as the borders of the images, or the jump itself would give the label away.
    for _ in range(2):
        change = F.avg_pool2d(F.pad(change, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return (images + change).clamp(0, 1)
