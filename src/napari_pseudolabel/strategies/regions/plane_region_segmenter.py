"""Which region of its plane a pixel lies in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from napari_pseudolabel.imaging import resample_part
from napari_pseudolabel.models.segmenters.base import PartPlace
from napari_pseudolabel.strategies.seen_planes import SeenPlaneSegmenter
from napari_pseudolabel.tiling import Covering

# A chunk is a few of these wide, and holds the probabilities of all regions at once.
_CORE_PX = 32
_MARGIN = 2


@dataclass(frozen=True, eq=False)
class PlaneRegionSegmenter(SeenPlaneSegmenter):
    """A segmenter by numbers of regions (1, h, w); see `SeenPlaneSegmenter`."""

    @property
    @override
    def layout(self) -> Covering:
        return Covering(_CORE_PX, reach=0)

    @override
    def there(
        self, seen: NDArray[np.number], place: PartPlace, shape: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Return the probabilities of a part: borders between coarse pixels are made smooth, region by region."""
        factors = place.plane[0] / seen.shape[1], place.plane[1] / seen.shape[2]
        rows, columns = (
            slice(max(0, int(begin / factor) - _MARGIN), int((begin + length) / factor) + 1 + _MARGIN)
            for begin, length, factor in zip((place.y0, place.x0), shape, factors, strict=True)
        )
        near = seen[0, rows, columns]
        found = np.zeros((len(self.classes), *shape), np.float32)
        for number in np.unique(near):
            found[self._first + int(number)] = resample_part(
                (near == number).astype(np.float32),
                factors,
                (rows.start, columns.start),
                (place.y0, place.x0),
                shape,
            )
        return found

    @override
    def answer(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        return seen

    @property
    def _first(self) -> int:
        """The first classes are those that regions may be called."""
        from napari_pseudolabel.labels.classes import is_unnamed_region

        return next(number for number, one in enumerate(self.classes) if is_unnamed_region(one))
