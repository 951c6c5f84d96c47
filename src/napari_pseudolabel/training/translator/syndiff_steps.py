"""SynDiff training: two diffusive and two one-pass generators against four critics.

Source of the method: Oezbey et al., "Unsupervised medical image translation with adversarial
diffusion models", IEEE TMI 2023; the losses follow the released code where it differs from the
paper (L1 on the one-step prediction of the clean image).
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
from napari_pseudolabel.models.translators.resnet import ResnetGenerator
from napari_pseudolabel.models.translators.schedule import Schedule
from napari_pseudolabel.training.common.precision import multiplies_bfloat16
from napari_pseudolabel.training.common.prefetching import Prefetcher
from napari_pseudolabel.training.common.ranks import Ranks
from napari_pseudolabel.training.data.patches import PatchPool
from napari_pseudolabel.training.translator.discriminators import DiffusiveDiscriminator, PatchDiscriminator
from napari_pseudolabel.training.translator.syndiff_settings import SynDiffSettings
from napari_pseudolabel.types import JsonObject


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


class SynDiffSteps:
    """The networks of a training and one step of it; `SynDiffTraining` does all of them.

    Parameters
    ----------
    pools
        Patches of the source and of the target modality, unpaired, images in [0, 1].
    pairs
        Optional pool of two-channel planes (source look, target look of the same scene), for example
        generated fields. It ties the classes of the two modalities together, which the
        cycle alone cannot when contrasts are inverted.
    ranks
        Which of several processes this is; each draws its own patches, and gradients are averaged.
    """

    def __init__(
        self,
        pools: tuple[PatchPool, PatchPool],
        settings: SynDiffSettings,
        *,
        pairs: PatchPool | None = None,
        device: torch.device | None = None,
        ranks: Ranks | None = None,
    ) -> None:
        self.pools, self.pairs, self.settings = pools, pairs, settings
        self.ranks = ranks or Ranks()
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
        schedule = Schedule.from_card(dataclasses.asdict(settings.generator))
        self.schedule = Schedule(
            **{f.name: getattr(schedule, f.name).to(self.device) for f in dataclasses.fields(schedule)}
        )
        # bfloat16 needs no loss scaling; float16-only GPUs train in float32.
        self.autocast = self.device.type == "cuda" and multiplies_bfloat16(self.device)
        self._batches = Prefetcher.on(self.device, self._draw)
        self.step = 0
        self._set_rates()

    def start_from(self, weights: Sequence[Mapping[str, Tensor]]) -> None:
        """Begin with trained diffusive generators; the other networks start new.

        Parameters
        ----------
        weights
            Of the generator that makes modality 0 (the source), and of that which makes modality 1.
        """
        for k, own in enumerate(weights):
            self.networks.diffusive[k].load_state_dict(own)
            self.averaged(k).load_state_dict(own)
        # The weights are the average so far; without this the first step would replace them.
        self.average.n_averaged.fill_(1)

    def _draw(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Patches of modality 0 and 1, and aligned ones (empty if there are none), on the CPU in [0, 1]."""
        s, number = self.settings, step * self.ranks.size + self.ranks.rank
        size = s.generator.image_size

        def patches(pool: PatchPool, k: int) -> Tensor:
            return pool.batch(size, s.batch, seed=s.seed + k, step=number)

        pairs = torch.empty(0, 2, size, size) if self.pairs is None else patches(self.pairs, 2)
        return patches(self.pools[0], 0), patches(self.pools[1], 1), pairs

    # ---- one step -------------------------------------------------------------------------

    def train_step(self) -> dict[str, float]:
        """Update critics, then generators, then the average; return the losses."""
        s = self.settings
        # Noise, steps and latents depend on the step alone, so a resumed run repeats them.
        torch.manual_seed(s.seed * 1_000_003 + self.step + self.ranks.rank * 7_368_787)
        *real, pair = (self._to_model(batch) for batch in self._batches(self.step))
        losses = {**self._update("critics", self._critic_losses(real))}
        self.critics.requires_grad_(False)
        warming_up = self.step < s.warm_up
        generator_losses = self._imitation_losses(real) if warming_up else self._generator_losses(real)
        if self.pairs is not None and not warming_up:
            generator_losses["pair"] = s.pair_weight * self._pair_loss([pair[:, :1], pair[:, 1:2]])
        losses |= self._update("generators", generator_losses)
        self.critics.requires_grad_(True)
        self.average.update_parameters(self.generators)
        self.step += 1
        self._set_rates()
        return losses

    def _set_rates(self) -> None:
        """Learning rates by their cosine, from the step alone: a resumed run may have another length."""
        s = self.settings
        falling = (1 + math.cos(math.pi * min(self.step / s.steps, 1))) / 2
        for name, highest in (("generators", s.lr_generator), ("critics", s.lr_discriminator)):
            for group in self.optimisers[name].param_groups:
                group["lr"] = s.lr_final + (highest - s.lr_final) * falling

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
        self.ranks.average_gradients(getattr(self, name).parameters())
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
            "adversarial": s.adversarial_weight * torch.stack(adversarial).sum(),
            "cycle": s.l1_weight * torch.stack(cycle).sum(),
            "diffusive": s.l1_weight * torch.stack(diffusive).sum(),
        }

    def _imitation_losses(self, real: list[Tensor]) -> dict[str, Tensor]:
        terms = []
        for k in (0, 1):
            with torch.no_grad():
                wanted = self.sample(self.networks.diffusive[1 - k], real[k])
            with self._precision():
                terms.append(F.l1_loss(self.networks.one_pass[1 - k](real[k]), wanted))
        return {"imitation": torch.stack(terms).sum()}

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

    def sample(self, network: nn.Module, condition: Tensor, draw: torch.Generator | None = None) -> Tensor:
        """Translate by the whole reverse diffusion.

        Parameters
        ----------
        network
            A diffusive generator.
        condition
            (B, 1, H, W) images in [-1, 1], on the device of the training.
        draw
            Source of all random numbers, on the CPU; torch's own when None.

        Returns
        -------
        Tensor
            (B, 1, H, W) about [-1, 1].
        """
        count, t = len(condition), self.schedule

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=draw).to(self.device)

        state = normal(*condition.shape)
        for step in reversed(range(t.steps)):
            now = torch.full((count,), step, dtype=torch.int64, device=self.device)
            latent = normal(count, self.settings.generator.nz)
            with self._precision():
                clean = network(torch.cat([state, condition], dim=1), now, latent)[:, :1].float()
            state = t.c1[step] * clean + t.c2[step] * state
            if step:
                state = state + (0.5 * t.log_variance[step]).exp() * normal(*condition.shape)
        return state

    def _precision(self, *, enabled: bool = True) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled and self.autocast)

    # ---- state ----------------------------------------------------------------------------

    def averaged(self, k: int) -> NCSNpp:
        """Return the averaged diffusive generator that makes modality `k`; this is what is shipped."""
        generators: nn.ModuleList = self.average.module  # type: ignore[assignment]
        return generators[k]  # type: ignore[return-value]


def plain_settings(settings: SynDiffSettings) -> JsonObject:
    """Return settings as types that survive ``weights_only`` loading (tuples come back as lists)."""
    found: JsonObject = json.loads(json.dumps(dataclasses.asdict(settings)))
    return found
