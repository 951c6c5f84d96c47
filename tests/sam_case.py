"""A tiny Segment Anything with a decoder as of micro-sam, fitted to the discs of `cellpose_case`.

`sam_discs.npy` holds its weights, one after the other; `python tests/sam_case.py OUT.npy` fits them again (some minutes).
"""

from __future__ import annotations

import sys
from pathlib import Path

import cellpose_case
import numpy as np
import torch
from scipy import ndimage as ndi
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate, mse_loss

from napari_pseudolabel.models.segmenters.sam.distance_decoder import DecoderShape, DistanceDecoder
from napari_pseudolabel.models.segmenters.sam.sam_network import SamNetwork, as_picture, as_seen
from napari_pseudolabel.models.segmenters.sam.vit_encoder import EncoderShape

TILE, SIDE, FEATURES, WITHIN, HIDDEN = 32, 128, 16, 16, 8
# A block within windows of four tokens, and one in which all attend to all.
SHAPE = EncoderShape(24, 8, 16, (8, 8), ((7, 7), (15, 15)), (4, 0), 32, FEATURES)
DECODER = DecoderShape((24, 12, 6, 3))
ARCHITECTURE = {"tile": TILE, "points_per_side": 12, "pred_iou_thresh": 0.3, "stability_score_thresh": 0.5}
"""What a card has to say of it: all others have large tiles, and are surer."""

_WEIGHTS = Path(__file__).with_name("sam_discs.npy")


def weights() -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return what Segment Anything and micro-sam themselves would save of network and decoder."""
    flat = torch.from_numpy(np.load(_WEIGHTS).astype(np.float32))
    found: list[dict[str, Tensor]] = []
    for network in _networks():
        own = {}
        for name, like in network.state_dict().items():
            one, flat = flat.split((like.numel(), len(flat) - like.numel()))
            own[name] = one.reshape(like.shape).to(like.dtype)
        found.append(own)
    assert not len(flat)
    return found[0], found[1]


def saved(path: Path, *, decoder: bool = True) -> Path:
    """Save it as micro-sam exports it with its decoder, or as Segment Anything itself."""
    network, own = weights()
    torch.save({"model_state": network, "decoder_state": own} if decoder else network, path)
    return path


def _networks() -> tuple[SamNetwork, DistanceDecoder]:
    return SamNetwork(SHAPE, HIDDEN, WITHIN), DistanceDecoder(FEATURES, DECODER)


def _distances(numbers: np.ndarray) -> np.ndarray:
    """Return (3, H, W) as a decoder that is always right answers."""
    found = np.ones((3, *numbers.shape), np.float32)
    found[0] = numbers > 0
    for number, box in enumerate(ndi.find_objects(numbers), start=1):
        if box is None:
            continue
        own = numbers[box] == number
        inner = ndi.distance_transform_edt(np.pad(own, 1))[1:-1, 1:-1]
        y, x = np.nonzero(own)
        far = np.hypot(*(np.indices(own.shape) - np.array([y.mean(), x.mean()])[:, None, None]))
        found[1][box][own] = (far / (far[own].max() + 0.5))[own]
        found[2][box][own] = 1 - (inner / inner.max())[own]
    return found


def _scenes(step: int, count: int = 6) -> tuple[Tensor, np.ndarray]:
    scenes = [cellpose_case.discs((TILE, TILE), count * step + number, 0.35) for number in range(count)]
    images = np.stack([image for image, _ in scenes])[:, None]
    return torch.from_numpy(np.clip((images - 40) / 180, 0, 1)).float(), np.stack([one for _, one in scenes])


def _clicked(network: SamNetwork, features: Tensor, numbers: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Return the loss of three clicks in each image."""
    prompt, total = network.prompt_encoder, torch.zeros(())
    for own, labels in zip(features, numbers, strict=True):
        inside = np.argwhere(labels > 0)
        if not len(inside):
            continue
        at = inside[rng.integers(0, len(inside), 3)]
        truth = torch.from_numpy(np.stack([labels == labels[y, x] for y, x in at])).float()[:, None]
        places = torch.from_numpy((at[:, None, ::-1].copy() + 0.5) * SIDE / TILE).float()
        tokens = prompt.points(places, torch.ones(3, 1, dtype=torch.bool), SIDE)
        shown = own[None] + prompt.no_mask_embed.weight[:, :, None, None]
        logits, scores = network.mask_decoder(shown, prompt.grid(*own.shape[-2:]), tokens)
        fine = interpolate(logits, truth.shape[2:], mode="bilinear")
        hit = (fine > 0) & (truth > 0)
        right = hit.sum((2, 3)) / ((fine > 0) | (truth > 0)).sum((2, 3))
        weight = 1 + 4 * truth.expand_as(fine)
        total = total + binary_cross_entropy_with_logits(fine, truth.expand_as(fine), weight)
        total = total + mse_loss(scores, right.detach())
    return total / len(features)


def _fit(path: Path) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    network, decoder = _networks()
    network.prompt_encoder.pe_layer.get_buffer("positional_encoding_gaussian_matrix").normal_()
    parameters = [*network.parameters(), *decoder.parameters()]
    steps = int(sys.argv[2]) if len(sys.argv) > 2 else 700
    optimizer = torch.optim.Adam(parameters, 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for step in range(steps):
        images, numbers = _scenes(step)
        features = network.image_encoder(as_seen(as_picture(images), (SIDE, SIDE)))
        found = interpolate(decoder(features), images.shape[2:], mode="bilinear")
        truth = torch.from_numpy(np.stack([_distances(one) for one in numbers]))
        apart = nn.functional.binary_cross_entropy(found, truth)
        clicked = _clicked(network, features, numbers, rng)
        optimizer.zero_grad()
        (2 * apart + clicked).backward()
        nn.utils.clip_grad_norm_(parameters, 1)
        optimizer.step()
        schedule.step()
        if step % 100 == 0:
            print(step, apart.item(), clicked.item(), flush=True)
    values = [one.numpy().ravel() for own in (network, decoder) for one in own.state_dict().values()]
    np.save(path, np.concatenate(values).astype(np.float16))


if __name__ == "__main__":
    _fit(Path(sys.argv[1]))
