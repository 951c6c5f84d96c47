"""Train two generators against two critics: masks become images, images become masks.

After Zhu et al., "Unpaired image-to-image translation using cycle-consistent adversarial networks", ICCV 2017, with least squares
(Mao et al., 2017) and a pool of earlier images for the critics. Whether objects are bright neither cycle nor critics can know; the
warm-up says it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.models.translators.resnet import ResnetGenerator
from napari_pseudolabel.training.common.training_events import Loss, TrainStart
from napari_pseudolabel.training.common.training_record import STATE, load_state, save_state
from napari_pseudolabel.training.cycled.cycled_task import CycledSettings
from napari_pseudolabel.training.cycled.low_pass import LowPass
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.translator.discriminators import PatchDiscriminator

_POOL = 50
_TELL_EVERY = 10
_SAVE_EVERY = 50
# Grey levels of the warm-up differ by so much around those that were measured.
_LEVEL_JITTER = 0.08
_ZOOM = (0.9, 1.1)


class CycleTraining:
    """One training.

    Parameters
    ----------
    masks
        (H, W) float32 in [-1, 1], codes of numbered objects.
    images
        (H, W) float32 in [0, 1], on the grid of the masks.
    levels
        Grey level in [0, 1] of what is around objects, and of objects.
    """

    def __init__(
        self,
        masks: Sequence[NDArray[np.float32]],
        images: Sequence[NDArray[np.float32]],
        levels: tuple[float, float],
        settings: CycledSettings,
        *,
        device: torch.device,
    ) -> None:
        s = self.settings = settings
        self.device, self.levels, self.step = device, levels, 0
        self.low_pass = LowPass(s.low_pass)
        self._masks = PatchPool([np.float32(0.5) * (mask[None] + 1) for mask in masks], zoom=_ZOOM)
        self._images = PatchPool([image[None] for image in images], zoom=_ZOOM)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(s.seed)
            self.nets = nn.ModuleDict(
                {
                    "to_image": ResnetGenerator(s.cycle_width, s.blocks),
                    "to_mask": ResnetGenerator(s.cycle_width, s.blocks),
                    "image_critic": PatchDiscriminator(s.cycle_width),
                    "mask_critic": PatchDiscriminator(s.cycle_width),
                }
            ).to(device)
        makers = [*self.nets["to_image"].parameters(), *self.nets["to_mask"].parameters()]
        critics = [*self.nets["image_critic"].parameters(), *self.nets["mask_critic"].parameters()]
        self._makers = torch.optim.Adam(makers, s.cycle_lr, (0.5, 0.999))
        self._critics = torch.optim.Adam(critics, s.cycle_lr / 2, (0.5, 0.999))
        self._pools: dict[str, Tensor] = {name: torch.empty(0) for name in ("image", "mask")}

    @property
    def total(self) -> int:
        """Steps, warm-up included."""
        return self.settings.warm_up + self.settings.cycle_steps

    def image_of(self, mask: Tensor) -> Tensor:
        """Turn codes (B, 1, H, W) in [-1, 1] into images in [-1, 1]; sides are multiples of 4."""
        made: Tensor = self.nets["to_image"](mask)
        return made

    def mask_of(self, image: Tensor) -> Tensor:
        """Turn images (B, 1, H, W) in [-1, 1], real or made, into codes in [-1, 1]."""
        made: Tensor = self.nets["to_mask"](self.low_pass(image))
        return made

    def train_step(self) -> dict[str, float]:
        """One step; returns its losses."""
        s = self.settings
        masks, images = (
            (pool.batch(s.cycle_patch, s.cycle_batch, seed=s.seed + offset, step=self.step) * 2 - 1).to(
                self.device
            )
            for offset, pool in enumerate((self._masks, self._images))
        )
        self.nets.train()
        losses = self._warm(masks) if self.step < s.warm_up else self._cycle(masks, images)
        self.step += 1
        if not np.isfinite(list(losses.values())).all():
            raise InputError(
                f"The training of the cycle diverged at step {self.step}; lower the learning rate."
            )
        return losses

    def _warm(self, masks: Tensor) -> dict[str, float]:
        """Learn the polarity from flat objects in grey levels like those of the images."""
        rng = np.random.default_rng((self.settings.seed, self.step, 7))
        shape = (len(masks), 1, 1, 1)
        around, inside = (
            torch.tensor(level + rng.normal(0, _LEVEL_JITTER, shape), dtype=torch.float32, device=self.device)
            for level in self.levels
        )
        flat = F.avg_pool2d(F.pad((masks > -0.9).float(), (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        images = (around + (inside - around) * flat).clamp(0, 1) * 2 - 1
        there, back = F.l1_loss(self.image_of(masks), images), F.l1_loss(self.mask_of(images), masks)
        self._makers.zero_grad(set_to_none=True)
        (there + back).backward()
        self._makers.step()
        return {"image": there.item(), "mask": back.item()}

    def _cycle(self, masks: Tensor, images: Tensor) -> dict[str, float]:
        s, nets = self.settings, self.nets
        done = (self.step - s.warm_up) / max(s.cycle_steps, 1)
        # Constant, then down to nothing in the second half.
        share = min(1.0, 2 * (1 - done))
        for optimiser, rate in ((self._makers, s.cycle_lr), (self._critics, s.cycle_lr / 2)):
            for group in optimiser.param_groups:
                group["lr"] = rate * share
        critics = [nets["image_critic"], nets["mask_critic"]]
        for critic in critics:
            critic.requires_grad_(False)
        made_images, made_masks = self.image_of(masks), self.mask_of(images)
        back = F.l1_loss(self.mask_of(made_images), masks) + F.l1_loss(self.image_of(made_masks), images)
        fooled = _squares(critics[0](made_images), 1) + _squares(critics[1](made_masks), 1)
        self._makers.zero_grad(set_to_none=True)
        (fooled + s.cycle_weight * back).backward()
        self._makers.step()
        for critic in critics:
            critic.requires_grad_(True)
        seen = [self._pooled("image", made_images.detach()), self._pooled("mask", made_masks.detach())]
        told = sum(
            (_squares(critic(real), 1) + _squares(critic(made), 0)) / 2
            for critic, real, made in zip(critics, (images, masks), seen, strict=True)
        )
        assert isinstance(told, Tensor)
        self._critics.zero_grad(set_to_none=True)
        told.backward()
        self._critics.step()
        return {"cycle": back.item(), "fooled": fooled.item(), "critics": told.item()}

    def _pooled(self, name: str, made: Tensor) -> Tensor:
        """Return for each image itself or an earlier one, which it replaces."""
        pool, rng = self._pools[name], np.random.default_rng((self.settings.seed, self.step, 9))
        shown = []
        for one in made:
            if len(pool) < _POOL:
                pool = torch.cat([pool.to(one), one[None]]) if len(pool) else one[None].clone()
                shown.append(one)
            elif rng.random() < 0.5:
                number = int(rng.integers(len(pool)))
                shown.append(pool[number].clone())
                pool[number] = one
            else:
                shown.append(one)
        self._pools[name] = pool
        return torch.stack(shown)

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on, atomically."""
        save_state(
            path,
            {
                "settings": dataclasses.asdict(self.settings),
                "step": self.step,
                "nets": self.nets.state_dict(),
                "makers": self._makers.state_dict(),
                "critics": self._critics.state_dict(),
                "pools": self._pools,
            },
        )

    def resume(self, path: Path) -> bool:
        """Go on from `path` if it is there; True if it was."""
        state = load_state(path, dataclasses.asdict(self.settings))
        if state is None:
            return False
        self.nets.load_state_dict(state["nets"])
        self._makers.load_state_dict(state["makers"])
        self._critics.load_state_dict(state["critics"])
        self._pools = {name: pool.to(self.device) for name, pool in state["pools"].items()}
        self.step = int(state["step"])
        return True

    def run(self, folder: Path, control: Control) -> None:
        """Train to the end, or go on where a stopped or killed training left off in `folder`.

        Raises
        ------
        Cancelled
            If `control` says so; the state is saved first.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.resume(folder / STATE)
        stage = control.stage("Teaching masks to become images", self.total)
        stage.resume_at(self.step)
        control.emit(TrainStart(self.step, None))
        try:
            while self.step < self.total:
                if stage.hold():  # the person has enough
                    break
                losses = self.train_step()
                if self.step % _TELL_EVERY == 0:
                    control.emit(Loss(self.step, losses))
                if self.step % _SAVE_EVERY == 0:
                    self.save(folder / STATE)
                stage.advance()
        except Cancelled:
            self.save(folder / STATE)
            raise
        self.save(folder / STATE)
        self.nets.eval()


def _squares(scores: Tensor, wanted: float) -> Tensor:
    return (scores - wanted).square().mean()
