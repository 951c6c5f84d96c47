"""Maps of what two images share at every place, whatever their contrast: local mutual information.

Source: "LMIDiffusion" (arXiv 2404.01102), written anew as tensors. For every pixel the patch around it in one image is compared with the
patches around it and around its neighbours in the other image; what they share is the normalised mutual information of their grey levels,
from histograms that a Gaussian (Parzen) window softens. Brightness and contrast do not matter to it, nor which is dark and which bright.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

PATCH_RADIUS = 1
"""Patches are 3 x 3 pixels, and so is the neighbourhood that is searched."""
# Width of the window as a share of the distance of two bins.
_WINDOW = 0.8
_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class SourceTerms:
    """What does not change while one image is compared with others.

    Attributes
    ----------
    weights
        (B, K, H + 2, W + 2) how much each pixel belongs to each bin, with a margin of one pixel.
    entropy
        (B, H, W) of the histogram of each patch, in nats.
    """

    weights: Tensor
    entropy: Tensor


@dataclass(frozen=True)
class Information:
    """How local mutual information is measured.

    Attributes
    ----------
    bins
        Number of grey levels that are told apart; 27 in the paper. 9 take a ninth of the time.
    search
        Whether the patches around the eight neighbours are compared too, and the best taken, as in the paper; else only
        the patch at the same place, for a ninth of the time.
    """

    bins: int = 9
    search: bool = False

    def terms(self, image: Tensor) -> SourceTerms:
        """Prepare an image (B, 1, H, W) in [0, 1]; what lies outside of it is black, and so are values beyond counted at the ends."""
        return self._terms(F.pad(image, (PATCH_RADIUS,) * 4))

    def between(self, source: SourceTerms, image: Tensor) -> Tensor:
        """Compare an image with one that was prepared.

        Parameters
        ----------
        image
            (B, 1, H, W), of the shape of the source; clamped to [0, 1].

        Returns
        -------
        Tensor
            (B, 1, H, W) float in [0, 1]: 0 where patches share nothing. Even a patch and itself reach 1 only with sharp histograms.
        """
        radius = PATCH_RADIUS if self.search else 0
        other = self._terms(F.pad(image, (PATCH_RADIUS + radius,) * 4))
        height, width = source.entropy.shape[-2:]
        margin = 2 * PATCH_RADIUS
        best: Tensor | None = None
        for y in range(2 * radius + 1):
            for x in range(2 * radius + 1):
                weights = other.weights[..., y : y + height + margin, x : x + width + margin]
                entropy = other.entropy[..., y : y + height, x : x + width]
                found = _shared(source, weights, entropy)
                best = found if best is None else torch.maximum(best, found)
        assert best is not None
        return best[:, None]

    def _terms(self, padded: Tensor) -> SourceTerms:
        centres = torch.linspace(0, 1, self.bins, device=padded.device, dtype=padded.dtype)
        distance = (padded.clamp(0, 1) - centres[:, None, None]) * ((self.bins - 1) / _WINDOW)
        weights = torch.exp(-0.5 * distance.square())
        return SourceTerms(weights, _entropy(_summed(weights)))


def _shared(source: SourceTerms, weights: Tensor, entropy: Tensor) -> Tensor:
    """Normalised mutual information of the patches of two images at the same places: (B, H, W)."""
    total, logarithms = torch.zeros_like(entropy), torch.zeros_like(entropy)
    # All pairs of bins at once would take K times the memory, and longer.
    for own in source.weights.unbind(1):
        counts = _summed(own[:, None] * weights)
        total += counts.sum(1)
        logarithms += torch.xlogy(counts, counts).sum(1)
    total = total.clamp_min(_LEAST)
    together = total.log() - logarithms / total
    both = source.entropy + entropy
    return (2 * (both - together) / both.clamp_min(_LEAST)).clamp(0, 1)


def _summed(weights: Tensor) -> Tensor:
    """Sum over the patch of each pixel, without the margin: (B, K, H + 2, W + 2) to (B, K, H, W)."""
    return F.avg_pool2d(weights, 2 * PATCH_RADIUS + 1, stride=1, divisor_override=1)


def _entropy(counts: Tensor) -> Tensor:
    """Entropy in nats of histograms (B, K, H, W) that add up to anything: (B, H, W)."""
    total = counts.sum(1).clamp_min(_LEAST)
    return total.log() - torch.xlogy(counts, counts).sum(1) / total
