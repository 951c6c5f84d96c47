"""A checkpoint of Segment Anything that answers clicks: an image is looked at once, then every click takes a moment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import IntensityRange, normalise
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.safe_load import load_weights
from napari_pseudolabel.models.segmenters.sam.sam_network import (
    SamNetwork,
    SamShape,
    as_seen,
    is_sam,
    sam_network,
    sam_shape,
    sam_weights,
)
from napari_pseudolabel.tiling import pick_device
from napari_pseudolabel.types import Array

_RANGE = (0.5, 99.5)
# Features of one view take 4 MB.
_VIEWS = 8


@dataclass(frozen=True, eq=False)
class SamModel:
    """Answers what object of a picture clicks mean.

    Attributes
    ----------
    network
        In evaluation mode.
    shape
        Of its encoder.
    """

    name: str
    network: SamNetwork
    shape: SamShape
    _seen: dict[bytes, Tensor] = field(default_factory=dict, repr=False)

    def mask(
        self, picture: Array, places: ArrayLike, inside: ArrayLike, device: str = "auto"
    ) -> NDArray[np.bool_]:
        """Return the object of clicks.

        Parameters
        ----------
        picture
            (h, w), or (h, w, C), of any intensities. What was looked at before is not looked at again.
        places
            (N, 2) rows and columns.
        inside
            (N,) bool: whether the object is there.

        Returns
        -------
        NDArray
            (h, w) bool. Of one click that of three sizes which the network finds most likely right.
        """
        there = pick_device(device)
        self.network.to(there)
        with torch.inference_mode():
            features = self._features(picture, there)
            return self._answer(
                features, picture.shape[:2], np.asarray(places, float), np.asarray(inside, bool)
            )

    def _features(self, picture: Array, device: torch.device) -> Tensor:
        key = hashlib.sha256(str((picture.shape, picture.dtype)).encode() + picture.tobytes()).digest()
        found = self._seen.pop(key, None)
        if found is None:
            found = self.network.image_encoder(self._prepared(picture).to(device))
        self._seen[key] = found.to(device)
        while len(self._seen) > _VIEWS:
            del self._seen[next(iter(self._seen))]
        return self._seen[key]

    def _prepared(self, picture: Array) -> Tensor:
        """Return an image as the network takes it: three channels of 8-bit values, as large as it can see, zero below and to the right."""
        plane = np.nan_to_num(np.asarray(picture, np.float32))
        colours = (
            plane
            if plane.ndim == 3 and plane.shape[-1] == 3
            else plane.reshape(*plane.shape[:2], -1).mean(-1, keepdims=True)
        )
        bytes_ = normalise(colours, IntensityRange(*np.percentile(colours, _RANGE).tolist())) * np.float32(
            255
        )
        tensor = torch.from_numpy(np.ascontiguousarray(np.broadcast_to(bytes_, (*plane.shape[:2], 3))))
        height, width = self._size(plane.shape[:2])
        normal = as_seen(tensor.permute(2, 0, 1)[None], (height, width))
        return pad(normal, (0, self.shape.side - width, 0, self.shape.side - height))

    def _size(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Height and width of a picture as the network sees it."""
        scale = self.shape.side / max(shape[:2])
        return int(shape[0] * scale + 0.5), int(shape[1] * scale + 0.5)

    def _answer(
        self,
        features: Tensor,
        shape: tuple[int, ...],
        places: NDArray[np.float64],
        inside: NDArray[np.bool_],
    ) -> NDArray[np.bool_]:
        size, clicks, side = self._size(shape), self.network.prompt_encoder, self.shape.side
        scale = np.array(size) / np.array(shape[:2])
        at = torch.from_numpy((places * scale)[None, :, ::-1].astype(np.float32).copy()).to(features.device)
        tokens = clicks.points(at, torch.from_numpy(inside)[None].to(features.device), side)
        shown = features + clicks.no_mask_embed.weight[:, :, None, None]
        masks, guessed = self.network.mask_decoder(shown, clicks.grid(*features.shape[-2:]), tokens)
        number = 0 if len(places) > 1 else 1 + int(guessed[0, 1:].argmax())
        whole = interpolate(masks[:, number : number + 1], (side, side), mode="bilinear")
        sized = interpolate(whole[..., : size[0], : size[1]], shape[:2], mode="bilinear")
        return np.asarray((sized[0, 0] > 0).cpu().numpy())


def load_sam(path: str | Path) -> SamModel:
    """Load a checkpoint of Segment Anything (vit_b, vit_l, vit_h) or MobileSAM (vit_t), or one that micro-sam has trained further.

    Raises
    ------
    CheckpointError
        If it is none, or its encoder is of another kind; nothing in the file is run.
    """
    path = Path(path)
    weights = Offer(path).weights
    if not weights:
        load_weights(path)  # raises the better sentence for a damaged, foreign or hostile file
    own = sam_weights(weights)
    if not is_sam(own):
        raise CheckpointError(f"{path.name} is no model of Segment Anything: it has no mask_decoder.")
    shape = sam_shape(own, path.name)
    return SamModel(path.name, sam_network(shape, own, path.name), shape)
