"""A random forest on pixel features from a few scribbles, as ilastik and Trainable Weka Segmentation do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.feature import hessian_matrix, hessian_matrix_eigvals

SCRIBBLES = 8  # per class
_LONG_PX, _WIDE_PX = 20.0, 1.5  # of a scribble: length, and half its width
_SIGMAS = (0.7, 1.0, 1.6, 3.5, 5.0, 10.0)  # ilastik's
_TREES, _DEPTH, _LEAST = 60, 16, 2


def features(planes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Colour, edges and texture of every pixel on several scales.

    Parameters
    ----------
    planes
        Channels (H, W).

    Returns
    -------
    ndarray
        (H * W, F) float32.
    """
    found = []
    for plane in planes:
        found.append(plane)
        for sigma in _SIGMAS:
            found.append(ndi.gaussian_filter(plane, sigma))
            found.append(ndi.gaussian_gradient_magnitude(plane, sigma))
            found += list(
                hessian_matrix_eigvals(hessian_matrix(plane, sigma, use_gaussian_derivatives=False))
            )
    return np.stack([np.asarray(one, np.float32).ravel() for one in found], axis=1)


def scribbles(truth: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw what a person would: short straight strokes, each within its class.

    Returns
    -------
    ndarray
        (H, W) the class of every pixel that was painted, -1 elsewhere.
    """
    drawn = np.full(truth.shape, -1, np.int64)
    y, x = np.ogrid[: truth.shape[0], : truth.shape[1]]
    for value in np.unique(truth):
        mask = truth == value
        inside = ndi.binary_erosion(mask, iterations=1)
        places = np.argwhere(inside if inside.any() else mask)
        for row, column in places[rng.integers(len(places), size=SCRIBBLES)]:
            angle = rng.uniform(0, np.pi)
            along = (y - row) * np.sin(angle) + (x - column) * np.cos(angle)
            across = (y - row) * np.cos(angle) - (x - column) * np.sin(angle)
            stroke = (np.abs(along) <= _LONG_PX / 2) & (np.abs(across) <= _WIDE_PX) & mask
            parts, _ = ndi.label(stroke)
            drawn[parts == parts[row, column]] = value
    return drawn


@dataclass(frozen=True, eq=False)
class _Tree:
    """Arrays over the nodes: the feature that is asked for (-1 in leaves), its limit, both children, shares of the classes."""

    feature: NDArray[np.int64]
    limit: NDArray[np.float32]
    child: NDArray[np.int64]
    shares: NDArray[np.float32]

    def shares_of(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        at = np.zeros(len(values), np.int64)
        rows = np.arange(len(values))
        while len(rows):
            node = at[rows]
            rows, node = rows[self.feature[node] >= 0], node[self.feature[node] >= 0]
            right = values[rows, self.feature[node]] > self.limit[node]
            at[rows] = self.child[node, right.astype(np.int64)]
        return self.shares[at]


def forest(
    values: NDArray[np.float32], classes: NDArray[np.int64], count: int, rng: np.random.Generator
) -> list[_Tree]:
    """Grow a forest (Breiman, "Random Forests", 2001): bootstrapped rows, a few random features at each node.

    Parameters
    ----------
    values
        (N, F) features of the painted pixels.
    classes
        (N,) from 0 to `count` - 1.
    """
    trees = []
    for _ in range(_TREES):
        rows = rng.integers(len(values), size=len(values))
        trees.append(_grown(values[rows], np.eye(count, dtype=np.float32)[classes[rows]], rng))
    return trees


def predicted(trees: Sequence[_Tree], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, K) probabilities of the classes."""
    return np.mean([tree.shares_of(values) for tree in trees], axis=0, dtype=np.float32)


def _grown(values: NDArray[np.float32], hot: NDArray[np.float32], rng: np.random.Generator) -> _Tree:
    feature, limit, child, shares = [-1], [0.0], [[0, 0]], [hot.mean(axis=0)]
    todo = [(0, np.arange(len(values)), 0)]
    tried = max(1, int(np.sqrt(values.shape[1])))
    while todo:
        node, rows, depth = todo.pop()
        if depth >= _DEPTH or len(rows) < 2 * _LEAST or shares[node].max() >= 1:
            continue
        chosen = rng.choice(values.shape[1], tried, replace=False)
        found = _best_split(values[np.ix_(rows, chosen)], hot[rows])
        if found is None:
            continue
        feature[node], limit[node] = int(chosen[found[0]]), found[1]
        right = values[rows, feature[node]] > limit[node]
        for side, part in enumerate((rows[~right], rows[right])):
            child[node][side] = len(feature)
            todo.append((len(feature), part, depth + 1))
            feature.append(-1)
            limit.append(0.0)
            child.append([0, 0])
            shares.append(hot[part].mean(axis=0))
    return _Tree(
        np.array(feature), np.array(limit, np.float32), np.array(child), np.array(shares, np.float32)
    )


def _best_split(values: NDArray[np.float32], hot: NDArray[np.float32]) -> tuple[int, float] | None:
    """Column and limit of the lowest Gini impurity."""
    order = np.argsort(values, axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    left = np.cumsum(hot[order], axis=0)[:-1]  # (n - 1, columns, K)
    right = hot.sum(axis=0) - left
    counts = np.arange(1, len(values), dtype=np.float32)[:, None]
    pure = (left**2).sum(axis=2) / counts + (right**2).sum(axis=2) / (len(values) - counts)
    pure[ordered[1:] <= ordered[:-1]] = -1
    pure[: _LEAST - 1] = pure[len(pure) - _LEAST + 1 :] = -1
    row, column = np.unravel_index(int(pure.argmax()), pure.shape)
    if pure[row, column] < 0:
        return None
    # The lower of the two values, because a middle may round to the upper one.
    return int(column), float(ordered[row, column])
