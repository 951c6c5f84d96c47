"""Train a diffusion of one modality that is told the structure of an image, and nothing of its contrast.

Source of the method: "LMIDiffusion" (arXiv 2404.01102), with differences of our own: the clean image is predicted instead of the noise,
which learns to follow the maps sooner; the maps in training are those of a changed contrast; and few steps make an image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.implicit_schedule import ImplicitSchedule
from napari_pseudolabel.models.translators.structure_maps import StructureMaps
from napari_pseudolabel.models.translators.zero_shot_network import ZeroShotNetwork
from napari_pseudolabel.training.common.prefetching import Prefetcher
from napari_pseudolabel.training.common.running_average import running_average
from napari_pseudolabel.training.common.training_events import Loss
from napari_pseudolabel.training.common.training_record import STATE, CurveFile, load_state, save_state
from napari_pseudolabel.training.data.any_contrast import random_curves
from napari_pseudolabel.training.data.augmentation import augment
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.translator.zero_shot_settings import ZeroShotSettings
from napari_pseudolabel.types import JsonObject

LOSSES = "losses.csv"
_COLUMNS = ("step", "clean")
_TELL_EVERY = 10
_FACTORS = (1, 2, 4)


def network_of(settings: ZeroShotSettings) -> ZeroShotNetwork:
    """Build the network of a training with freshly drawn weights.

    Raises
    ------
    InputError
        If there is none with these settings.
    """
    s = settings
    maps = StructureMaps(s.condition, s.bins, s.search)
    config = GeneratorConfig(
        image_size=s.patch,
        num_channels=maps.channels,
        num_channels_dae=s.width,
        ch_mult=_FACTORS,
        num_res_blocks=1,
        attn_resolutions=(s.patch // 4,),
        n_mlp=1,
        nz=4,
        z_emb_dim=32,
        num_timesteps=s.sampled,
    )
    if s.patch % config.stride:
        raise InputError(
            f"Patches of {s.patch} pixels do not fit the network; use a multiple of {config.stride}."
        )
    try:
        return ZeroShotNetwork(config, maps, ImplicitSchedule.create(num_timesteps=s.sampled))
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(f"No network can be built with these settings ({error}); change them.") from error


class ZeroShotTraining:
    """One training.

    Parameters
    ----------
    planes
        (H, W) float32 in [0, 1] of the one modality, on the grid of the model.
    """

    def __init__(
        self, planes: Sequence[NDArray[np.float32]], settings: ZeroShotSettings, *, device: torch.device
    ) -> None:
        s = self.settings = settings
        self.device, self.step = device, 0
        self._pool = PatchPool([plane[None] for plane in planes])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(s.seed)
            self.network = network_of(s).to(device)
        self.average = AveragedModel(self.network, multi_avg_fn=running_average(s.ema))
        self._optimiser = torch.optim.Adam(self.network.parameters(), s.lr)
        self._amplitudes = [one.to(device) for one in self.network.schedule.amplitudes]
        self._batches = Prefetcher.on(device, self._draw)

    def _draw(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Clean patches and what stands for their source, in [-1, 1], trained steps and noise."""
        s = self.settings
        rng = torch.Generator().manual_seed(s.seed * 1_000_003 + step)
        clean = self._pool.batch(s.patch, s.batch, seed=s.seed, step=step)
        changed = augment(random_curves(clean, rng), rng)
        source = torch.where(torch.rand(s.batch, 1, 1, 1, generator=rng) < s.contrast, changed, clean)
        steps = torch.randint(len(self._amplitudes[0]), (s.batch,), generator=rng)
        return clean * 2 - 1, source * 2 - 1, steps, torch.randn(clean.shape, generator=rng)

    def train_step(self) -> float:
        """One step; returns its loss: the mean square of what the predicted clean image is off by.

        Raises
        ------
        InputError
            If the training diverged.
        """
        clean, source, steps, noise = (one.to(self.device) for one in self._batches(self.step))
        self.network.train()
        signal, spread = (one[steps][:, None, None, None] for one in self._amplitudes)
        told = self.network.maps.of_source(source)
        loss = F.mse_loss(self.network.denoised(signal * clean + spread * noise, told, steps), clean)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self._optimiser.step()
        self.average.update_parameters(self.network)
        self.step += 1
        value = loss.item()
        if not np.isfinite(value):
            raise InputError(f"The training diverged at step {self.step}; lower the learning rate.")
        return value

    @property
    def averaged(self) -> ZeroShotNetwork:
        """The running average, which is what is kept."""
        network = self.average.module
        assert isinstance(network, ZeroShotNetwork)
        return network

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on, atomically."""
        parts = {name: part.state_dict() for name, part in self._parts.items()}
        save_state(path, {"settings": told_settings(self.settings), "step": self.step, **parts})

    def resume(self, path: Path) -> bool:
        """Go on from `path` if it is there; True if it was.

        Raises
        ------
        InputError
            If the file belongs to a training with other settings.
        """
        state = load_state(path, told_settings(self.settings))
        if state is None:
            return False
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self.step = int(state["step"])
        return True

    @property
    def _parts(self) -> dict[str, AveragedModel | torch.optim.Optimizer | ZeroShotNetwork]:
        return {"network": self.network, "average": self.average, "optimiser": self._optimiser}

    def run(self, folder: Path, control: Control) -> None:
        """Train to the end, or until the person has enough; goes on where a stopped or killed training left off in `folder`.

        Raises
        ------
        Cancelled
            If `control` says so; the state is saved first.
        """
        folder.mkdir(parents=True, exist_ok=True)
        curve = CurveFile(folder / LOSSES, _COLUMNS)
        curve.cut(self.step)
        stage = control.stage("Training the translator", self.settings.steps)
        stage.resume_at(self.step)
        losses: list[float] = []
        try:
            while self.step < self.settings.steps:
                if control.wish() == "pause":
                    self.save(folder / STATE)  # whatever happens while it waits
                if stage.hold():
                    break
                losses.append(self.train_step())
                if self.step % _TELL_EVERY == 0:
                    told = {"clean": float(np.mean(losses))}
                    losses.clear()
                    curve.append({"step": self.step, **told})
                    control.emit(Loss(self.step, told))
                if self.step % self.settings.save_every == 0:
                    self.save(folder / STATE)
                stage.advance()
        except Cancelled:
            self.save(folder / STATE)
            raise
        self.save(folder / STATE)


def told_settings(settings: ZeroShotSettings) -> JsonObject:
    """Return what decides about the weights, without what may change between two starts."""
    told = dataclasses.asdict(settings)
    del told["device"], told["save_every"], told["sampled"]
    return told
