"""Objects that are brighter or darker than what is around them: told apart by a threshold, without any model.

Threshold: N. Otsu, A threshold selection method from gray-level histograms (IEEE SMC 9, 1979). How sure a pixel is follows from two
classes of equal spread and equal share, as in linear discriminant analysis; nobody calibrated that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from napari_pseudolabel.labels.objects import Scheme, to_instances
from napari_pseudolabel.labels.objects.components import SQUARE
from napari_pseudolabel.types import Contrast

_BINS = 4096
# Values that differ by less are the same: float32 itself is about ten times as fine.
_TOLERANCE = 1e-6
_CUT = 4.0  # deviations of a Gaussian
_CRUMB = 0.05
# Of the window whose mean evens out the light, in objects. Measured on nuclei: narrower ones lose pixels of large objects, wider ones
# dim objects beside bright ones.
_OBJECTS_AROUND = 5
_WIDEST_PX = 400
# So many windows lie side by side at least: one as wide as the plane evens out nothing.
_WINDOWS = 2
_ROUNDS = 2


@dataclass(frozen=True)
class Threshold:
    """What tells objects from what is around them, in one layer.

    Attributes
    ----------
    level
        Raw value, after smoothing, at which both are equally likely.
    spread
        Raw values per nat of their log odds; above 0.
    bright
        Whether objects are brighter.
    covered
        Share of what was looked at that lies on the side of the objects.
    smoothing_px
        Deviation of the Gaussian by which planes are smoothed first.
    around_px
        Side of the window whose mean is subtracted first, for uneven light; 0 for none.
    """

    level: float
    spread: float
    bright: bool
    covered: float
    smoothing_px: float
    around_px: int = 0

    @property
    def reach_px(self) -> int:
        """How far what is around a pixel matters."""
        return _radius(self.smoothing_px) + self.around_px // 2 + 1

    def probability(self, plane: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how likely every pixel of a plane (H, W) of raw values belongs to an object: (H, W) float32 in [0, 1]."""
        away = (_levelled(plane, self.smoothing_px, self.around_px) - self.level) / self.spread
        # Float32 holds no larger exponents.
        return np.asarray(1 / (1 + np.exp(np.clip(-away if self.bright else away, -60, 60))), np.float32)

    def instances(self, plane: NDArray[np.float32], scheme: Scheme) -> NDArray[np.int32]:
        """Return the numbered objects of a plane (H, W) of raw values, filled and without crumbs: (H, W) int32, 0 is background.

        Parameters
        ----------
        scheme
            Of the class 1; tells whether objects may touch.
        """
        sure = self.probability(plane)
        mask = ndi.binary_fill_holes(sure > 0.5)
        islands, _ = ndi.label(mask, SQUARE)
        areas = np.bincount(islands.ravel())
        areas[0] = 0
        if not areas.any():
            return np.zeros(plane.shape, np.int32)
        # What most pixels lie in is as large: crumbs, of which noise makes many, do not count.
        small = areas < _CRUMB * _median(areas[1:], areas[1:])
        return to_instances(np.where(small[islands], 0, mask).astype(np.uint8), scheme, sure)


def threshold_of(
    planes: Sequence[NDArray[np.float32]], contrast: Contrast, smoothing_px: float, around_px: int = 0
) -> Threshold:
    """Find the threshold of a layer in some planes (h, w) of it, raw values; parameters as of `Threshold`."""
    from skimage.filters import threshold_otsu  # the shell and the docks start without

    levelled = [_levelled(plane, smoothing_px, around_px)[np.isfinite(plane)] for plane in planes]
    values = np.concatenate([*levelled, np.zeros(0, np.float32)])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if high - low <= _TOLERANCE * max(abs(low), abs(high)):
        return Threshold(low, 1.0, contrast != "dark", 0.0, smoothing_px, around_px)
    # In [0, 1] squares of values neither overflow nor vanish, whatever their unit.
    level = low + (high - low) * float(
        threshold_otsu((values.astype(float) - low) / (high - low), nbins=_BINS)
    )
    above = values > level
    share = float(above.mean())
    bright = share <= 0.5 if contrast == "auto" else contrast == "bright"
    means = [float(values[side].mean(dtype=np.float64)) for side in (~above, above)]
    within = np.where(above, means[1], means[0])
    variance = float(np.square(values - within, dtype=np.float64).mean())
    apart = means[1] - means[0]
    spread = max(variance / apart, apart / 100)
    return Threshold(level, spread, bright, share if bright else 1 - share, smoothing_px, around_px)


def found_in(
    planes: Sequence[NDArray[np.float32]],
    scheme: Scheme,
    contrast: Contrast,
    smoothing_px: float,
    *,
    even_out: bool = True,
    size_px: float | None = None,
    check: Callable[[], None] = lambda: None,
) -> tuple[Threshold, list[NDArray[np.int32]]]:
    """Find the threshold of a layer, and the objects that it tells, in some planes (h, w) of it.

    Parameters
    ----------
    scheme
        Of the class 1; tells whether objects may touch.
    contrast, smoothing_px
        As of `threshold_of`.
    even_out
        Whether the mean of what is around is subtracted, as wide as a few objects.
    size_px
        Typical diameter of the objects; None to measure it.
    check
        Called between planes; raises where the person has cancelled.

    Returns
    -------
    Threshold, list of NDArray
        And for each plane its numbered objects (h, w) int32.
    """

    def found(around_px: int) -> tuple[Threshold, list[NDArray[np.int32]]]:
        threshold, numbered = threshold_of(planes, contrast, smoothing_px, around_px), []
        for plane in planes:
            check()
            numbered.append(threshold.instances(plane, scheme))
        return threshold, numbered

    threshold, numbered = found(0)
    if not even_out or not any(one.any() for one in numbered):
        return threshold, numbered
    # In uneven light half of the plane may be one object, so the size is measured again.
    widest = min(_WIDEST_PX, *(min(plane.shape) // _WINDOWS for plane in planes))
    for _ in range(_ROUNDS):
        wide = size_px or typical_size_px(numbered) or widest
        around = min(round(_OBJECTS_AROUND * wide), widest) // 2 * 2 + 1
        if around == threshold.around_px:
            break
        threshold, numbered = found(around)
    return threshold, numbered


def typical_size_px(planes: Iterable[NDArray[np.int32]]) -> float | None:
    """Return the median diameter of numbered objects, of a disc of their area, in pixels; None without any.

    Those at the edge of a plane (h, w) count only where there are no others.
    """
    whole: list[float] = []
    cut: list[float] = []
    for numbered in planes:
        areas = np.bincount(numbered.ravel())
        edge = np.zeros(len(areas), bool)
        for rim in (numbered[0], numbered[-1], numbered[:, 0], numbered[:, -1]):
            edge[rim] = True
        areas[0] = 0
        whole += areas[~edge & (areas > 0)].tolist()
        cut += areas[edge & (areas > 0)].tolist()
    counted = np.array(whole or cut)
    return 2 * math.sqrt(float(np.median(counted)) / math.pi) if counted.size else None


def _levelled(plane: NDArray[np.float32], smoothing_px: float, around_px: int) -> NDArray[np.float32]:
    values = np.nan_to_num(np.asarray(plane, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if smoothing_px:
        values = ndi.gaussian_filter(values, smoothing_px, truncate=_CUT)
    if around_px:
        values = values - ndi.uniform_filter(values, around_px)
    return values


def _radius(smoothing_px: float) -> int:
    """Return the radius that scipy cuts a Gaussian at."""
    return int(_CUT * smoothing_px + 0.5)


def _median(values: NDArray[np.integer], weights: NDArray[np.integer]) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
