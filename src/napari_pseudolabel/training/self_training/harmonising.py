"""A tiny network that learned how one image looks at every scale, and redraws what was changed in a patch so that it fits there.

Source: SinGAN (Shaham et al., ICCV 2019) as generative blending augmentation (arXiv 2304.01705) uses it: what was changed enters at
a coarse scale, and finer scales are made anew. Only the scales from there on are trained, because no other would be asked; theirs
are eight and more, with 2,000 steps each.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_pseudolabel.control import Control
from napari_pseudolabel.training.common.training_record import load_state, save_state
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.self_training.object_contrast import feather

SCALES = 2
"""Each half as coarse as the one after it: changes enter where a pixel is four pixels of the image."""
_WIDTH, _LAYERS = 16, 4
_BATCH, _RATE, _BETAS = 4, 1e-3, (0.5, 0.999)
_RECONSTRUCTION = 10.0
_NOISE = 0.05  # of what enters, in grey levels of [0, 1]
_REACH_PX = 2  # how far around an object is made anew as well


class Redraw(nn.Module):
    """Adds to an image what its scale has that the coarser one had not."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = _convolutions()

    def forward(self, coarse: Tensor) -> Tensor:
        """(B, 1, H, W) in [0, 1] -> the same with details."""
        added: Tensor = self.layers(coarse)
        return coarse + added


class Harmoniser(nn.Module):
    """All scales, from coarse to fine."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ModuleList(Redraw() for _ in range(SCALES))

    def forward(self, images: Tensor, noise: Tensor | None = None) -> Tensor:
        """Draw images anew from what is left of them at the coarsest scale.

        Parameters
        ----------
        images
            (B, 1, H, W) float32 in [0, 1]; H and W at least ``2**SCALES``.
        noise
            (B, 1, h, w), added at the coarsest scale; None for none.

        Returns
        -------
        Tensor
            (B, 1, H, W), about in [0, 1].
        """
        return self.at(images, SCALES, noise)

    def at(self, images: Tensor, scales: int, noise: Tensor | None = None) -> Tensor:
        """Do the same with the first scales alone: what comes is coarser by a factor of two for each that is left out."""
        made = coarser(images, SCALES)
        if noise is not None:
            made = made + noise
        for number, scale in enumerate(self.scales[:scales], 1):
            size = coarser(images, SCALES - number).shape[-2:]
            made = scale(F.interpolate(made, size, mode="bilinear"))
        return made


def coarser(images: Tensor, halvings: int) -> Tensor:
    """Halve the sides of images (B, 1, H, W) so many times."""
    for _ in range(halvings):
        images = F.avg_pool2d(images, 2, ceil_mode=True)
    return images


def harmonised(changed: Tensor, objects: Tensor, harmoniser: Harmoniser, sigma: float) -> Tensor:
    """Redraw what was changed, and a little around it; the rest stays exactly as it is.

    Parameters
    ----------
    changed
        (B, 1, H, W) float32 in [0, 1].
    objects
        (B, H, W) bool, what was changed; a patch without any stays as it is.
    sigma
        Deviation of the feather around what is redrawn, in pixels.
    """
    mask = objects[:, None].to(changed.dtype)
    wide = F.max_pool2d(mask, 2 * _REACH_PX + 1, stride=1, padding=_REACH_PX)
    with torch.inference_mode():
        made = harmoniser(changed)
    return (changed + (made - changed) * feather(wide, sigma)).clamp(0, 1)


def learned_harmoniser(
    image: NDArray[np.float32], steps: int, patch: int, seed: int, path: Path, control: Control
) -> Harmoniser:
    """Train a harmoniser on one image, scale after scale, or read what was trained before.

    Parameters
    ----------
    image
        (H, W) float32 in [0, 1].
    steps
        Of each scale.
    patch
        Side of what is looked at in a step.
    path
        Gets the weights; a training that was stopped begins again, for it takes seconds.

    Raises
    ------
    Cancelled
        If `control` says so.
    """
    settings = {"steps": steps, "patch": patch, "seed": seed}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        harmoniser, critics = Harmoniser(), [_convolutions() for _ in range(SCALES)]
    if (known := load_state(path, settings)) is not None:
        harmoniser.load_state_dict(known["weights"])
        return harmoniser.eval()
    pool = PatchPool([image[None]])
    stage = control.stage("Learning how the images look", SCALES * steps)
    generator = torch.Generator().manual_seed(seed)
    for number, critic in enumerate(critics, 1):
        scale = harmoniser.scales[number - 1]
        makes = torch.optim.Adam(scale.parameters(), _RATE, _BETAS)
        judges = torch.optim.Adam(critic.parameters(), _RATE, _BETAS)
        for step in range(steps):
            if stage.hold():  # the rounds end at once as well
                return harmoniser.eval()
            images = pool.batch(patch, _BATCH, seed=seed + number, step=step)
            real = coarser(images, SCALES - number)
            noise = _NOISE * torch.randn(coarser(images, SCALES).shape, generator=generator)
            made = harmoniser.at(images, number, noise)
            judged = _squares(critic(real), 1) + _squares(critic(made.detach()), 0)
            _stepped(judges, judged)
            same = F.mse_loss(harmoniser.at(images, number), real)
            _stepped(makes, _squares(critic(made), 1) + _RECONSTRUCTION * same)
            stage.advance()
        scale.requires_grad_(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_state(path, {"settings": settings, "weights": harmoniser.state_dict()})
    return harmoniser.eval()


def _convolutions() -> nn.Sequential:
    """Return a few convolutions, alike for generators and critics, as in SinGAN: the last one makes one channel."""
    widths = [1, *[_WIDTH] * (_LAYERS - 1), 1]
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Conv2d(before, after, 3, padding=1, padding_mode="reflect"), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers[:-1])


def _squares(scores: Tensor, wanted: float) -> Tensor:
    return (scores - wanted).square().mean()


def _stepped(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
