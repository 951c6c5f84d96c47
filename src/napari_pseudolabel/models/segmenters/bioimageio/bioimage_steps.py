"""What a description wants done to the pixels before the network sees them, and what of the layer that needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.imaging import LayerStatistics, Need, from_array
from napari_pseudolabel.imaging.statistics import measure, whole_moments
from napari_pseudolabel.models.cards import Normalisation
from napari_pseudolabel.types import JsonObject

_EPS = 1e-6
_REAL = ("float32", "float64")


@dataclass(frozen=True)
class PixelStep:
    """Values times `gain` plus `offset`, one for each channel or one for all, then nothing outside of `low` and `high`."""

    gain: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    low: float = -np.inf
    high: float = np.inf

    def __call__(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (C, H, W), changed."""
        gain, offset = (np.asarray(one, np.float32).reshape(-1, 1, 1) for one in (self.gain, self.offset))
        return np.clip(data * gain + offset, self.low, self.high)


@dataclass(frozen=True)
class LayerStep:
    """Values are brought to those of the whole layer: two percentiles to 0 and 1, or its mean and deviation.

    bioimageio takes the statistics of one sample, which is an image; here they are those of the layer, so that a part
    answers as the whole. For an image of one plane that is the same.
    """

    percentiles: tuple[float, float] | None = None
    eps: float = _EPS


