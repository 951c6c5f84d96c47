"""Translators of others as rows of `quality.py`: CUT, and CycleGAN with a low-pass between its generators.

Both learn from the training images of both modalities, without pairs and labels, and make target images look like the source. Their
networks are those of the package (the one-pass generator of SynDiff and its critic), small, and so is their budget (`RivalBudget`).

CUT            one generator; patches of an image have to resemble the patches of its translation at the same place more than
               those elsewhere (Park et al., "Contrastive learning for unpaired image-to-image translation", ECCV 2020)
CycleGAN + P   `training.cycled.CycleTraining` between two kinds of images, instead of masks and images (Zhu et al., ICCV 2017;
               low-pass after arXiv 2308.01769)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

import numpy as np
import torch
import torch.nn.functional as F
import typer
from numpy.typing import NDArray
from quality_directions import Direction
from quality_training import Bench
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.translators.resnet import ResnetGenerator
from napari_pseudolabel.training.cycled.cycle_training import CycleTraining
from napari_pseudolabel.training.cycled.cycled_task import CycledSettings
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.translator.discriminators import PatchDiscriminator

Plane = NDArray[np.float32]
CUT, CYCLE = "CUT adaptation", "CycleGAN + P adaptation"


@dataclass(frozen=True)
class RivalBudget:
    """What a rival may spend; 400 steps take one to two CPU minutes."""

    steps: int = 400
    batch: int = 2
    patch: int = 64
    width: int = 16
    blocks: int = 4
    lr: float = 4e-4
    low_pass: float = 0.5
    seed: int = 0


BUDGET = RivalBudget()


def trained(bench: Bench, direction: Direction, method: str) -> Path:
    """Weights of a generator that makes images of the target look like the source; trained once."""
    folder = (
        bench.runs / "rivals" / f"{method} {direction.name} {BUDGET.steps}".replace(" ", "-").replace(">", "")
    )
    path = folder / "generator.safetensors"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        sides = (direction.target.recipe, direction.source.recipe)
        images, wanted = ([one.image for one in side.training(bench.data)] for side in sides)
        began = process_time()
        network = RIVALS[method](images, wanted, folder)
        typer.echo(f"{folder.name}: {process_time() - began:.0f} CPU s", err=True)
        save_file(network.state_dict(), path)
    return path


def look(path: Path, image: Plane) -> Plane:
    """Translate an image (H, W) in [0, 1] as a whole."""
    network = ResnetGenerator(BUDGET.width, BUDGET.blocks)
    network.load_state_dict(load_file(path))
    height, width = image.shape
    padded = np.pad(image, ((0, -height % 4), (0, -width % 4)), mode="reflect")
    with torch.no_grad():
        made = network(torch.from_numpy(padded).float()[None, None] * 2 - 1)[0, 0]
    return np.asarray((made.numpy()[:height, :width] + 1) / 2, np.float32)


def by_cycle(images: Sequence[Plane], wanted: Sequence[Plane], folder: Path) -> nn.Module:
    """CycleGAN with a low-pass before the generator that is used, in the training only."""
    b = BUDGET
    settings = CycledSettings(
        cycle_steps=b.steps, low_pass=b.low_pass, warm_up=1, cycle_batch=b.batch, cycle_patch=b.patch,
        cycle_width=b.width, blocks=b.blocks, cycle_lr=b.lr, seed=b.seed,
    )  # fmt: skip
    codes = [2 * one - 1 for one in wanted]
    run = CycleTraining(codes, images, (0.0, 1.0), settings, device=torch.device("cpu"))
    run.step = settings.warm_up  # it is for masks
    run.run(folder, Control())
    network = run.nets["to_mask"]
    assert isinstance(network, nn.Module)
    return network


class Patches(nn.Module):
    """Compares patches of two images by what the first layers of a generator make of them.

    Layers are the input, both convolutions that halve the size, and the first and the last residual block; every place is projected
    to a vector of length 1.
    """

    COUNT, TEMPERATURE = 256, 0.07

    def __init__(self, generator: ResnetGenerator, blocks: int) -> None:
        super().__init__()
        self.layers = (0, 4, 7, 10, 9 + blocks)
        self.generator = [generator]  # in a list: its weights are not ours
        channels = [one.shape[1] for one in self._features(torch.zeros(1, 1, 32, 32))]
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(c, 64), nn.ReLU(), nn.Linear(64, 64)) for c in channels
        )

    def _features(self, x: Tensor) -> list[Tensor]:
        found = []
        for number, layer in enumerate(self.generator[0].model[: self.layers[-1] + 1]):
            x = layer(x)
            if number in self.layers:
                found.append(x.clone())  # what comes next changes it in place
        return found

    def forward(self, image: Tensor, made: Tensor, generator: torch.Generator) -> Tensor:
        """InfoNCE of an image (B, 1, H, W) and its translation: every patch against the others of its own image."""
        total = torch.zeros(())
        pairs = zip(self._features(image), self._features(made), self.heads, strict=True)
        for key, query, head in pairs:
            places = torch.randperm(key.shape[2] * key.shape[3], generator=generator)[: self.COUNT]
            keys, queries = (
                F.normalize(head(one.flatten(2)[..., places].movedim(1, 2)), dim=-1) for one in (key, query)
            )
            alike = queries @ keys.detach().transpose(1, 2) / self.TEMPERATURE
            right = torch.arange(len(places)).expand(len(alike), -1)
            total = total + F.cross_entropy(alike.flatten(0, 1), right.flatten())
        return total / len(self.layers)


def by_contrast(images: Sequence[Plane], wanted: Sequence[Plane], folder: Path) -> nn.Module:
    """CUT: least squares against a critic, and patches that stay what they are, of the translation and of the identity."""
    b = BUDGET
    torch.manual_seed(b.seed)
    network, critic = ResnetGenerator(b.width, b.blocks), PatchDiscriminator(b.width)
    patches, draws = Patches(network, b.blocks), torch.Generator().manual_seed(b.seed)
    makers = torch.optim.Adam([*network.parameters(), *patches.heads.parameters()], b.lr, (0.5, 0.999))
    critics = torch.optim.Adam(critic.parameters(), b.lr / 2, (0.5, 0.999))
    pools = [PatchPool([one[None] for one in planes]) for planes in (images, wanted)]
    for step in range(b.steps):
        for optimiser, rate in ((makers, b.lr), (critics, b.lr / 2)):
            optimiser.param_groups[0]["lr"] = rate * min(1.0, 2 * (1 - step / b.steps))
        x, y = (
            pool.batch(b.patch, b.batch, seed=b.seed + side, step=step) * 2 - 1
            for side, pool in enumerate(pools)
        )
        made, same = network(x), network(y)
        loss = (critic(made) - 1).square().mean()
        loss = loss + (patches(x, made, draws) + patches(y, same, draws)) / 2
        makers.zero_grad(set_to_none=True)
        loss.backward()
        makers.step()
        told = ((critic(y) - 1).square().mean() + critic(made.detach()).square().mean()) / 2
        critics.zero_grad(set_to_none=True)
        told.backward()
        critics.step()
    return network


RIVALS: dict[str, Callable[[Sequence[Plane], Sequence[Plane], Path], nn.Module]] = {
    CUT: by_contrast,
    CYCLE: by_cycle,
}
