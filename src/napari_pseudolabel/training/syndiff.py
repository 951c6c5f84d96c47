"""SynDiff training: two diffusive and two one-pass generators against four critics.

Source of the method: Oezbey et al., "Unsupervised medical image translation with adversarial
diffusion models", IEEE TMI 2023; the losses follow the released code where it differs from the
paper (L1 on the one-step prediction of the clean image).
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import Cancelled, InputError
from napari_pseudolabel.models.translators.ncsnpp import GeneratorConfig, NCSNpp
from napari_pseudolabel.models.translators.resnet import ResnetGenerator
from napari_pseudolabel.models.translators.schedule import Schedule
from napari_pseudolabel.training.discriminators import DiffusiveDiscriminator, PatchDiscriminator
from napari_pseudolabel.training.patches import PatchPool
from napari_pseudolabel.training.state import load_state, save_state


@dataclass(frozen=True)
class SynDiffSettings:
    """Everything that decides the result of a training; the defaults are the published recipe.

    Attributes
    ----------
    steps
        Optimiser steps of each side; the learning rates follow a cosine over them.
    batch
        Patches per modality and step.
    lr_generator, lr_discriminator, lr_final
        Learning rates of Adam (0.5, 0.9) and where the cosine ends.
    ema
        Decay of the running average of the generators' weights, which is what is shipped.
    r1_gamma, r1_every
        Weight and interval in steps of the gradient penalty on real images.
    l1_weight
        Weight of the cycle and of the diffusive L1 losses.
    pair_weight
        Weight of the L1 losses on aligned pairs; used only when pairs are given.
    one_pass_width, critic_width
        Channels of the first layer of the one-pass generators and of the critics.
    """

    steps: int = 50_000
    batch: int = 1
    seed: int = 42
    lr_generator: float = 1.6e-4
    lr_discriminator: float = 1e-4
    lr_final: float = 1e-5
    ema: float = 0.999
    r1_gamma: float = 1.0
    r1_every: int = 10
    l1_weight: float = 0.5
    pair_weight: float = 1.0
    one_pass_width: int = 64
    critic_width: int = 64
    save_every: int = 500
    generator: GeneratorConfig = GeneratorConfig()


@dataclass(frozen=True, eq=False)
class Networks:
    """The eight networks; index k of each list makes, or judges, modality k (0 source, 1 target)."""

    diffusive: nn.ModuleList
    one_pass: nn.ModuleList
    diffusive_critic: nn.ModuleList
    one_pass_critic: nn.ModuleList

    @classmethod
    def create(cls, settings: SynDiffSettings) -> Networks:
        """Build the networks with freshly drawn weights."""
        g, w = settings.generator, settings.critic_width
        return cls(
            nn.ModuleList(NCSNpp(g) for _ in range(2)),
            nn.ModuleList(ResnetGenerator(settings.one_pass_width) for _ in range(2)),
            nn.ModuleList(DiffusiveDiscriminator(w, g.image_size) for _ in range(2)),
            nn.ModuleList(PatchDiscriminator(w) for _ in range(2)),
        )

    @property
    def generators(self) -> nn.ModuleList:
        """The four networks that are trained to deceive."""
        return nn.ModuleList([*self.diffusive, *self.one_pass])

    @property
    def critics(self) -> nn.ModuleList:
        """The four networks that are trained to tell."""
        return nn.ModuleList([*self.diffusive_critic, *self.one_pass_critic])


class SynDiffTraining:
    """One training run: state, one step, resume.

    Parameters
    ----------
    pools
        Patches of the source and of the target modality, unpaired, images in [0, 1].
    pairs
        Optional pool of two-channel planes (source look, target look of the same scene), for example
        generated fields. It ties the classes of the two modalities together, which the
        cycle alone cannot when contrasts are inverted.
    """

    def __init__(
        self,
        pools: tuple[PatchPool, PatchPool],
        settings: SynDiffSettings,
        *,
        pairs: PatchPool | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.pools, self.pairs, self.settings = pools, pairs, settings
        self.device = device or torch.device("cpu")
        torch.manual_seed(settings.seed)
        self.networks = Networks.create(settings)
        self.generators = self.networks.generators.to(self.device)
        self.critics = self.networks.critics.to(self.device)
        # use_buffers stays off: the only buffers are constant filters.
        self.average = AveragedModel(self.generators, multi_avg_fn=get_ema_multi_avg_fn(settings.ema))
        betas = (0.5, 0.9)
        self.optimisers = {
            "generators": torch.optim.Adam(self.generators.parameters(), settings.lr_generator, betas),
            "critics": torch.optim.Adam(self.critics.parameters(), settings.lr_discriminator, betas),
        }
        self.rates = {
            name: torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.steps, settings.lr_final)
            for name, optimiser in self.optimisers.items()
        }
        schedule = Schedule.from_card(dataclasses.asdict(settings.generator))
        self.schedule = Schedule(
            **{f.name: getattr(schedule, f.name).to(self.device) for f in dataclasses.fields(schedule)}
        )
        # bfloat16 needs no loss scaling; float16-only GPUs train in float32.
        self.autocast = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        self.step = 0

    # ---- one step -------------------------------------------------------------------------

    def train_step(self) -> dict[str, float]:
        """Update critics, then generators, then the average; return the losses."""
        s = self.settings
        # Noise, steps and latents depend on the step alone, so a resumed run repeats them.
        torch.manual_seed(s.seed * 1_000_003 + self.step)
        side = s.generator.image_size
        real = [
            self._to_model(pool.batch(side, s.batch, seed=s.seed + k, step=self.step))
            for k, pool in enumerate(self.pools)
        ]
        losses = {**self._update("critics", self._critic_losses(real))}
        self.critics.requires_grad_(False)
        generator_losses = self._generator_losses(real)
        if self.pairs is not None:
            pair = self._to_model(self.pairs.batch(side, s.batch, seed=s.seed + 2, step=self.step))
            generator_losses["pair"] = s.pair_weight * self._pair_loss([pair[:, :1], pair[:, 1:2]])
        losses |= self._update("generators", generator_losses)
        self.critics.requires_grad_(True)
        self.average.update_parameters(self.generators)
        for rate in self.rates.values():
            rate.step()
        self.step += 1
        return losses

    def _to_model(self, batch: Tensor) -> Tensor:
        return (batch * 2 - 1).to(self.device)

    def _update(self, name: str, losses: Mapping[str, Tensor]) -> dict[str, float]:
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total):
            raise InputError(
                f"The training diverged at step {self.step}; lower the learning rate or the batch size."
            )
        total.backward()
        optimiser.step()
        return {key: value.item() for key, value in losses.items()}

    def _critic_losses(self, real: list[Tensor]) -> dict[str, Tensor]:
        s, n = self.settings, self.networks
        terms = []
        penalties = []
        for k in (0, 1):
            with torch.no_grad(), self._precision():
                condition = n.one_pass[1 - k](real[k])
                imitation = n.one_pass[k](real[1 - k])
            step, x, x_next = self._forward_pair(real[k])
            with torch.no_grad():
                drawn = self._posterior(self._predict(k, x_next, condition, step), x_next, step)
            penalise = self.step % s.r1_every == 0
            # The penalty needs second derivatives, which stay in float32.
            with self._precision(enabled=not penalise):
                x.requires_grad_(penalise)
                score = n.diffusive_critic[k](x, step, x_next)
                if penalise:
                    (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
                    penalties.append(s.r1_gamma / 2 * gradient.square().sum(dim=(1, 2, 3)).mean())
            with self._precision():
                terms += [
                    F.softplus(-score).mean(),
                    F.softplus(n.diffusive_critic[k](drawn, step, x_next)).mean(),
                    F.softplus(-n.one_pass_critic[k](real[k])).mean(),
                    F.softplus(n.one_pass_critic[k](imitation)).mean(),
                ]
        return {"critic": torch.stack(terms).sum()} | (
            {"r1": torch.stack(penalties).sum()} if penalties else {}
        )

    def _generator_losses(self, real: list[Tensor]) -> dict[str, Tensor]:
        s, n = self.settings, self.networks
        adversarial, cycle, diffusive = [], [], []
        with self._precision():
            for k in (0, 1):
                condition = n.one_pass[1 - k](real[k])
                step, _, x_next = self._forward_pair(real[k])
                clean = self._predict(k, x_next, condition, step)
                drawn = self._posterior(clean, x_next, step)
                adversarial += [
                    F.softplus(-n.diffusive_critic[k](drawn, step, x_next)).mean(),
                    F.softplus(-n.one_pass_critic[1 - k](condition)).mean(),
                ]
                cycle.append(F.l1_loss(n.one_pass[k](condition), real[k]))
                diffusive.append(F.l1_loss(clean, real[k]))
        return {
            "adversarial": torch.stack(adversarial).sum(),
            "cycle": s.l1_weight * torch.stack(cycle).sum(),
            "diffusive": s.l1_weight * torch.stack(diffusive).sum(),
        }

    def _pair_loss(self, pair: list[Tensor]) -> Tensor:
        terms = []
        with self._precision():
            for k in (0, 1):
                step, _, x_next = self._forward_pair(pair[k])
                terms.append(F.l1_loss(self._predict(k, x_next, pair[1 - k], step), pair[k]))
                terms.append(F.l1_loss(self.networks.one_pass[k](pair[1 - k]), pair[k]))
        return torch.stack(terms).sum()

    # ---- diffusion ------------------------------------------------------------------------

    def _forward_pair(self, clean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Draw a step per image and the two neighbouring noisy states (x_t, x_{t+1})."""
        step = torch.randint(self.schedule.steps, (len(clean),), device=self.device)
        signal, noise = (v[step][:, None, None, None] for v in (self.schedule.signal, self.schedule.noise))
        beta = self.schedule.betas[step][:, None, None, None]
        x = signal * clean + noise * torch.randn_like(clean)
        return step, x, (1 - beta).sqrt() * x + beta.sqrt() * torch.randn_like(clean)

    def _predict(self, k: int, x_next: Tensor, condition: Tensor, step: Tensor) -> Tensor:
        latent = torch.randn(len(x_next), self.settings.generator.nz, device=self.device)
        with self._precision():
            return self.networks.diffusive[k](torch.cat([x_next, condition], dim=1), step, latent)[
                :, :1
            ].float()

    def _posterior(self, clean: Tensor, x_next: Tensor, step: Tensor) -> Tensor:
        c1, c2, log_variance = (
            v[step][:, None, None, None]
            for v in (self.schedule.c1, self.schedule.c2, self.schedule.log_variance)
        )
        noisy = (step > 0)[:, None, None, None]
        return c1 * clean + c2 * x_next + noisy * (0.5 * log_variance).exp() * torch.randn_like(clean)

    def _precision(self, *, enabled: bool = True) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled and self.autocast)

    # ---- state ----------------------------------------------------------------------------

    def averaged(self, k: int) -> NCSNpp:
        """The averaged diffusive generator that makes modality `k`; this is what is shipped."""
        generators: nn.ModuleList = self.average.module  # type: ignore[assignment]
        return generators[k]  # type: ignore[return-value]

    def _parts(self) -> dict[str, Any]:
        return {
            "generators": self.generators,
            "critics": self.critics,
            "average": self.average,
            **{f"optimiser_{name}": part for name, part in self.optimisers.items()},
            **{f"rate_{name}": part for name, part in self.rates.items()},
        }

    def save(self, path: Path) -> None:
        """Write everything that is needed to go on, atomically."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        save_state(path, {"settings": _plain(self.settings), "step": self.step, **parts})

    def resume(self, path: Path) -> bool:
        """Go on from `path` if it is there; True if it was.

        Raises
        ------
        InputError
            If the file belongs to a training with other settings.
        """
        state = load_state(path, _plain(self.settings))
        if state is None:
            return False
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.step = int(state["step"])
        return True

    def run(self, folder: Path, control: Control | None = None) -> None:
        """Train until ``settings.steps``, resuming from and saving to `folder`.

        Raises
        ------
        Cancelled
            If `control` says so; the state is saved first.
        """
        folder.mkdir(parents=True, exist_ok=True)
        control = control or Control()
        state, log = folder / "training.pt", folder / "losses.csv"
        self.resume(state)
        stage = control.stage("Training the translator", self.settings.steps)
        stage.resume_at(self.step)
        try:
            while self.step < self.settings.steps:
                losses = self.train_step()
                if self.step % 50 == 0:
                    _append(log, {"step": self.step, **losses})
                if self.step % self.settings.save_every == 0:
                    self.save(state)
                stage.advance()
        except Cancelled:
            # Raised between two steps; any other end may leave a step half done, which is not kept.
            self.save(state)
            raise
        self.save(state)


def _plain(settings: SynDiffSettings) -> dict[str, Any]:
    """Settings as types that survive ``weights_only`` loading (tuples come back as lists)."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, (tuple, list)) else value

    return {key: plain(value) for key, value in dataclasses.asdict(settings).items()}


def _append(log: Path, row: Mapping[str, float]) -> None:
    columns = ("step", "critic", "adversarial", "cycle", "diffusive", "pair")
    new = not log.exists()
    with log.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
        if new:
            writer.writeheader()
        writer.writerow(row)
