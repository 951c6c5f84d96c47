"""What was seen in whole planes, as a segmenter: of each part, what lies there."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from napari_pseudolabel.control import Control
from napari_pseudolabel.imaging import Need, resample_part
from napari_pseudolabel.models.segmenters.base import LayerPart, PartPlace, Segmenter
from napari_pseudolabel.models.segmenters.common import as_channels
from napari_pseudolabel.tiling import Covering, TileSettings

_CORE_PX = 256


@dataclass(frozen=True, eq=False)
class SeenPlaneSegmenter(Segmenter):
    """A segmenter that has seen the plane of which it is given parts; see `Segmenter`.

    Attributes
    ----------
    seen
        (M, h, w): what was seen in the plane, as coarse as it was looked at; None before that, when nothing can be told.
    """

    seen: NDArray[np.number] | None

    @abstractmethod
    def answer(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probabilities (K, H, W) that follow from what was seen (M, H, W)."""

    @property
    @override
    def channels(self) -> int:
        return 1

    @property
    @override
    def need(self) -> Need:
        return Need()

    @property
    @override
    def layout(self) -> Covering:
        return Covering(_CORE_PX, reach=0)

    @override
    def probabilities(
        self,
        image: ArrayLike,
        *,
        settings: TileSettings = TileSettings(),
        control: Control = Control(),
        part: LayerPart | None = None,
    ) -> NDArray[np.float32]:
        control.check()
        shape = as_channels(image, 1).shape[1:]
        if self.seen is None:
            return np.full((len(self.classes), *shape), 1 / len(self.classes), np.float32)
        place = part.place if part is not None else PartPlace(0, 0, (shape[0], shape[1]))
        assert place is not None, "what was seen is not mirrored"
        return self.answer(self.there(self.seen, place, (shape[0], shape[1])))

    def there(
        self, seen: NDArray[np.number], place: PartPlace, shape: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Return what was seen in a part (H, W) of the plane: (M, H, W)."""
        factors = place.plane[0] / seen.shape[1], place.plane[1] / seen.shape[2]
        return resample_part(seen.astype(np.float32), factors, (0, 0), (place.y0, place.x0), shape)
