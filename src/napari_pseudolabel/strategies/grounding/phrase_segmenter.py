"""Probabilities by how hot a pixel is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from typing_extensions import override

from napari_pseudolabel.labels.thresholding import Threshold, threshold_of
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.strategies.seen_planes import SeenPlaneSegmenter


@dataclass(frozen=True, eq=False)
class PhraseSegmenter(SeenPlaneSegmenter):
    """A segmenter by heat maps; see `SeenPlaneSegmenter`.

    Attributes
    ----------
    thresholds
        One for each heat map.
    """

    thresholds: tuple[Threshold, ...]

    @classmethod
    def of(cls, card: Card, maps: NDArray[np.floating] | None, level: float | None) -> Self:
        """Make one for a plane.

        Parameters
        ----------
        maps
            (K, h, w) in [0, 1].
        level
            How hot a pixel has to be; None for what Otsu says of each map.
        """
        found = [
            threshold_of([one.astype(np.float32)], "bright", 0.0) for one in (() if maps is None else maps)
        ]
        asked = found if level is None else [replace(one, level=level) for one in found]
        return cls(card, "", maps, tuple(asked))

    @override
    def answer(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        # As likely as the background at its threshold, and the hotter above it of two phrases wins.
        away = [(one - of.level) / of.spread for one, of in zip(seen, self.thresholds, strict=True)]
        return softmax(np.stack([np.zeros_like(seen[0]), *away]), axis=0).astype(np.float32)
