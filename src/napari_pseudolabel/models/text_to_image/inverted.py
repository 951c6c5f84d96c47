"""How a text-to-image model comes from a picture to noise, and what it asks of the picture and of a phrase on the way.

DDIM inversion: Song et al., Denoising diffusion implicit models (2010.02502). Cross-attention of an inverted picture to a phrase, its
layers and steps: Vilouras et al., Zero-shot medical phrase grounding with off-the-shelf diffusion models (2404.12920). The difference
of two predictions as a map: Couairon et al., DiffEdit (2210.11427).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.text_to_image.phrase_model import PhraseModel, ReadPhrase

# Of all cross-attentions, counted from 0; all of a network that has fewer.
_LAYERS = (3, 4, 6, 7)
# Steps around the middle, as a share of all.
_AROUND = 0.1
# Deviation of the Gaussian, in pixels of a picture of 512.
_SIGMA = 2.5 / 512
_CUT = 4.0


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Where a model sees a phrase in a picture.

    Attributes
    ----------
    attention
        (H, W) float32 in [0, 1]: how much of what is there goes to the words of the phrase.
    difference
        (H, W) float32 in [0, 1]: how much the prediction of the noise changes by the phrase.
    """

    attention: NDArray[np.float32]
    difference: NDArray[np.float32]


def heat_maps(
    model: PhraseModel,
    picture: NDArray[np.float32],
    phrases: Sequence[ReadPhrase],
    steps: int,
    control: Control,
) -> list[HeatMap]:
    """Find where a model sees phrases in a picture.

    Parameters
    ----------
    picture
        (H, W) in [0, 1].
    steps
        Of the whole way to noise, of which a little more than half is gone.

    Returns
    -------
    list of HeatMap
        One for each phrase, each scaled by itself: the lowest value is 0 and the highest 1, whether the thing is there or not.
    """
    nothing, latents = model.read(""), model.latents(picture)
    stay, last = _middle(steps)
    stage = control.stage("Looking for the phrases", last + (last - stay) * len(phrases))
    height, width = latents.shape[-2:]
    sums = [_Sums(picture.shape, (height, width)) for _ in phrases]
    for number, step, state, plain in inverted(model, latents, nothing, steps, last):
        stage.advance()
        for phrase, found in zip(phrases, sums, strict=True):
            if number >= stay:
                with model.watched("attn2", found.hears(model, phrase)):
                    told = model.predict(state, step, phrase.hidden)
                found.add(told, plain)
                stage.advance()
    return [one.heat() for one in sums]


def inverted(
    model: PhraseModel, latents: Tensor, told: ReadPhrase, steps: int, last: int
) -> Iterator[tuple[int, Tensor, Tensor, Tensor]]:
    """Go from a picture towards noise.

    Yields
    ------
    tuple
        Number and time of the step, the state (1, C, h, w) there, and what the network predicts of it.
    """
    from diffusers import DDIMInverseScheduler

    try:
        schedule = DDIMInverseScheduler.from_config(
            model.schedule, timestep_spacing="trailing", clip_sample=False
        )
        schedule.set_timesteps(steps, device=model.device)
    except Exception as error:  # numbers that make no schedule raise whatever they like
        raise CheckpointError(f"The schedule of {model.name} cannot be used ({error}).") from None
    state = latents
    for number, step in enumerate(schedule.timesteps[:last]):
        predicted = model.predict(state, step, told.hidden)
        yield number, step, state, predicted
        state = schedule.step(predicted, step, state).prev_sample


def _middle(steps: int) -> tuple[int, int]:
    """First step that is looked at, and the one after the last."""
    around = max(1, round(_AROUND * steps))
    return max(0, steps // 2 - around), min(steps, steps // 2 + around + 1)


class _Sums:
    """Maps of one phrase as they come, layer by layer and step by step."""

    def __init__(self, shape: tuple[int, ...], latent: tuple[int, int]) -> None:
        self._shape, self._latent = shape, latent
        self._attention = torch.zeros(shape)
        self._difference = torch.zeros(shape)

    def hears(self, model: PhraseModel, phrase: ReadPhrase) -> Any:
        """Return what listens to the attentions of one call of the network."""
        count = len(model.attentions("attn2"))
        layers = _LAYERS if count > max(_LAYERS) else range(count)

        def hear(number: int, module: Any, queries: Tensor, keys: Tensor) -> None:
            if number in layers:
                shares = attention_of(module, queries, keys)[0, ..., phrase.tokens].mean(dim=(0, -1))
                self._attention += self._grown(_scaled(shares.reshape(grid_of(len(shares), self._latent))))

        return hear

    def add(self, told: Tensor, plain: Tensor) -> None:
        """Take note of the predictions of one step, with the phrase and without."""
        self._difference += self._grown(_scaled((told - plain)[0].abs().mean(dim=0)))

    def heat(self) -> HeatMap:
        """Return what was found."""
        from scipy.ndimage import gaussian_filter

        def finished(found: Tensor) -> NDArray[np.float32]:
            sigma = _SIGMA * max(self._shape)
            smooth = gaussian_filter(found.numpy(), sigma, mode="nearest", truncate=_CUT)
            return _scaled(torch.from_numpy(smooth)).numpy().astype(np.float32)

        return HeatMap(finished(self._attention), finished(self._difference))

    def _grown(self, found: Tensor) -> Tensor:
        size = F.interpolate(found[None, None].float(), self._shape, mode="bilinear", align_corners=False)
        return size[0, 0].cpu()


def attention_of(module: Any, queries: Tensor, keys: Tensor) -> Tensor:
    """How much each of N places attends to each of T others: (B, N, C), (B, T, C) -> (B, heads, N, T), rows sum to 1."""
    query, key = (one.unflatten(-1, (module.heads, -1)).transpose(1, 2) for one in (queries, keys))
    return (query @ key.transpose(-1, -2) * module.scale).softmax(dim=-1)


def grid_of(places: int, latent: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a layer with so many places, of latents (h, w) that are halved from level to level."""
    down = round(math.sqrt(latent[0] * latent[1] / places))
    return latent[0] // down, latent[1] // down


def _scaled(found: Tensor) -> Tensor:
    """Return the same from 0 to 1; zeros where it is even."""
    low, high = found.min(), found.max()
    return (found - low) / (high - low) if high > low else torch.zeros_like(found)
