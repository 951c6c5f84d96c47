"""Clusters of pixels by what is known of each: found once in some places of a layer, the same for every part of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# So many pixels tell the clusters as well as all of them.
_MOST_SAMPLES = 20_000
_COMPONENTS = 12
_TRIES = 4


@dataclass(frozen=True, eq=False)
class Clusters:
    """Centres in the principal components of what is known of a pixel, the darkest cluster first.

    Attributes
    ----------
    mean
        (F,) float32.
    axes
        (F, C) float32: the principal components, divided by the standard deviation of all of them together, so that distances have no unit.
    centres
        (K, C) float32.
    spread
        Root of the mean square distance of a pixel from its centre, per component: 1 is as wide as the data.
    explained
        Share of the variance that lies between the clusters, in [0, 1].
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    centres: NDArray[np.float32]
    spread: float
    explained: float

    @classmethod
    def of(cls, samples: NDArray[np.float32], grey: NDArray[np.float32], count: int) -> Clusters:
        """Find clusters: principal components, then k-means, the best of four tries.

        Parameters
        ----------
        samples
            (N, F): what is known of some pixels.
        grey
            (N,) how bright they are: the order of the clusters, which have no other.
        count
            How many clusters; fewer where fewer values occur.
        """
        from scipy.cluster.vq import kmeans2

        every = np.linspace(0, len(samples) - 1, min(len(samples), _MOST_SAMPLES)).round().astype(int)
        chosen, bright = samples[every].astype(np.float64), grey[every]
        mean = chosen.mean(axis=0)
        _, _, rows = np.linalg.svd(chosen - mean, full_matrices=False)
        axes = rows[:_COMPONENTS].T
        total = float(np.sqrt((((chosen - mean) @ axes) ** 2).sum(axis=1).mean())) or 1.0
        axes = axes / total
        points = (chosen - mean) @ axes
        count = min(count, len(np.unique(points.round(6), axis=0)))
        best: tuple[float, NDArray[np.float64], NDArray[np.intp]] | None = None
        for seed in range(_TRIES):
            centres, nearest = kmeans2(points, count, minit="++", seed=seed, missing="warn")
            off = float(((points - centres[nearest]) ** 2).sum(axis=1).mean())
            if best is None or off < best[0]:
                best = off, centres, nearest
        assert best is not None
        off, centres, nearest = best
        order = np.argsort(
            [
                bright[nearest == number].mean() if (nearest == number).any() else np.inf
                for number in range(count)
            ]
        )
        return cls(
            mean.astype(np.float32),
            axes.astype(np.float32),
            centres[order].astype(np.float32),
            float(np.sqrt(off / axes.shape[1])) or 1e-3,
            1.0 - off,
        )

    @property
    def count(self) -> int:
        """How many clusters."""
        return len(self.centres)

    def chances(self, squares: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how probable each cluster is, from squared distances (K, ...): as if all were normal distributions of one width."""
        nearest = squares.min(axis=0)
        likely = np.exp((nearest - squares) / np.float32(2 * self.spread**2))
        return np.asarray(likely / likely.sum(axis=0), np.float32)
