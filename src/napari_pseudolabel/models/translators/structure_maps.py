"""What a zero-shot translator is told of a source that it has never seen: maps in which contrast does not matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.translators.information_maps import Information

Condition = Literal["information", "gradients"]

_SCALES_PX = (1.0, 2.0, 4.0)  # of the Gaussian windows
_AROUND_PX = 33  # edges are strong or weak compared with those in a window of this width
_FAINT = 0.01  # gradients per pixel that are noise in images in [0, 1]


@dataclass(frozen=True)
class StructureMaps:
    """Which maps, by their names on cards.

    Attributes
    ----------
    condition
        "information": local mutual information of the source with itself, and with the state of the diffusion. "gradients":
        lengths of gradients at three scales, compared with those around; only of the source, so they are computed once.
    bins, search
        Of `Information`.

    Notes
    -----
    All maps are computed tile by tile, so that a part of an image gets those of the whole.
    """

    condition: Condition = "gradients"
    bins: int = 9
    search: bool = False

    def __post_init__(self) -> None:
        if self.condition not in get_args(Condition) or not 2 <= self.bins <= 64:
            raise CheckpointError(
                f"There are no maps of “{self.condition}” with {self.bins} bins; correct the card."
            )

    @property
    def channels(self) -> int:
        """How many channels the network sees, the state of the diffusion included."""
        return 1 + (2 if self.condition == "information" else len(_SCALES_PX))

    def of_source(self, source: Tensor) -> Tensor:
        """Return what is computed once.

        Parameters
        ----------
        source
            (B, 1, H, W) in [-1, 1].

        Returns
        -------
        Tensor
            (B, C, H, W) in [-1, 1]: the maps, and behind the map of information the source, with which states are compared.
        """
        if self.condition == "gradients":
            return gradient_maps((source + 1) / 2) * 2 - 1
        measure, grey = Information(self.bins, self.search), (source + 1) / 2
        return torch.cat([measure.between(measure.terms(grey), grey) * 2 - 1, source], dim=1)

    def with_state(self, state: Tensor, told: Tensor) -> Tensor:
        """Return what the network sees.

        Parameters
        ----------
        state
            (B, 1, H, W) of the diffusion.
        told
            What `of_source` returned.

        Returns
        -------
        Tensor
            (B, `channels`, H, W).
        """
        if self.condition == "gradients":
            return torch.cat([state, told], dim=1)
        measure = Information(self.bins, self.search)
        own, source = told.chunk(2, dim=1)
        with torch.no_grad():
            shared = measure.between(measure.terms((source + 1) / 2), (state + 1) / 2)
        return torch.cat([state, shared * 2 - 1, own], dim=1)


def gradient_maps(image: Tensor) -> Tensor:
    """Lengths of gradients at three scales, compared with those around.

    Parameters
    ----------
    image
        (B, 1, H, W) in [0, 1].

    Returns
    -------
    Tensor
        (B, 3, H, W) in [0, 1): one half where an edge is as strong as edges are around it.
    """
    maps = []
    for scale in _SCALES_PX:
        smooth = _blurred(image, scale)
        padded = F.pad(smooth, (1, 1, 1, 1), mode="replicate")
        down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
        across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
        length = (down.square() + across.square()).sqrt()
        maps.append(length / (length + _around(length) + _FAINT / scale))
    return torch.cat(maps, dim=1)


def _around(length: Tensor) -> Tensor:
    """Mean over the window of each pixel, as far as it lies in the image; a row and a column after the other."""
    half = _AROUND_PX // 2
    rows = F.avg_pool2d(length, (_AROUND_PX, 1), 1, (half, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, _AROUND_PX), 1, (0, half), count_include_pad=False)


def _blurred(image: Tensor, sigma: float) -> Tensor:
    reach = round(3 * sigma)
    at = torch.arange(-reach, reach + 1, device=image.device, dtype=image.dtype)
    window = torch.exp(-0.5 * (at / sigma).square())
    window = window / window.sum()
    padded = F.pad(image, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, window[None, None, :, None]), window[None, None, None])
