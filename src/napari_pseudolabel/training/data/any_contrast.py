"""Training patches with a contrast of their own: what learns from them goes by shape, and needs no translator.

The idea is that of SynthSeg (Billot et al., "SynthSeg: segmentation of brain MRI scans of any contrast and resolution without retraining",
Medical Image Analysis 2023); unlike there, most of what is inside of a class stays, only turned up, down or around.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_STEP = 0.15
"""Between the grey levels of a class and of the one before it: what does not differ cannot be learned."""
_KNOTS = 6  # of the random curves
# Height and width of the grains of the textures in pixels: from fine to coarse, and strands.
_GRAINS = ((1, 1), (2, 2), (4, 4), (8, 8), (16, 16), (2, 16), (16, 2))


def any_contrast(
    images: Tensor,
    truth: Tensor,
    classes: int,
    share: float,
    generator: torch.Generator | None = None,
    *,
    in_order: bool = False,
) -> Tensor:
    """Give some images another contrast: half of them class by class, half by a random curve, rising or falling.

    Parameters
    ----------
    images
        (B, 1, H, W) in [0, 1].
    truth
        (B, H, W) int64, which of the `classes` each pixel belongs to.
    share
        Probability of each image to be changed.
    in_order
        Whether classes stay darker and brighter than each other as they are, and no curve falls.

    Returns
    -------
    Tensor
        (B, 1, H, W) in [0, 1].
    """
    count = len(images)
    kind = torch.rand(count, 1, 1, 1, generator=generator)
    recast = recast_classes(images, truth, classes, generator, in_order=in_order)
    curved = random_curves(images, generator, rising=in_order)
    return torch.where(kind < share / 2, recast, torch.where(kind < share, curved, images))


def random_curves(
    images: Tensor, generator: torch.Generator | None = None, *, rising: bool = False
) -> Tensor:
    """Send the grey levels of each image through a curve of its own, which rises or falls from end to end."""
    count = len(images)
    steps = torch.rand(count, _KNOTS - 1, generator=generator) ** 2 + 0.05
    knots = F.pad(steps.cumsum(1) / steps.sum(1, keepdim=True), (1, 0))
    if not rising:
        falls = torch.rand(count, 1, generator=generator) < 0.5
        knots = torch.where(falls, 1 - knots, knots)
    place = images.flatten(1).clamp(0, 1) * (_KNOTS - 1)
    left = place.floor().clamp(max=_KNOTS - 2).long()
    low, high = knots.gather(1, left), knots.gather(1, left + 1)
    return torch.lerp(low, high, place - left).reshape(images.shape)


def recast_classes(
    images: Tensor,
    truth: Tensor,
    classes: int,
    generator: torch.Generator | None = None,
    *,
    in_order: bool = False,
) -> Tensor:
    """Give each class of each image a grey level, a contrast (or its opposite) and a texture of its own.

    Parameters
    ----------
    images, truth, classes, in_order
        As in `any_contrast`.
    """
    count, _, height, width = images.shape

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return torch.empty(count, *shape, 1, 1).uniform_(low, high, generator=generator)

    members = F.one_hot(truth, classes).movedim(-1, 1).to(images.dtype)
    means = (images * members).sum((2, 3), keepdim=True) / members.sum((2, 3), keepdim=True).clamp_min(1)
    soft = members
    # As soft as the borders of the images, or softer: microscopes differ.
    for _ in range(2):
        soft = F.avg_pool2d(F.pad(soft, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    inside = images - (soft * means).sum(1, keepdim=True)
    gains = draw(0.2, 1.3, classes) * torch.where(draw(0, 1, classes) < 0.5, -1.0, 1.0)
    textures = _textures(count, classes, (height, width), generator) * draw(-0.08, 0.2, classes).clamp_min(0)
    levels = _ordered(means[..., 0, 0], generator) if in_order else _levels(count, classes, generator)
    made = (soft * (levels + gains * inside + textures)).sum(1, keepdim=True)
    # Whole layers are stretched from 0 to 1, their parts not always.
    low, high = made.amin((2, 3), keepdim=True), made.amax((2, 3), keepdim=True)
    stretched = (made - low) / (high - low).clamp_min(0.05)
    return torch.lerp(made, stretched, draw(0, 1, 1)).clamp(0, 1)


def _levels(count: int, classes: int, generator: torch.Generator | None) -> Tensor:
    """(B, K, 1, 1) grey levels; each lies at least `LEAST_STEP` from the one before."""
    levels = [torch.rand(count, generator=generator)]
    for _ in range(classes - 1):
        before = levels[-1]
        below, above = (before - LEAST_STEP).clamp_min(0), (1 - LEAST_STEP - before).clamp_min(0)
        place = torch.rand(count, generator=generator) * (below + above)
        levels.append(torch.where(place < below, place, before + LEAST_STEP + place - below))
    return torch.stack(levels, dim=1)[..., None, None]


def _ordered(means: Tensor, generator: torch.Generator | None) -> Tensor:
    """(B, K, 1, 1) grey levels in the order of the means (B, K), at least `LEAST_STEP` apart."""
    count, classes = means.shape
    free = 1 - LEAST_STEP * (classes - 1)
    rising = torch.rand(count, classes, generator=generator).sort(1).values * free
    rising = rising + LEAST_STEP * torch.arange(classes)
    return rising.gather(1, means.argsort(1).argsort(1))[..., None, None]


def _textures(count: int, classes: int, shape: tuple[int, int], generator: torch.Generator | None) -> Tensor:
    """(B, K, H, W) noise, of fine and coarse grains and strands in shares of its own, of standard deviation up to 1."""
    made = torch.zeros(count, classes, *shape)
    shares = torch.rand(count, classes, len(_GRAINS), 1, 1, generator=generator) ** 2
    shares = shares / shares.square().sum(2, keepdim=True).sqrt().clamp_min(1e-3)
    for number, grain in enumerate(_GRAINS):
        knots = [side // wide + 2 for side, wide in zip(shape, grain, strict=True)]
        noise = torch.randn(count, classes, *knots, generator=generator)
        if grain != (1, 1):
            size = [count * wide for count, wide in zip(knots, grain, strict=True)]
            noise = F.interpolate(noise, size, mode="bilinear")
        top, left = (wide // 2 for wide in grain)
        made += shares[:, :, number] * noise[..., top : top + shape[0], left : left + shape[1]]
    return made
