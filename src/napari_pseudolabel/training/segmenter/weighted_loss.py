"""Dice and cross-entropy in which every pixel has a weight."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

_SMOOTH = 1e-5


def dice_cross_entropy(logits: Tensor, truth: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """The two losses over a whole batch.

    Parameters
    ----------
    logits
        (B, K, h, w) float.
    truth
        (B, h, w) int64, index of the class of each pixel; channel 0 is the background.
    weight
        (B, h, w) float32 in [0, 1]. A pixel of weight 0 has no part in either loss nor in any gradient.

    Returns
    -------
    dict
        ``dice``: 1 minus the mean Dice of the classes without the background, of the probabilities of
        the whole batch. ``cross_entropy``: weighted mean over the pixels. Both are 0 where nothing weighs.

    Notes
    -----
    With weights of 1 their sum is MONAI's ``DiceCELoss(include_background=False, softmax=True, batch=True)``.
    """
    logits = logits.float()
    each = F.cross_entropy(logits, truth, reduction="none")
    cross_entropy = (weight * each).sum() / weight.sum().clamp_min(_SMOOTH)
    chances = logits.softmax(1)[:, 1:]
    hot = F.one_hot(truth, logits.shape[1]).movedim(-1, 1)[:, 1:].to(chances.dtype)
    w = weight[:, None]
    axes = (0, 2, 3)
    common = (w * chances * hot).sum(axes)
    total = (w * chances).sum(axes) + (w * hot).sum(axes)
    dice = 1 - ((2 * common + _SMOOTH) / (total + _SMOOTH)).mean()
    return {"dice": dice, "cross_entropy": cross_entropy}