@dataclass(frozen=True)
class InputSteps:
    """All that is done, in this order.

    Attributes
    ----------
    before
        What does not ask for the layer.
    layer
        None if nothing does.
    after
        What does not, either.
    words
        What they are called in the description.
    """

    before: tuple[PixelStep, ...] = ()
    layer: LayerStep | None = None
    after: tuple[PixelStep, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def need(self) -> Need:
        """What must be known of the layer."""
        if self.layer is None:
            return Need("none")
        if self.layer.percentiles is None:
            return Need("none", moments=True)
        return Need("percentile", *self.layer.percentiles)

    @property
    def normalisation(self) -> Normalisation:
        """The same as a card says it, as far as it can: which raw values become 0 and 1."""
        if self.layer is not None and self.layer.percentiles is not None:
            low, high = self.layer.percentiles
            return Normalisation(kind="percentile", low=low, high=high)
        if self.layer is None and self.before:
            first = self.before[0]
            gain, offset = first.gain[0], first.offset[0]
            low, high = -offset / gain, (1 - offset) / gain
            # What is brought to a mean and a deviation has no white; the usual one stands for it.
            known = offset == 0 and gain > 0
            return Normalisation(
                kind="range", low=low if known else 0.0, high=high if known else _white(high)
            )
        return Normalisation(kind="none")

    def __call__(self, raw: NDArray[np.float32], layer: LayerStatistics) -> NDArray[np.float32]:
        """Return what the network is given of raw values (C, H, W) of a layer with these statistics."""
        data = np.nan_to_num(raw, nan=0.0, posinf=0.0, neginf=0.0)
        for step in self.before:
            data = step(data)
        if self.layer is not None:
            middle, width = (
                np.asarray(values, np.float32).reshape(-1, 1, 1)
                for values in zip(
                    *(self._of_layer(layer, channel) for channel in range(len(raw))), strict=True
                )
            )
            width = width + np.float32(self.layer.eps)
            width[width == 0] = 1  # a constant layer
            data = (data - middle) / width
        for step in self.after:
            data = step(data)
        return data.astype(np.float32, copy=False)

    def prepared(self, raw: NDArray[np.float32], whole: LayerStatistics | None) -> NDArray[np.float32]:
        """Return the same for values that are a part of a layer, or, if `whole` is None, all there is."""
        known = whole or measure(from_array(raw, "CYX"), range(len(raw)), self.need)
        return self(raw, known)

    def _of_layer(self, layer: LayerStatistics, channel: int) -> tuple[float, float]:
        """Return what is taken away from a channel and what it is divided by, after the steps before."""
        assert self.layer is not None
        if self.layer.percentiles is None:
            middle, width = whole_moments(layer, channel)
        else:
            limits = layer.channels[channel].limits
            middle, width = limits.low, limits.high - limits.low
        for step in self.before:
            gain, offset = (one[channel % len(one)] for one in (step.gain, step.offset))
            middle, width = middle * gain + offset, width * abs(gain)
        return middle, width


def _white(high: float) -> float:
    return 1.0 if high <= 2 else 255.0


def read_steps(given: Sequence[JsonObject], axes: str, channels: int, whose: str) -> InputSteps:
    """Read the preprocessing of an input.

    Parameters
    ----------
    given
        As in the description, of version 0.4 or 0.5.
    axes
        A letter for each axis of the input: "bcyx".
    channels
        Of the input.
    whose
        Name of the package.

    Raises
    ------
    CheckpointError
        If a step is not known here, or cannot be done so that a part of an image gets what the whole gets.
    """
    found = InputSteps()
    for one in given:
        name = str(one.get("id") or one.get("name"))
        said: Mapping[str, object] = one.get("kwargs") or {}
        step = _read(name, said, axes, channels, whose)
        if step is None:
            continue
        found = replace(found, words=(*found.words, name))
        if isinstance(step, LayerStep):
            if found.layer is not None or any(np.isfinite((s.low, s.high)).any() for s in found.before):
                raise _refused(whose, name, "after other steps")
            if any(gain <= 0 for s in found.before for gain in s.gain):
                raise _refused(whose, name, "after values were turned around")
            found = replace(found, layer=step)
        elif found.layer is None:
            found = replace(found, before=(*found.before, step))
        else:
            found = replace(found, after=(*found.after, step))
    return found


def _read(
    name: str, said: Mapping[str, object], axes: str, channels: int, whose: str
) -> PixelStep | LayerStep | None:
    match name:
        case "ensure_dtype" if said.get("dtype") in _REAL:
            return None
        case "scale_linear" if said.get("axis") in (None, "channel", "c"):
            return PixelStep(_numbers(said.get("gain", 1.0)), _numbers(said.get("offset", 0.0)))
        case "clip" if said.get("min_percentile") is None and said.get("max_percentile") is None:
            low, high = said.get("min"), said.get("max")
            return PixelStep(
                low=-np.inf if low is None else _number(low), high=np.inf if high is None else _number(high)
            )
        case "fixed_zero_mean_unit_variance" if said.get("axis") in (None, "channel", "c"):
            return _fixed(said, 0.0)
        case "zero_mean_unit_variance" if said.get("mode") == "fixed":
            return _fixed(said, _number(said.get("eps", _EPS)))
        case "zero_mean_unit_variance":
            _check_axes(name, said, axes, channels, whose)
            return LayerStep(eps=_number(said.get("eps", _EPS)))
        case "scale_range" if said.get("reference_tensor") is None:
            _check_axes(name, said, axes, channels, whose)
            low, high = (
                _number(said.get(f"{end}_percentile", usual)) for end, usual in (("min", 0.0), ("max", 100.0))
            )
            return LayerStep((low, high), _number(said.get("eps", _EPS)))
    raise _refused(whose, name, "in this form")


def _fixed(said: Mapping[str, object], eps: float) -> PixelStep:
    """Return (value - mean) / (std + eps) as a gain and an offset."""
    means, widths = _numbers(said["mean"]), tuple(one + eps for one in _numbers(said["std"]))
    pairs = [(means[n % len(means)], widths[n % len(widths)]) for n in range(max(len(means), len(widths)))]
    return PixelStep(tuple(1 / width for _, width in pairs), tuple(-mean / width for mean, width in pairs))


def _check_axes(name: str, said: Mapping[str, object], axes: str, channels: int, whose: str) -> None:
    """Refuse statistics that are not those of each channel of an image."""
    asked = said.get("axes")
    joint = set(axes) if asked is None else {str(one)[0] for one in asked}  # type: ignore[attr-defined]
    if not {"y", "x"} <= joint or (channels > 1 and "c" in joint):
        raise _refused(whose, name, "over these axes")


def _number(value: object) -> float:
    return float(value)  # type: ignore[arg-type]


def _numbers(value: object) -> tuple[float, ...]:
    values = tuple(map(float, value)) if isinstance(value, list | tuple) else (_number(value),)
    if not values or not all(map(np.isfinite, values)):
        raise ValueError("numbers of a step that are none")
    return values


def _refused(whose: str, name: str, how: str) -> CheckpointError:
    return CheckpointError(
        f"{whose} prepares its images by {name[:60]} {how}, which cannot be done here; label with bioimageio.core, and bring "
        "the labels along."
    )
