"""SynDiff translators: load a checkpoint of any origin, sample with given noise, save in our own format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.models.card_files import (
    HEADER_KEY,
    atomic_write,
    card_shaped,
    complete,
    overlay,
    spelt,
    unknown_modalities,
)
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.inspection import Inspection, useful, useless
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.infer import (
    Inference,
    architecture_of,
    fitting,
    infer,
    schedule_of,
)
from napari_pseudolabel.models.translators.layer_sequence import looks_like_generator
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
from napari_pseudolabel.models.translators.reading_range import ReadingRange
from napari_pseudolabel.models.translators.schedule import Schedule
from napari_pseudolabel.models.translators.weights import describe_weights, finite_float32, is_discriminator
from napari_pseudolabel.types import JsonObject

_Array = TypeVar("_Array", np.ndarray, Tensor)


@dataclass(frozen=True, eq=False)
class RecordedNoise:
    """All random numbers of one run of the sampler, so that it can be repeated exactly.

    Attributes
    ----------
    initial
        (B, 1, H, W) first state.
    latents
        T arrays (B, nz), for the steps T - 1 down to 0.
    posteriors
        T arrays (B, 1, H, W), for the steps T - 1 down to 0; the last one is not used and may be left out.
    """

    initial: ArrayLike | Tensor
    latents: Sequence[ArrayLike | Tensor]
    posteriors: Sequence[ArrayLike | Tensor]


class Generator(NCSNpp):
    """The network of a loaded translator: also takes numpy arrays, and then returns one."""

    def forward(self, x: Any, step: Any, latent: Any) -> Any:
        """Predict as `NCSNpp.forward` does."""
        if isinstance(x, Tensor):
            return super().forward(x, step, latent)
        device = next(self.parameters()).device
        with torch.inference_mode():
            given = (_tensor(x, device), torch.as_tensor(step, device=device), _tensor(latent, device))
            return super().forward(*given).cpu().numpy()


@dataclass(frozen=True, eq=False)
class SynDiffTranslator(Translator):
    """A diffusive translator, ready to use; `schedule` is on the CPU."""

    network: Generator
    schedule: Schedule = field(kw_only=True)

    diffusive = True

    @property
    def process(self) -> Schedule:
        """How a state goes on."""
        return self.schedule

    @property
    def source_channels(self) -> int:
        """Of an image that it is given at once; generators of more than one can be loaded, but not given an image."""
        return self.network.config.num_channels - 1

    @property
    def stride(self) -> int:
        """Height and width of a tile must be multiples of this."""
        return self.network.config.stride

    def sample(self, source: _Array, noise: RecordedNoise) -> _Array:
        """Run the reverse diffusion on one batch of tiles.

        Parameters
        ----------
        source
            (B, 1, H, W) in [-1, 1]; H and W multiples of `stride`.
        noise
            The random numbers to use.

        Returns
        -------
        ndarray or Tensor
            As `source`: (B, 1, H, W) float32 in [-1, 1].

        Raises
        ------
        InputError
            If the shapes do not fit each other or the network.

        Notes
        -----
        The sampler of SynDiff (Özbey et al. 2023): at each step the network predicts the clean image, and
        the next state is drawn from the posterior given that prediction and the current state.
        """
        device = next(self.network.parameters()).device
        x = _tensor(source, device)
        self._check(x, noise)
        schedule, steps = self.schedule, self.schedule.steps
        with torch.inference_mode():
            state = _tensor(noise.initial, device)
            for index, step in enumerate(reversed(range(steps))):
                latent = _tensor(noise.latents[index], device)
                time = torch.full((len(x),), step, dtype=torch.int64, device=device)
                clean = self.network(torch.cat([state, x], dim=1), time, latent)[:, :1]
                state = float(schedule.c1[step]) * clean + float(schedule.c2[step]) * state
                if step:
                    deviation = float((0.5 * schedule.log_variance[step]).exp())
                    state = state + deviation * _tensor(noise.posteriors[index], device)
        # A clone outside inference mode can take part in any later computation.
        return state.clone() if isinstance(source, Tensor) else state.cpu().numpy()

    def _check(self, x: Tensor, noise: RecordedNoise) -> None:
        channels = self.network.config.num_channels - 1
        if x.ndim != 4 or x.shape[1] != channels or 0 in x.shape:
            raise InputError(f"A source has shape (B, {channels}, H, W), not {tuple(x.shape)}.")
        if x.shape[2] % self.stride or x.shape[3] % self.stride:
            raise InputError(
                f"Height and width must be multiples of {self.stride}, not {x.shape[2]} and {x.shape[3]}."
            )
        steps = self.schedule.steps
        if len(noise.latents) != steps or len(noise.posteriors) not in (steps, steps - 1):
            raise InputError(
                f"This translator takes {steps} steps, but there are {len(noise.latents)} latents and "
                f"{len(noise.posteriors)} posterior noises."
            )
        state_shape = (len(x), 1, *x.shape[2:])
        wanted = [(noise.initial, state_shape)]
        wanted += [(latent, (len(x), self.network.config.nz)) for latent in noise.latents]
        wanted += [(posterior, state_shape) for posterior in noise.posteriors]
        for array, shape in wanted:
            if tuple(np.shape(array)) != shape:
                raise InputError(
                    f"The noise has an array of shape {np.shape(array)}, where {shape} is needed."
                )


def _tensor(values: object, device: torch.device) -> Tensor:
    if not isinstance(values, Tensor):
        values = np.ascontiguousarray(values, dtype=np.float32)
    return torch.as_tensor(values, dtype=torch.float32, device=device)


def declines(offer: Offer) -> str:
    """Why it is no diffusive generator: what its weights are instead."""
    state = offer.contents.state
    return "" if looks_like_generator(state) else describe_weights(state)


def describes(offer: Offer) -> Inspection | None:
    """Describe a generator; the other networks of a training are named, but cannot be used."""
    path, state = offer.path, offer.state
    if is_discriminator(state) and not looks_like_generator(state):
        problem = (
            f"{path.name} is a discriminator of SynDiff, which only judges in training; choose a gen_ file."
        )
        count = sum(weight.numel() for weight in state.values())
        return useless(path, "SynDiff discriminator", problem, parameters=count)
    if not looks_like_generator(state):
        return None
    contents, meaning = offer.contents, read_generator_info(offer)
    config = meaning.inference.config
    if contents.origin:
        what = f"{contents.origin} training archive, {contents.name}"
    elif path.suffix == ".safetensors":
        what = "SynDiff translator of napari-pseudolabel"
    else:
        what = "SynDiff generator"
    levels = f"{len(config.ch_mult)} levels" if len(config.ch_mult) > 1 else "1 level"
    what += f" ({levels}, tiles of {config.image_size} pixels, {config.num_timesteps} steps)"
    return useful(
        path,
        what,
        meaning.card,
        note=meaning.warnings,
        parameters=sum(weight.numel() for weight in fitting(contents.state, config).values()),
        contents=(contents.name, *contents.others) if contents.name else (),
    )


def loads(offer: Offer) -> SynDiffTranslator:
    """Load a generator of SynDiff or AxonDeepSynth: ``gen_diffusive_*.pth``, ``content.pth``, our own ``.safetensors``."""
    path, meaning = offer.path, read_generator_info(offer)
    config = meaning.inference.config
    network = Generator(config)
    network.load_state_dict(finite_float32(path, fitting(offer.contents.state, config)))
    network.eval().requires_grad_(False)
    return SynDiffTranslator(meaning.card, sha256(path), network, meaning.warnings, schedule=meaning.schedule)


@dataclass(frozen=True)
class GeneratorInfo:
    """What is known about a generator before it is built."""

    card: Card
    inference: Inference
    schedule: Schedule
    warnings: tuple[str, ...]


def read_generator_info(offer: Offer) -> GeneratorInfo:
    """Combine the weights, what the file says, its sidecar and the caller's card.

    Raises
    ------
    CheckpointError
        If the weights are of another network or contradict the card.
    """
    path, contents, given = offer.path, offer.contents, offer.given
    shapes = {name: tuple(weight.shape) for name, weight in contents.state.items()}
    said, doubts = _believable(shapes, contents.card, given)
    known = dict(said)
    overlay(known, given)
    inference = infer(shapes, {**known.get("architecture", {}), **known.get("schedule", {})})
    reading = ReadingRange.of(offer)
    full = complete(
        {**known, **({"normalisation": reading.said} if reading.said is not None else {})},
        path,
        kind="translator",
        family="syndiff",
        architecture=architecture_of(inference.config),
        schedule=schedule_of(inference.config),
        inferred=(*inference.inferred, *contents.inferred, *reading.inferred),
        assumed=(*inference.assumed, *reading.assumed),
        missing=tuple(unknown_modalities(known)),
    )
    try:
        schedule = Schedule.from_card(full.schedule)
    except ValueError as error:
        raise CheckpointError(f"The diffusion schedule of {path.name} is impossible: {error}") from None
    fast = full.evaluations.fast if full.evaluations is not None else ()
    if fast and fast[0] != schedule.steps - 1:
        raise CheckpointError(
            f"The card of {path.name} says that its fast mode begins with step {fast[0]}, but a diffusion of {schedule.steps} "
            f"steps begins with step {schedule.steps - 1}; correct the card."
        )
    return GeneratorInfo(full, inference, schedule, (*contents.warnings, *doubts))


def _believable(
    shapes: Mapping[str, tuple[int, ...]], said: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[JsonObject, list[str]]:
    """Drop what the settings of a training archive say against its weights; the runs change them."""
    if not said.get("architecture"):
        return dict(said), []
    caller = {**given.get("architecture", {}), **given.get("schedule", {})}
    settings = dict(said["architecture"])
    dropped = []
    for names in [(name,) for name in settings if name not in _TOGETHER] + [_TOGETHER]:
        part = {name: settings[name] for name in names if name in settings and name not in caller}
        try:
            infer(shapes, {**caller, **part})
        except CheckpointError:
            if part:
                dropped += list(part)
    for name in dropped:
        del settings[name]
    warnings = (
        [f"Its settings contradict its weights in {', '.join(dropped)}; the weights are right."]
        if dropped
        else []
    )
    return {**said, "architecture": settings}, warnings


# Only together do these two say on which levels attention is.
_TOGETHER = ("image_size", "attn_resolutions")


def save(
    network: nn.Module | Mapping[str, Tensor],
    card: Card | Mapping[str, object],
    path: str | Path,
    half: bool = False,
) -> Path:
    """Save a translator as safetensors with its card in the header, atomically.

    Parameters
    ----------
    network
        The network or its weights.
    card
        Its card, or a dictionary as `load_translator` takes it. The architecture and the schedule come from `network` if
        that is an `NCSNpp`.
    path
        Ends in ``.safetensors``.
    half
        Store real numbers as float16: half the size; `loads` restores float32.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the name has another ending.
    CheckpointError
        If a weight does not fit into float16.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise InputError(f"A checkpoint is saved as NAME.safetensors, not {path.name}.")
    state = network.state_dict() if isinstance(network, nn.Module) else network
    if not isinstance(card, Card):
        given = card_shaped(card)
        card = complete(given, path, kind="translator", family=given.get("family", "syndiff"))
    if isinstance(network, NCSNpp):
        config = network.config
        about = {"architecture": architecture_of(config), "schedule": schedule_of(config)}
        card = card.model_copy(update=about)
    tensors = {}
    for name, weight in state.items():
        value = weight.detach().cpu()
        if half and value.is_floating_point():
            value = value.to(torch.float16)
            if not torch.isfinite(value).all():
                raise CheckpointError(f"{name} is too large for half precision; save it with half=False.")
        tensors[name] = value.contiguous().clone()
    text = json.dumps(spelt(card), ensure_ascii=False)
    atomic_write(path, to_safetensors(tensors, metadata={HEADER_KEY: text}))
    return path
