"""Normal noise that belongs to a position of the image, not to a tile.

The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
SC 2011): a fixed function of a key and a counter. The key is (seed, sample), the counter
(y, x // 4, step, stream), and the four words of one counter serve four neighbouring pixels. So any pixel's
noise can be computed alone, in any order, on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from napari_pseudolabel.errors import InputError

_WORD = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_LANES = 4
_PIXELS_AT_ONCE = 1 << 20  # bounds the 64-bit temporaries of whole planes to some tens of megabytes

Words = tuple[Tensor, Tensor, Tensor, Tensor]


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """Return the four 32-bit words of Philox4x32-10.

    Parameters
    ----------
    counter
        Four int64 tensors of broadcastable shapes with values 0 .. 2**32 - 1.
    key
        Two integers 0 .. 2**32 - 1.

    Returns
    -------
    tuple of Tensor
        Four int64 tensors of the broadcast shape with values 0 .. 2**32 - 1.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        # The 64-bit products wrap around as two's complement; their bits are those of the unsigned product.
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1 = ((p1 >> 32) & _WORD) ^ c1 ^ k0, p1 & _WORD
        c2, c3 = ((p0 >> 32) & _WORD) ^ c3 ^ k1, p0 & _WORD
        k0, k1 = (k0 + _KEY_STEPS[0]) & _WORD, (k1 + _KEY_STEPS[1]) & _WORD
    c0, c1, c2, c3 = torch.broadcast_tensors(c0, c1, c2, c3)
    return c0, c1, c2, c3


def _normal(words: Words) -> Tensor:
    """Turn words into standard normal numbers: (..., 4) float32, by Box and Muller.

    The float64 arithmetic of two devices differs in the last bits only, which rounding to float32 removes.
    """
    uniform = [(word.double() + 0.5) * 2.0**-32 for word in words]
    numbers = []
    for radius, angle in (uniform[:2], uniform[2:]):
        length = (-2 * radius.log()).sqrt_()
        turn = 2 * torch.pi * angle
        numbers += [length * turn.cos(), length * turn.sin()]
    return torch.stack(numbers, dim=-1).float()


@dataclass(frozen=True)
class PositionNoise:
    """Standard normal noise as a function of position, step and stream.

    Attributes
    ----------
    seed, sample
        0 .. 2**32 - 1; other numbers give independent noise.
    device
        Where the noise is computed and returned. The bits are the same everywhere.
    """

    seed: int
    sample: int
    device: torch.device

    LATENT_STREAM: ClassVar[int] = _WORD

    def __post_init__(self) -> None:
        if not (0 <= self.seed <= _WORD and 0 <= self.sample <= _WORD):
            raise InputError(
                f"Seed and sample must be whole numbers from 0 to {_WORD}, not {self.seed} and {self.sample}."
            )

    def normal(self, step: int, stream: int, origins: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return the noise of a batch of tiles.

        Parameters
        ----------
        step, stream
            0 .. 2**32 - 1. Streams separate uses of the noise within a step; the last one,
            `LATENT_STREAM`, is taken.
        origins
            (B, 2) int64, first (y, x) of every tile in coordinates of the whole image; may be negative.
        shape
            (h, w) of the tiles.

        Returns
        -------
        Tensor
            (B, 1, h, w) float32.
        """
        height, width = shape
        at_once = max(_PIXELS_AT_ONCE // max(width * len(origins), 1), 1)
        bands = [
            self._band(step, stream, origins, top, min(at_once, height - top), width)
            for top in range(0, height, at_once)
        ]
        noise = bands[0] if len(bands) == 1 else torch.cat(bands, dim=1)
        return noise[:, None].to(self.device)

    def latent(self, step: int, size: int) -> Tensor:
        """Return the latent vector of a step, one for the whole image: (size,) float32."""
        block = torch.arange(-(-size // _LANES), device=self._computes_on)
        return (
            self._blocks(block, block.new_zeros(1), step, self.LATENT_STREAM).flatten()[:size].to(self.device)
        )

    @property
    def _computes_on(self) -> torch.device:
        """Apple's GPU has no float64, so its noise comes from the CPU."""
        return torch.device("cpu") if self.device.type == "mps" else self.device

    def _band(self, step: int, stream: int, origins: Tensor, top: int, height: int, width: int) -> Tensor:
        origins = origins.to(self._computes_on)
        y = origins[:, 0, None] + torch.arange(top, top + height, device=origins.device)
        lane = origins[:, 1] % _LANES
        count = -(-(width + _LANES - 1) // _LANES)
        block = ((origins[:, 1] - lane) // _LANES)[:, None] + torch.arange(count, device=origins.device)
        numbers = self._blocks(y[:, :, None], block[:, None, :], step, stream).flatten(-2)
        columns = lane[:, None] + torch.arange(width, device=origins.device)
        return numbers.gather(2, columns[:, None, :].expand(-1, height, -1))

    def _blocks(self, y: Tensor, x: Tensor, step: int, stream: int) -> Tensor:
        rest = [torch.full_like(y[:1].flatten()[:1], value) for value in (step, stream)]
        return _normal(philox((y & _WORD, x & _WORD, rest[0], rest[1]), (self.seed, self.sample)))
