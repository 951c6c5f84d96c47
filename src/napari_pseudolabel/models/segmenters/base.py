"""What every segmenter can do, and the factory that finds the family of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_pseudolabel.control import Control
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import Need
from napari_pseudolabel.models.cards import Card, LabelClass
from napari_pseudolabel.models.offers import Offer, choose
from napari_pseudolabel.models.safe_load import load_weights
from napari_pseudolabel.models.segmenters.part import Part
from napari_pseudolabel.tiling import Layout, TileSettings


@runtime_checkable
class Segmenter(Protocol):
    """A model that turns an image of its modality into class probabilities.

    Attributes
    ----------
    card
        What the weights mean.
    sha256
        Of the file, or of the files of the folder, that the model was loaded from.
    classes
        In the order of the channels of `probabilities`.
    channels
        Of the images.
    need
        What it must know of a whole layer before it is given a part.
    layout
        Where its tiles lie in a whole plane.
    zoom
        Pixels on the network's grid per pixel of the grid of its modality, along Y and X.
    """

    @property
    def card(self) -> Card: ...

    @property
    def sha256(self) -> str: ...

    @property
    def classes(self) -> tuple[LabelClass, ...]: ...

    @property
    def channels(self) -> int: ...

    @property
    def need(self) -> Need: ...

    @property
    def layout(self) -> Layout: ...

    @property
    def zoom(self) -> tuple[float, float]: ...

    def probabilities(
        self,
        image: ArrayLike,
        *,
        spacing: tuple[float, float] = (1.0, 1.0),
        settings: TileSettings = TileSettings(),
        control: Control = Control(),
        part: Part | None = None,
    ) -> NDArray[np.float32]:
        """Segment one plane.

        Parameters
        ----------
        image
            (C, H, W) or (H, W) raw values of the segmenter's modality, on its pixel grid. NaN becomes 0.
        spacing
            Pixel size (y, x) in the unit that the model was trained with; only nnU-Net uses it.
        settings
            Tile, overlap, batch, device; None leaves the choice to the model.
        control
            Progress and cancel, once per batch of tiles.
        part
            What is known of the whole layer if `image` is a part of one; it then is on the network's grid.
            By default `image` is all there is, and statistics are found in it.

        Returns
        -------
        NDArray
            (K, H, W) float32 in [0, 1].

        Raises
        ------
        InputError
            If the image has the wrong shape or number of channels.
        DeviceError
            If the device is missing or runs out of memory at the smallest tile.
        Cancelled
            If the person cancelled.
        """

    def labels(self, probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Turn probabilities (K, H, W) into a label image (H, W) with the values of `classes`."""


def load_segmenter_file(path: str | Path, card: Card | Mapping[str, object] | None = None) -> Segmenter:
    """Load a segmenter of any family.

    Parameters
    ----------
    path
        An nnU-Net v2 model folder (final checkpoints, or the best if there are no final ones) or one
        of its checkpoints (that fold alone), our own ``.safetensors``, or a TorchScript archive.
    card
        What the weights do not reveal; wins over the sidecar, the sidecar over the header.

    Raises
    ------
    CheckpointError
        If no family can load it; gives the reason of each that was tried.
    """
    offer = Offer(Path(path), card)
    try:
        home = choose(offer, "segmenter")
    except CheckpointError:
        load_weights(path)  # raises the better sentence for a damaged, foreign or hostile file
        raise
    found: Segmenter = home.loads(offer)
    return found
