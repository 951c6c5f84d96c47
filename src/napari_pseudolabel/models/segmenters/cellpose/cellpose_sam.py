"""The network of Cellpose-SAM (Cellpose 4): the image encoder of Segment Anything in fine patches, and flows read from its features.

Pachitariu, Rariden and Stringer, Cellpose-SAM (bioRxiv 2025). Names of modules are those of the files.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.segmenters.sam.vit_encoder import EncoderShape, ImageEncoder

_ENCODER = "encoder."


class CellposeSam(nn.Module):
    """Images (B, C, h, w) of one to three channels to flows and the logit of being in an object; see `CellposeUNet`."""

    def __init__(self, shape: EncoderShape, outputs: int = 3) -> None:
        super().__init__()
        pixels = outputs * shape.patch**2
        self.encoder = ImageEncoder(shape.without_windows)
        self.out = nn.Conv2d(shape.features, pixels, 1)
        # Lays the numbers of a token out over its pixels.
        self.W2 = nn.Parameter(
            torch.eye(pixels).reshape(pixels, outputs, shape.patch, shape.patch), requires_grad=False
        )
        self.diam_mean = nn.Parameter(torch.full((1,), 30.0), requires_grad=False)
        self.diam_labels = nn.Parameter(torch.full((1,), 30.0), requires_grad=False)

    @override
    def forward(self, image: Tensor) -> Tensor:
        """Answer."""
        return nn.functional.conv_transpose2d(
            self.out(self.encoder(image)), self.W2, stride=self.W2.shape[-1]
        )


def encoder_of(weights: Mapping[str, Tensor], name: str) -> EncoderShape:
    """Return what the weights of a file say about the encoder.

    Raises
    ------
    CheckpointError
        If it is another network.
    """
    if f"{_ENCODER}cls_token" in weights:
        raise CheckpointError(
            f"{name} is a Cellpose model on DINOv3 (cpdino), which is not read here; choose one of Cellpose-SAM (cpsam) or of Cellpose 3."
        )
    own = {key.removeprefix(_ENCODER): one for key, one in weights.items() if key.startswith(_ENCODER)}
    return EncoderShape.of(own, name)
