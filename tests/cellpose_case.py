"""A tiny Cellpose network that was fitted to bright discs 8 pixels wide, and such discs.

`cellpose_discs.npy` holds its weights, one after the other; `python tests/cellpose_case.py OUT.npy` fits them again (a minute).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from napari_pseudolabel.models.segmenters.cellpose.cellpose_unet import CellposeUNet

WIDTHS, WIDE_PX = (2, 6, 8, 10), 8
_WEIGHTS = Path(__file__).with_name("cellpose_discs.npy")


def weights() -> dict[str, torch.Tensor]:
    """Return what Cellpose itself would save of the network."""
    flat, found = torch.from_numpy(np.load(_WEIGHTS).astype(np.float32)), {}
    for name, like in CellposeUNet(WIDTHS).state_dict().items():
        own, flat = flat.split((like.numel(), len(flat) - like.numel()))
        found[name] = own.reshape(like.shape).to(like.dtype)
    assert not len(flat)
    return found


def saved(path: Path) -> Path:
    torch.save(weights(), path)
    return path


def discs(shape: tuple[int, int], seed: int = 0, share: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    """Return an image (H, W) in [0, 255] and its numbered discs, some of which touch."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    numbers, near = np.zeros(shape, np.int32), np.full(shape, np.inf)
    for number in range(1, int(share * shape[0] * shape[1] / WIDE_PX**2) + 1):
        away = np.hypot(y - rng.uniform(0, shape[0]), x - rng.uniform(0, shape[1]))
        own = (away < rng.uniform(0.75, 1.2) * WIDE_PX / 2) & (away < near)
        numbers[own], near[own] = number, away[own]
    light = np.where(numbers > 0, 1 - 0.6 * np.square(np.minimum(near, 99) / (WIDE_PX / 2)), 0)
    image = np.clip(60 + 140 * (light + rng.normal(0, 0.08, shape)), 1, 255)
    return image.astype(np.float32), numbers


def flows(numbers: np.ndarray) -> np.ndarray:
    """Return (3, H, W) as a network that is always right answers: flows to the middle, times five, and a logit."""
    found = np.zeros((3, *numbers.shape), np.float32)
    found[2] = np.where(numbers > 0, 5, -5)
    y, x = np.mgrid[: numbers.shape[0], : numbers.shape[1]]
    for number in np.unique(numbers[numbers > 0]):
        own = numbers == number
        to = np.stack([y[own].mean() - y[own], x[own].mean() - x[own]])
        found[:2, own] = 5 * to / (np.hypot(*to) + 0.3)
    return found


def _fit(path: Path) -> None:
    torch.manual_seed(0)
    network = CellposeUNet(WIDTHS)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    for step in range(120):
        scenes = [discs((64, 64), 8 * step + number, 0.4) for number in range(8)]
        images = np.stack([image for image, _ in scenes])[:, None]
        low, high = np.percentile(images, (1, 99))
        truth = torch.from_numpy(np.stack([flows(numbers) for _, numbers in scenes]))
        answer = network(torch.from_numpy((images - low) / (high - low)).float())
        apart = torch.nn.functional.mse_loss(answer[:, :2] / 5, truth[:, :2] / 5)
        inside = torch.nn.functional.binary_cross_entropy_with_logits(answer[:, 2], (truth[:, 2] > 0).float())
        optimizer.zero_grad()
        (5 * apart + inside).backward()
        optimizer.step()
    network.diam_mean.data.fill_(WIDE_PX)
    network.diam_labels.data.fill_(WIDE_PX)
    np.save(
        path,
        np.concatenate([one.numpy().ravel() for one in network.state_dict().values()]).astype(np.float16),
    )


if __name__ == "__main__":
    _fit(Path(sys.argv[1]))
