"""Tiles to distances: the encoder of Segment Anything and the decoder of micro-sam as one network."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import interpolate
from typing_extensions import override

from napari_pseudolabel.models.segmenters.sam.distance_decoder import DistanceDecoder
from napari_pseudolabel.models.segmenters.sam.sam_network import SamNetwork, as_picture, as_seen


class DistanceNetwork(nn.Module):
    """Square tiles (B, C, h, h) in [0, 1] to (B, 3, h, h) in [0, 1]; see `distance_decoder.OUTPUTS`.

    Every tile is magnified to what the encoder sees at once.

    Parameters
    ----------
    side
        Pixels along the side of that.
    """

    def __init__(self, network: SamNetwork, decoder: DistanceDecoder, side: int) -> None:
        super().__init__()
        self.image_encoder, self.decoder, self.side = network.image_encoder, decoder, side

    @override
    def forward(self, tiles: Tensor) -> Tensor:
        """Answer."""
        whole = (self.side, self.side)
        found = self.decoder(self.image_encoder(as_seen(as_picture(tiles), whole)))
        return interpolate(interpolate(found, whole, mode="bilinear"), tiles.shape[2:], mode="bilinear")
