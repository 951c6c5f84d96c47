"""Whether labels would fit their reference if they were mirrored, turned or moved: scores are low then, and nobody sees why."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging.registration import shift

Plane = NDArray[np.integer]

_LARGEST_SIDE = 1024
# Fewer pieces may lie elsewhere by chance.
_FEWEST = 3
# So much of what is labelled has to fit afterwards, and so much more than before.
_FITS, _BETTER = 0.6, 0.3
# Classes have to explain so much of an image, and so many times what they explain as they are.
_EXPLAINS, _TIMES = 0.15, 5
# Labels that people drew lie up to 1.5 pixels beside the edges.
_LEAST_MOVED, _SMALLEST_MOVED = 2.5, 48
_LEAST_EXPLAINED, _MORE_EXPLAINED = 0.05, 1.1
# A move has to take away half of what does not fit.
_MOVED_BETTER = 0.03

_WAYS: dict[str, Callable[[Plane], Plane]] = {
    "mirrored left to right": lambda plane: plane[:, ::-1],
    "turned upside down": lambda plane: plane[::-1],
    "turned by half a turn": lambda plane: plane[::-1, ::-1],
    "with rows and columns exchanged": lambda plane: plane.T,
    "turned by a quarter to the left": lambda plane: np.rot90(plane),
    "turned by a quarter to the right": lambda plane: np.rot90(plane, -1),
}


def misplaced(prediction: Plane, reference: Plane) -> tuple[str, ...]:
    """Say how a prediction would fit a reference much better, by the middle of one plane.

    Parameters
    ----------
    prediction, reference
        (..., H, W) values of classes, of one shape; 0 is background.

    Returns
    -------
    tuple of str
        A sentence; nothing where it fits as it is, or in no way.
    """
    from skimage.measure import label

    if prediction.shape != reference.shape or prediction.ndim < 2:
        return ()
    planes = reference.reshape(-1, *reference.shape[-2:])
    number = int(np.argmax(np.count_nonzero(planes, axis=(1, 2)))) if len(planes) else 0
    if not len(planes) or not planes[number].any():
        return ()
    first, second = prediction.reshape(planes.shape)[number], planes[number]
    if label(second > 0, connectivity=2, return_num=True)[1] < _FEWEST:
        return ()
    now = _fit(first, second)
    ways = {name: way(first) for name, way in _WAYS.items()}
    fits = {name: _fit(plane, second) for name, plane in ways.items() if plane.shape == second.shape}
    best = max(fits, key=lambda name: fits[name])
    if fits[best] >= max(_FITS, now + _BETTER):
        return (
            f"The prediction would fit the reference much better if it were {best} ({fits[best]:.0%} of what is labelled instead of "
            f"{now:.0%}); one of them may be turned or mirrored.",
        )
    return _moved(_middle(first), _middle(second))


def unlike(image: NDArray[np.floating], labels: Plane) -> str:
    """Say how labels would have to be turned or mirrored so that they fit an image much better; empty where they need not.

    They fit where pixels of one class are of similar grey levels, by the share of the variance that classes explain.

    Parameters
    ----------
    image, labels
        (H, W) each, of one shape.
    """
    step = max(1, max(image.shape) // _LARGEST_SIDE)
    seen = image[::step, ::step]
    ways = {name: turned for name, way in _WAYS.items() if (turned := way(labels)).shape == labels.shape}
    found = {name: _explained(seen, turned[::step, ::step]) for name, turned in ways.items()}
    best, now = max(found, key=lambda name: found[name]), _explained(seen, labels[::step, ::step])
    return best if found[best] >= max(_EXPLAINS, _TIMES * now) else ""


def moved_on(image: NDArray[np.floating], labels: Plane) -> tuple[float, float] | None:
    """Return how far labels lie beside what they are of, (down, right) in pixels, by the edges of both; None where they do not.

    Parameters
    ----------
    image, labels
        (H, W) each, of one shape.
    """
    if min(labels.shape) < _SMALLEST_MOVED or not np.isfinite(image).all():
        return None
    down, right = shift(image, labels.astype(np.float32))
    if max(abs(down), abs(right)) < _LEAST_MOVED:
        return None
    back = np.roll(labels, (-round(down), -round(right)), (0, 1))
    fits = _explained(image, back) >= max(_LEAST_EXPLAINED, _MORE_EXPLAINED * _explained(image, labels))
    return (down, right) if fits else None


def moved_words(down: float, right: float) -> str:
    """Return how far something lies beside where it belongs, in words."""
    moves = ((down, ("high", "low")), (right, ("far left", "far right")))
    return " and ".join(f"{abs(by):.0f} px too {ways[int(by > 0)]}" for by, ways in moves if round(by))


def _explained(image: NDArray[np.floating], labels: Plane) -> float:
    """Share of the variance of an image that lies between the classes of labels."""
    known = np.isfinite(image)
    values, numbers = image[known].astype(np.float64), labels[known]
    if not values.size or not (whole := float(values.var())):
        return 0.0
    counts = np.bincount(numbers)
    means = np.bincount(numbers, values) / np.maximum(counts, 1)
    return float(np.sum(counts * (means - values.mean()) ** 2) / values.size / whole)


def _moved(first: Plane, second: Plane) -> tuple[str, ...]:
    """Say by how much a plane is moved against another one, if that explains most of what does not fit."""
    spectra = [np.fft.rfft2((plane > 0).astype(np.float32)) for plane in (first, second)]
    correlation = np.fft.irfft2(spectra[0] * spectra[1].conj(), s=first.shape)
    height, width = first.shape
    y, x = (int(one) for one in np.unravel_index(int(np.argmax(correlation)), correlation.shape))
    dy, dx = y - height * (y > height // 2), x - width * (x > width // 2)
    if not (dy or dx):
        return ()
    parts = [
        (slice(max(one, 0), size + min(one, 0)), slice(max(-one, 0), size + min(-one, 0)))
        for one, size in ((dy, height), (dx, width))
    ]
    own, other = (tuple(part[side] for part in parts) for side in (0, 1))
    # Both of the pixels that are seen either way, so that what is moved out of the image plays no part.
    now, then = _fit(first[own], second[own]), _fit(first[own], second[other])
    if then < max(_FITS, now + _MOVED_BETTER) or 1 - then > (1 - now) / 2:
        return ()
    return (
        f"The prediction lies {moved_words(dy, dx)}: moved back, {then:.0%} of what is labelled would fit, instead of {now:.0%}.",
    )


def _fit(first: Plane, second: Plane) -> float:
    """Share of equal pixels among those that are labelled in either plane."""
    either = (first > 0) | (second > 0)
    return float(np.mean(first[either] == second[either])) if either.any() else 0.0


def _middle(plane: Plane) -> Plane:
    cut = [max(side - _LARGEST_SIDE, 0) // 2 for side in plane.shape]
    return plane[tuple(slice(start, start + _LARGEST_SIDE) for start in cut)]
