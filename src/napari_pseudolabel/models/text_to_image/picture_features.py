"""What a text-to-image model computes of a picture without any phrase, and regions in it.

Self-attention: Tian et al., Diffuse, attend, and segment (DiffSeg, 2308.12469). Queries of the cross-attention: Corradini et al.,
FreeSeg-Diff (2403.20105).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_pseudolabel.control import Control
from napari_pseudolabel.models.text_to_image.inverted import grid_of
from napari_pseudolabel.models.text_to_image.phrase_model import PhraseModel

# Of a schedule of a thousand; no noise is added.
_ATTENTION_STEP = 300
_ANCHORS = 16
_ROUNDS = 3
_TINY = 1e-12
# Shares of the distances between anchors that are tried as the largest distance within a region.
_SHARES = np.linspace(0.02, 0.98, 49)


def self_attention(model: PhraseModel, picture: NDArray[np.float32], control: Control) -> Tensor:
    """Return what each place of a picture attends to: (h * w, h, w), each a distribution, at the resolution of the latents.

    Of all self-attentions, averaged over heads, resized, and weighted by how many places there are along a side.
    """
    latents = model.latents(picture)
    height, width = latents.shape[-2:]
    total = torch.zeros(height * width, height * width)
    layers = model.attentions("attn1")
    stage = control.stage("Finding regions", len(layers) + 1)

    def hear(_number: int, module: Any, queries: Tensor, keys: Tensor) -> None:
        stage.advance()
        down = grid_of(queries.shape[1], (height, width))
        shares = torch.zeros(queries.shape[1], keys.shape[1])
        # Head by head: all of them together take half a gigabyte.
        for query, key in zip(*(one[0].chunk(module.heads, -1) for one in (queries, keys)), strict=True):
            shares += (query @ key.T * module.scale).softmax(-1).cpu()
        large = F.interpolate(shares[:, None].unflatten(-1, down), (height, width), mode="bilinear")
        large = large[:, 0].flatten(1)
        large /= large.sum(1, keepdim=True)
        rows = torch.arange(height) * down[0] // height
        columns = torch.arange(width) * down[1] // width
        total.add_(large[(rows[:, None] * down[1] + columns).flatten()], alpha=down[0])

    with model.watched("attn1", hear):
        model.predict(latents, min(_ATTENTION_STEP, model.steps - 1), model.read("").hidden)
    total /= total.sum(1, keepdim=True)
    return total.unflatten(1, (height, width))


def merged_regions(
    attention: Tensor, size: tuple[int, int], most: int, tau: float | None
) -> tuple[NDArray[np.intp], float, float]:
    """Merge what attends to the same.

    Parameters
    ----------
    attention
        (h * w, h, w), from `self_attention`.
    size
        (H, W) of the regions.
    most
        How many there may be.
    tau
        Largest distance within a region, half the sum of both Kullback-Leibler divergences, in nats; None for the smallest of the
        distances between anchors (of their 49 quantiles from 2 to 98 %) that leaves at most `most` regions.

    Returns
    -------
    NDArray, float, float
        (H, W) numbers from 0; the distance that was taken, and the share of the distances between anchors that are shorter.
    """
    height, width = attention.shape[1:]
    maps = attention.flatten(1)
    rows, columns = (
        torch.linspace(0, length - 1, min(_ANCHORS, length)).round().long() for length in (height, width)
    )
    anchors = maps[(rows[:, None] * width + columns).flatten()]
    between = _distances(anchors, anchors)
    apart = between[~torch.eye(len(anchors), dtype=torch.bool)].numpy()
    tried = [tau] if tau is not None else list(np.quantile(apart, _SHARES))
    first = _distances(anchors, maps)
    for limit in tried:
        found = _merge(first, maps, float(limit))
        if len(found) <= most:
            break
    large = F.interpolate(found.unflatten(1, (height, width))[None], size, mode="bilinear")[0]
    return large[:most].argmax(0).numpy(), float(limit), float((apart < limit).mean())


def _merge(first: Tensor, maps: Tensor, limit: float) -> Tensor:
    """Return the maps of regions: around every anchor the mean of all that are near, then those that are near each other."""
    near = (first < limit).float()
    near /= near.sum(1, keepdim=True).clamp(min=1)
    found = (near @ maps)[near.any(1)]
    for _ in range(_ROUNDS - 1):
        left, together = found, []
        while len(left):
            near_first = _distances(left[:1], left)[0] < limit
            near_first[0] = True
            together.append(left[near_first].mean(0))
            left = left[~near_first]
        if len(together) == len(found):
            break
        found = torch.stack(together)
    return found


def _distances(some: Tensor, others: Tensor) -> Tensor:
    """Half the sum of both Kullback-Leibler divergences between distributions: (A, N), (B, N) -> (A, B)."""
    log_some, log_others = (one.clamp(min=_TINY).log() for one in (some, others))
    own = (some * log_some).sum(1)[:, None] + (others * log_others).sum(1)[None]
    return ((own - some @ log_others.T - log_some @ others.T) / 2).clamp(min=0)


def query_features(model: PhraseModel, picture: NDArray[np.float32], control: Control) -> NDArray[np.float32]:
    """Return what each place of a picture asks of an empty phrase: (F, h / 2, w / 2) for latents (h, w).

    Of the cross-attentions with a quarter of the places of the latents along a side, where there are any, else with the fewest places.
    """
    latents = model.latents(picture)
    height, width = latents.shape[-2:]
    heard: list[tuple[tuple[int, int], Tensor]] = []
    names = [name for name, _ in model.attentions("attn2")]
    stage = control.stage("Finding regions", len(names) + 1)

    def hear(number: int, _module: Any, queries: Tensor, _keys: Tensor) -> None:
        stage.advance()
        if not names[number].startswith("mid_"):
            down = grid_of(queries.shape[1], (height, width))
            heard.append((down, queries[0].T.unflatten(1, down).float().cpu()))

    with model.watched("attn2", hear):
        model.predict(latents, 0, model.read("").hidden)
    sizes = sorted({size for size, _ in heard}, key=lambda size: abs(height / size[0] - 4))
    half = max(1, height // 2), max(1, width // 2)
    chosen = [F.interpolate(one[None], half, mode="bilinear")[0] for size, one in heard if size == sizes[0]]
    return np.asarray(torch.cat(chosen).numpy(), np.float32)
