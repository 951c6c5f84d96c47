"""Does a generator hide a copy of the mask in its images? A cycle that breaks when they are disturbed has hidden one.

After "CycleGAN, a master of steganography" (Chu et al., 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_pseudolabel.training.cycled.cycle_training import CycleTraining

_OBJECT_ABOVE = -0.6
_NOISE = 0.1  # of images in [-1, 1]
_HIDES = 0.15
_SEED = 11


@dataclass(frozen=True, eq=False)
class HiddenMasks:
    """How much of masks comes back from images as they were made, and from the same images disturbed.

    Attributes
    ----------
    cycle, noisy, blurred
        Dice of the masks that come back.
    disturbed, back
        (H, W) float32 in [-1, 1]: the first image blurred, and the code that comes back from it.
    """

    cycle: float
    noisy: float
    blurred: float
    disturbed: NDArray[np.float32]
    back: NDArray[np.float32]

    @property
    def fall(self) -> float:
        """Dice that the worse disturbance costs: below .05 nothing is hidden."""
        return self.cycle - min(self.noisy, self.blurred)

    @property
    def sentence(self) -> str:
        """For the person; says what to do where masks are hidden."""
        told = (
            f"Masks that became images come back with Dice {self.cycle:.2f}, from noisy images with {self.noisy:.2f}, from "
            f"blurred ones with {self.blurred:.2f}"
        )
        if self.fall < _HIDES:
            return f"{told}: the images hold them visibly."
        return f"{told}: the images hide a part of them, so labels may not fit; try the low-pass."


def hidden_in(training: CycleTraining, masks: Tensor) -> HiddenMasks:
    """Disturb the images of codes (B, 1, H, W) in [-1, 1], in ways that the training does not, and bring them back."""
    with torch.no_grad():
        images = training.image_of(masks)
        generator = torch.Generator().manual_seed(_SEED)
        noise = torch.randn(images.shape, generator=generator).to(images)
        blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
        back = [training.mask_of(one) for one in (images, images + _NOISE * noise, blurred)]
    dice = [_dice(one > _OBJECT_ABOVE, masks > _OBJECT_ABOVE) for one in back]
    cycle, noisy, soft = dice
    return HiddenMasks(cycle, noisy, soft, blurred[0, 0].cpu().numpy(), back[2][0, 0].cpu().numpy())


def _dice(one: Tensor, other: Tensor) -> float:
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else 1.0
