"""Automatic masks of Segment Anything: a grid of clicks, and of what they mean the masks that are sure, each once.

As SamAutomaticMaskGenerator of the package does it (Kirillov et al., ICCV 2023), for one tile, in own code; with the same network it finds
the same masks (docs/micro_sam.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage as ndi
from torch import Tensor, nn
from torch.nn.functional import interpolate
from typing_extensions import override

from napari_pseudolabel.models.segmenters.objects_apart import large_objects
from napari_pseudolabel.models.segmenters.sam.sam_network import SamNetwork, as_picture, as_seen

# Clicks at once; more make no difference but in memory.
_CLICKS = 32
# What ends so near to where a tile was cut is cut itself.
_EDGE_PX, _EDGE_SHARE = 20, 1 / 25
# What is larger, of its tile, is what lies behind the objects.
_MOST_SHARE = 0.4


@dataclass(frozen=True)
class MaskThresholds:
    """Which masks are kept; by the names and with the values of Segment Anything.

    Attributes
    ----------
    points_per_side
        Clicks along each side of a tile.
    pred_iou_thresh
        How right the network must think that a mask is.
    stability_score_thresh, stability_score_offset
        How alike masks must be whose logits are above and below zero by so much.
    box_nms_thresh
        Of masks whose boxes are more alike the surer is kept.
    """

    points_per_side: int = 32
    pred_iou_thresh: float = 0.88
    stability_score_thresh: float = 0.95
    stability_score_offset: float = 1.0
    box_nms_thresh: float = 0.7


@dataclass(frozen=True, eq=False)
class FoundMask:
    """One mask.

    Attributes
    ----------
    pixels
        (h, w) bool, as large as its box.
    y0, x0
        Where the box begins.
    score
        How right the network thinks that it is.
    """

    pixels: NDArray[np.bool_]
    y0: int
    x0: int
    score: float

    @property
    def area(self) -> int:
        """Pixels."""
        return int(self.pixels.sum())

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First row and column, last row and column."""
        return self.y0, self.x0, self.y0 + self.pixels.shape[0] - 1, self.x0 + self.pixels.shape[1] - 1


