"""Objects that are brighter or darker than they were, blended into their patch; and patches that look like another modality.

Sources: generative blending augmentation (arXiv 2304.01705; the seam is feathered here, or harmonised by a network as in the
paper, see `harmonising`), Fourier domain adaptation (Yang and Soatto, CVPR 2020).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

FACTORS = (0.5, 0.8, 1.5)
"""Of the grey levels of objects, as published; a fourth of the patches keeps its own."""
_REACH = 3  # of the feather, in its deviations
# Half of the side of the frequencies that are swapped, as a share of the side of the patch.
_WIDEST_BAND = 0.06


def feather(mask: Tensor, sigma: float) -> Tensor:
    """Smooth the border of a mask (B, 1, H, W) by a Gaussian that ends at three deviations, at least one pixel away."""
    reach = max(1, math.ceil(_REACH * sigma))
    at = torch.arange(-reach, reach + 1, dtype=mask.dtype)
    kernel = torch.exp(-(at**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = F.pad(mask, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1)).clamp(0, 1)


def blended(images: Tensor, objects: Tensor, factors: Tensor, sigma: float) -> Tensor:
    """Multiply the grey levels of objects.

    Parameters
    ----------
    images
        (B, 1, H, W) in [0, 1].
    objects
        (B, H, W) bool.
    factors
        (B,): 1 leaves an image exactly as it is.
    sigma
        Deviation of the feather of the seam, in pixels. Beyond three of them from an object nothing changes.
    """
    share = feather(objects[:, None].to(images.dtype), sigma)
    return (images * (1 + (factors.view(-1, 1, 1, 1) - 1) * share)).clamp(0, 1)


def with_object_contrast(
    images: Tensor,
    truth: Tensor,
    classes: int,
    sigma: float,
    generator: torch.Generator,
    *,
    every: bool,
    redraw: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> Tensor:
    """Draw a factor for each patch, and change the objects of one class or of all by it.

    Parameters
    ----------
    truth
        (B, H, W) int64, index of the class of each pixel; 0 is the background, which stays as it is.
    classes
        How many there are, background included.
    every
        Objects of all classes, instead of one that is drawn.
    redraw
        Makes the images (B, 1, H, W) with changed objects (B, H, W) fit together; None leaves it at a soft seam.
    """
    count = len(images)
    choices = torch.tensor((1.0, *FACTORS), dtype=images.dtype)
    factors = choices[torch.randint(len(choices), (count,), generator=generator)]
    chosen = torch.randint(1, classes, (count, 1, 1), generator=generator)
    objects = truth > 0 if every else truth == chosen
    found = blended(images, objects, factors, sigma)
    return found if redraw is None else redraw(found, objects & (factors != 1).view(-1, 1, 1))


def with_amplitudes(images: Tensor, looks: Tensor, bands: Tensor) -> Tensor:
    """Give images the slow changes of grey level of others: their amplitudes at low frequencies, with their own phases.

    Parameters
    ----------
    images, looks
        (B, 1, H, W) in [0, 1].
    bands
        (B,) int: frequencies up to so many periods per patch are taken over; below 0 none is.
    """
    height, width = images.shape[-2:]
    own, other = torch.fft.fft2(images), torch.fft.fft2(looks)
    rows, columns = (torch.fft.fftfreq(side, 1 / side).abs() for side in (height, width))
    far = torch.maximum(rows[:, None], columns[None])
    taken = far[None, None] <= bands.view(-1, 1, 1, 1)
    amplitude = torch.where(taken, other.abs(), own.abs())
    return torch.fft.ifft2(torch.polar(amplitude, own.angle())).real.clamp(0, 1)


def with_large_shifts(images: Tensor, looks: Tensor, generator: torch.Generator) -> Tensor:
    """Change what differs most between modalities whose structures look alike: half of the patches each.

    Amplitudes of `looks`, then contrast and brightness, then blur of up to two pixels, drawn for every patch.
    """
    count, side = len(images), min(images.shape[-2:])

    def draw(low: float, high: float) -> Tensor:
        return torch.empty(count, 1, 1, 1).uniform_(low, high, generator=generator)

    def half() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=generator) < 0.5

    bands = (draw(0, _WIDEST_BAND) * side).floor()
    images = with_amplitudes(images, looks, torch.where(half(), bands, -1.0))
    changed = ((images - 0.5) * draw(0.5, 1.5) + 0.5 + draw(-0.2, 0.2)).clamp(0, 1) ** draw(0.5, 2.0)
    images = torch.where(half(), changed, images)
    sigma = float(draw(0.3, 2.0)[0])
    return torch.where(half(), feather(images, sigma), images)