class GridMasks(nn.Module):
    """Square tiles to masks.

    Parameters
    ----------
    side
        Pixels along the side of what the encoder sees at once.
    """

    def __init__(self, network: SamNetwork, side: int, thresholds: MaskThresholds) -> None:
        super().__init__()
        self.network, self.side, self.thresholds = network, side, thresholds

    @override
    def forward(self, tiles: Tensor) -> Tensor:
        """Find the masks of each tile.

        Parameters
        ----------
        tiles
            (B, C + 1, h, h): an image in [0, 1] and, as the last channel, `cut_sides`.

        Returns
        -------
        Tensor
            (B, 2, h, h): numbers of masks, smaller ones over larger ones, 0 where there is none; and how right they are.
        """
        features = self.network.image_encoder(as_seen(as_picture(tiles[:, :-1]), (self.side, self.side)))
        found = [
            painted(self._masks(own[None], tile[-1]), tuple(tile.shape[1:]))
            for own, tile in zip(features, tiles, strict=True)
        ]
        return torch.from_numpy(np.stack(found)).to(tiles.device)

    def _masks(self, features: Tensor, cut: Tensor) -> list[FoundMask]:
        """Return the masks of a tile from its features (1, F, h, w)."""
        side = cut.shape[-1]
        edge = min(_EDGE_PX, int(side * _EDGE_SHARE))
        middle = side // 2
        # Top, left, bottom, right.
        sides = [bool(one > 0) for one in (cut[0, middle], cut[middle, 0], cut[-1, middle], cut[middle, -1])]
        found: list[FoundMask] = []
        for logits, scores in self._answers(features):
            for mask, score in zip(*self._stable(logits, scores, side), strict=True):
                y, x = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
                one = FoundMask(
                    mask[y[0] : y[-1] + 1, x[0] : x[-1] + 1].copy(), int(y[0]), int(x[0]), float(score)
                )
                away = one.box[0], one.box[1], side - one.box[2], side - one.box[3]
                at_cut = any(own and px <= edge for own, px in zip(sides, away, strict=True))
                if not at_cut:
                    found.append(one)
        once = each_once(found, self.thresholds.box_nms_thresh)
        return [one for one in once if one.area <= _MOST_SHARE * side * side]

    def _answers(self, features: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return coarse logits (N, h, w) of what clicks on a grid may mean, and scores (N,), where those are high enough."""
        prompt, count = self.network.prompt_encoder, self.thresholds.points_per_side
        along = (torch.arange(count, device=features.device) + 0.5) * (self.side / count)
        places = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1).reshape(-1, 1, 2)
        shown = features + prompt.no_mask_embed.weight[:, :, None, None]
        grid = prompt.grid(*features.shape[-2:])
        kept: list[tuple[Tensor, Tensor]] = []
        for some in places.split(_CLICKS):
            tokens = prompt.points(some, torch.ones_like(some[..., 0], dtype=torch.bool), self.side)
            masks, scores = self.network.mask_decoder(shown, grid, tokens)
            masks, scores = masks[:, 1:].flatten(0, 1), scores[:, 1:].flatten()
            sure = scores > self.thresholds.pred_iou_thresh
            kept.append((masks[sure], scores[sure]))
        return kept

    def _stable(
        self, logits: Tensor, scores: Tensor, side: int
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Return masks (N, side, side) that do not depend much on where the line is drawn, and their scores."""
        whole = interpolate(logits[:, None], (self.side, self.side), mode="bilinear")
        fine = interpolate(whole, (side, side), mode="bilinear")[:, 0]
        offset = self.thresholds.stability_score_offset
        inner, outer = ((fine > line).sum((1, 2)) for line in (offset, -offset))
        masks = fine > 0
        # A mask may also be empty.
        stable = (inner / outer >= self.thresholds.stability_score_thresh) & masks.flatten(1).any(1)
        return masks[stable].cpu().numpy(), scores[stable].float().cpu().numpy()


def cut_sides(origins: NDArray[np.int64], tile: int, plane: tuple[int, int]) -> NDArray[np.float32]:
    """Mark the outermost pixels of tiles on those sides where the plane goes on.

    Parameters
    ----------
    origins
        (B, 2): first row and column of each tile in its plane.
    tile
        Their side.
    plane
        (H, W).

    Returns
    -------
    NDArray
        (B, 1, tile, tile) float32, 0 or 1.
    """
    found = np.zeros((len(origins), 1, tile, tile), np.float32)
    for own, (y, x) in zip(found[:, 0], origins.tolist(), strict=True):
        own[0] += y > 0
        own[-1] += y + tile < plane[0]
        own[1:-1, 0] += x > 0
        own[1:-1, -1] += x + tile < plane[1]
    return found


def each_once(masks: list[FoundMask], most_alike: float) -> list[FoundMask]:
    """Return masks, the surest first, without those whose box is nearly that of a surer one."""
    if not masks:
        return []
    masks = [masks[number] for number in np.argsort([-one.score for one in masks], kind="stable")]
    y0, x0, y1, x1 = np.array([one.box for one in masks], np.float64).T
    area = (y1 - y0) * (x1 - x0)
    left = np.ones(len(masks), bool)
    for number in range(len(masks)):
        if not left[number]:
            continue
        high = np.minimum(y1, y1[number]) - np.maximum(y0, y0[number])
        wide = np.minimum(x1, x1[number]) - np.maximum(x0, x0[number])
        shared = high.clip(0) * wide.clip(0)
        alike = shared > most_alike * (area + area[number] - shared)
        alike[: number + 1] = False
        left &= ~alike
    return [one for one, kept in zip(masks, left, strict=True) if kept]


def painted(masks: list[FoundMask], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return an image (2, H, W) of masks, smaller ones over larger ones: numbers from 1, in the order of the masks, and scores."""
    image = np.zeros((2, *shape), np.float32)
    for number in np.argsort([-one.area for one in masks], kind="stable").tolist():
        one = masks[number]
        window = image[:, one.y0 : one.box[2] + 1, one.x0 : one.box[3] + 1]
        window[:, one.pixels] = np.array([[number + 1], [min(max(one.score, 0.0), 1.0)]])
    return image


def joined(
    tiles: Mapping[tuple[int, int], NDArray[np.float32]],
    shape: tuple[int, int],
    most_alike: float,
    min_size: int = 0,
) -> NDArray[np.int32]:
    """Return the objects of a plane from the masks of its tiles: (H, W) int32, 1 to n, 0 where there is none.

    Parameters
    ----------
    tiles
        By their first row and column, which may lie outside: images as of `GridMasks`.
    most_alike
        As `box_nms_thresh`: an object that several tiles saw is taken once.
    min_size
        Smallest area of an object.
    """
    from skimage.measure import label

    masks: list[FoundMask] = []
    for (y, x), image in sorted(tiles.items()):
        inside = image[:, max(-y, 0) : shape[0] - y, max(-x, 0) : shape[1] - x]
        masks += _pieces(inside, max(y, 0), max(x, 0))
    numbers = painted(each_once(masks, most_alike), shape)[0]
    return large_objects(label(numbers.astype(np.int32), connectivity=1).astype(np.int32), min_size)


def _pieces(image: NDArray[np.float32], y0: int, x0: int) -> list[FoundMask]:
    """Return what is seen of the masks in an image that `painted` made, which begins at a row and a column."""
    numbers, scores = image[0].astype(np.int32), image[1]
    found = []
    for number, box in enumerate(ndi.find_objects(numbers), start=1):
        if box is not None:
            own = numbers[box] == number
            rows, columns = box
            found.append(FoundMask(own, y0 + rows.start, x0 + columns.start, float(scores[box][own][0])))
    return found
