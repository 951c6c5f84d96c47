"""Where an array lies in the world: the spatial metadata that travels from a layer to every export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.units import canonical_unit, micrometres
from napari_pseudolabel.types import JsonObject

SQUARE_WITHIN = 0.01
"""Sides of pixels that differ by a smaller share are alike."""
_FIELDS = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


@dataclass(frozen=True, eq=False)
class Placement:
    """Spatial metadata of an array with n axes, in napari's terms (the RGB axis is not counted).

    Attributes
    ----------
    scale
        Size of a pixel along each of the n axes, in `units`; never zero.
    translate
        World position of the centre of pixel 0 along each axis, in `units`.
    rotate
        (n, n) rotation matrix, or None.
    shear
        The n (n - 1) / 2 entries above the diagonal, row by row, or an (n, n) matrix, or None.
    affine
        (n + 1, n + 1) homogeneous matrix applied after all others, or None.
    units
        One unit per axis, by the names pint uses ("micrometer", "pixel", "second"); other
        spellings and ``pint.Unit`` are converted. None when unknown.
    axis_labels
        One name per axis, or None.

    Raises
    ------
    InputError
        When the lengths do not fit each other, or a scale is zero or not finite.
    """

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    rotate: np.ndarray | None = None
    shear: np.ndarray | None = None
    affine: np.ndarray | None = None
    units: tuple[str, ...] | None = None
    axis_labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        scale = tuple(float(value) for value in self.scale)
        n = len(scale)
        if not all(np.isfinite(value) and value != 0 for value in scale):
            raise InputError(f"The scale {scale} holds a zero or a value that is not finite; correct it.")
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "translate", tuple(float(value) for value in self.translate))
        if self.units is not None:
            object.__setattr__(self, "units", tuple(canonical_unit(unit) for unit in self.units))
        if self.axis_labels is not None:
            object.__setattr__(self, "axis_labels", tuple(str(label) for label in self.axis_labels))
        for name in ("translate", "units", "axis_labels"):
            value = getattr(self, name)
            if value is not None and len(value) != n:
                raise InputError(f"{name} has {len(value)} entries, but scale has {n}; give one per axis.")
        shapes = {"rotate": ((n, n),), "shear": ((n * (n - 1) // 2,), (n, n)), "affine": ((n + 1, n + 1),)}
        for name, allowed in shapes.items():
            object.__setattr__(self, name, _matrix(name, getattr(self, name), allowed))

    @classmethod
    def identity(cls, ndim: int, axes: str | None = None) -> Placement:
        """Placement of an array about which nothing is known: scale 1, units of pixels.

        Parameters
        ----------
        ndim
            Number of axes.
        axes
            Letters such as ``"TYX"`` that become the axis labels ``("t", "y", "x")``.
        """
        labels = tuple(axes.lower()) if axes else None
        return cls((1.0,) * ndim, (0.0,) * ndim, units=("pixel",) * ndim, axis_labels=labels)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.scale)

    @property
    def letters(self) -> str | None:
        """One letter per axis, of T, Z, Y and X in this order: from the labels where they are such letters, else by number.

        None for more than four axes, or fewer than two.
        """
        letters = "".join(label.upper() for label in self.axis_labels or ())
        if (
            len(letters) == self.ndim == len(set(letters))
            and set(letters) <= set("TZYX")
            and letters.endswith("YX")
        ):
            return letters
        return {2: "YX", 3: "ZYX", 4: "TZYX"}.get(self.ndim)

    def pixel_size_um(self) -> float | None:
        """Side of a pixel in um, the mean over the last two axes, after scale, shear, rotation and affine.

        Returns
        -------
        float or None
            None when the unit of either axis is not a length (pixel, unknown).

        Raises
        ------
        InputError
            When the two sides differ by more than 1 %, or do not stand at right angles.
        """
        sides = self.pixel_sides_um()
        if sides is None:
            return None
        height, width = sides
        if abs(height - width) > SQUARE_WITHIN * max(height, width):
            raise InputError(
                f"The pixels are not square ({height:g} um high, {width:g} um wide); "
                "resample the image to square pixels first, or give the scale by hand."
            )
        return (height + width) / 2

    def pixel_sides_um(self) -> tuple[float, float] | None:
        """Height and width of a pixel in um, after scale, shear, rotation and affine.

        Returns
        -------
        tuple or None
            None when the unit of either axis is not a length (pixel, unknown).

        Raises
        ------
        InputError
            When the two sides do not stand at right angles.
        """
        if self.units is None or self.ndim < 2:
            return None
        lengths = [micrometres(unit) for unit in self.units]
        if lengths[-2] is None or lengths[-1] is None:
            return None
        down, right = self._steps(lengths)
        height, width = float(np.linalg.norm(down)), float(np.linalg.norm(right))
        if abs(float(down @ right)) > SQUARE_WITHIN * height * width:
            raise InputError(
                "The pixels are sheared by the layer's transform; resample the image first, or give the scale by hand."
            )
        return height, width

    @property
    def pixel_aspect(self) -> float:
        """Height of a pixel by its width, whatever their unit; 1 where a side has no length."""
        lengths = [micrometres(unit) for unit in self.units or ()]
        known = len(lengths) > 1 and None not in lengths[-2:]
        down, right = self._steps(lengths if known else (1.0,) * self.ndim)
        height, width = float(np.linalg.norm(down)), float(np.linalg.norm(right))
        return height / width if height and width else 1.0

    def _steps(self, lengths: Sequence[float | None]) -> tuple[np.ndarray, np.ndarray]:
        """Return where a step down and one to the right lead; `lengths` are the units, None for what is no length."""
        # A step along an axis of another unit is no length; none goes there unless a rotation mixes them.
        world = self._linear() * np.array([0.0 if length is None else length for length in lengths])[:, None]
        return world[:, -2], world[:, -1]

    def _linear(self) -> np.ndarray:
        """From a step in pixels to a step in the world, without the shift: (n, n)."""
        n = self.ndim
        matrix = np.diag(self.scale)
        if self.shear is not None:
            matrix = _shear_matrix(self.shear, n) @ matrix
        if self.rotate is not None:
            matrix = self.rotate @ matrix
        return matrix if self.affine is None else self.affine[:n, :n] @ matrix

    @property
    def spacing(self) -> tuple[float, ...]:
        """Length of a step along each axis in its unit, after scale, shear, rotation and affine: what other programs know as sizes."""
        if self.shear is None and self.rotate is None and self.affine is None:
            return tuple(map(abs, self.scale))
        lengths = [micrometres(unit) for unit in self.units or (None,) * self.ndim]
        alike = np.array([[(one is None) == (other is None) for one in lengths] for other in lengths])
        sizes = np.array([1.0 if length is None else length for length in lengths])
        steps = np.linalg.norm(self._linear() * sizes[:, None] * alike, axis=0) / sizes
        # An axis that was turned into one of another unit has no length there.
        return tuple(float(step) or abs(one) for step, one in zip(steps, self.scale, strict=True))

    @property
    def position(self) -> tuple[float, ...]:
        """Where the centre of pixel 0 lies in the world, along each axis in its unit."""
        if self.affine is None:
            return self.translate
        n = self.ndim
        return tuple(map(float, self.affine[:n, :n] @ np.array(self.translate) + self.affine[:n, n]))

    @property
    def is_turned(self) -> bool:
        """Whether sizes and a position do not say it all: it is mirrored, turned or sheared."""
        linear = self._linear()
        return bool((linear.diagonal() < 0).any() or not np.allclose(linear, np.diag(linear.diagonal())))

    def with_pixel_size_um(self, size: float) -> Placement:
        """Return the placement with square pixels of `size` um, where none is known so far.

        A placement that already has lengths along the last two axes comes back as it is.
        """
        units = self.units or ("pixel",) * self.ndim
        if any(micrometres(unit) is not None for unit in units[-2:]):
            return self
        factors = np.array([*(1.0,) * (self.ndim - 2), *(size / side for side in self.spacing[-2:])])
        affine = None if self.affine is None else self.affine.copy()
        if affine is not None:
            affine[:-1, -1] *= factors
        return replace(
            self,
            scale=tuple(factors * self.scale),
            translate=tuple(factors * self.translate),
            affine=affine,
            units=(*units[:-2], "micrometer", "micrometer"),
        )

    def moved(self, offsets: Sequence[float]) -> Placement:
        """Return the placement of a part that begins so many pixels further along each of the last axes."""
        n = self.ndim
        alone = replace(self, affine=None)._linear()  # the affine comes after the translation
        steps = np.array((0.0,) * (n - len(offsets)) + tuple(offsets))
        return replace(self, translate=tuple(np.array(self.translate) + alone @ steps))

    def coarser(self, shape: Sequence[int], onto: Sequence[int]) -> Placement:
        """Return the placement of planes (h, w) of a size `onto` that cover the same as planes (H, W) of a size `shape`."""
        factors = [old / new for old, new in zip(shape, onto, strict=True)]
        begun = self.moved([(factor - 1) / 2 for factor in factors])
        last = (one * factor for one, factor in zip(self.scale[-2:], factors, strict=True))
        return replace(begun, scale=(*self.scale[:-2], *last))

    def layer_kwargs(self) -> dict[str, Any]:
        """Keyword arguments for napari's ``add_*`` functions and layers."""
        return {name: value for name in _FIELDS if (value := getattr(self, name)) is not None}

    def drop_axis(self, axis: int) -> Placement:
        """Return the placement without one axis, for example the channels.

        Raises
        ------
        InputError
            When there is no such axis, or when a rotation, shear or affine mixes it with others:
            then nothing short of resampling takes it away.
        """
        n = self.ndim
        if not -n <= axis < n:
            raise InputError(f"There is no axis {axis} to drop: the placement has {n}.")
        axis %= n
        changed: dict[str, Any] = {
            name: (*value[:axis], *value[axis + 1 :])
            for name in ("scale", "translate", "units", "axis_labels")
            if (value := getattr(self, name)) is not None
        }
        if self.shear is not None:
            shear = _drop("shear", _shear_matrix(self.shear, n), axis)
            changed["shear"] = shear if self.shear.ndim == 2 else shear[np.triu_indices(n - 1, 1)]
        for name in ("rotate", "affine"):
            if (matrix := getattr(self, name)) is not None:
                changed[name] = _drop(name, matrix, axis)
        return replace(self, **changed)

    def to_dict(self) -> JsonObject:
        """All fields as plain lists, for JSON; `from_dict` is the way back."""
        return {
            name: None if (value := getattr(self, name)) is None else np.asarray(value).tolist()
            for name in _FIELDS
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Placement:
        """Build a placement from `to_dict`.

        Raises
        ------
        InputError
            When fields are missing, unknown or malformed.
        """
        try:
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise InputError(f"The stored placement cannot be used: {error}") from error

    def __eq__(self, other: object) -> bool:
        return self.to_dict() == other.to_dict() if isinstance(other, Placement) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.scale, self.translate, self.units, self.axis_labels))


def _matrix(name: str, value: object, shapes: tuple[tuple[int, ...], ...]) -> np.ndarray | None:
    """Return a read-only float64 copy of `value`, whose shape must be one of `shapes`."""
    if value is None:
        return None
    matrix = np.array(value, dtype=float)
    if matrix.shape not in shapes:
        wanted = " or ".join(map(str, shapes))
        raise InputError(f"{name} has the shape {matrix.shape}, but {wanted} fits the scale; correct it.")
    matrix.flags.writeable = False
    return matrix


def _shear_matrix(shear: np.ndarray, n: int) -> np.ndarray:
    if shear.ndim == 2:
        return shear
    matrix = np.eye(n)
    matrix[np.triu_indices(n, 1)] = shear
    return matrix


def _drop(name: str, matrix: np.ndarray, axis: int) -> np.ndarray:
    """Remove the row and the column of `axis`, which must not be mixed with others."""
    mixed = matrix[axis].copy(), matrix[:, axis].copy()
    for values in mixed:
        values[axis] = 0
    if name == "affine":
        mixed[0][-1] = 0  # a shift along the dropped axis says nothing about the others
    if not all(np.allclose(values, 0) for values in mixed):
        raise InputError(
            f"Axis {axis} cannot be taken away because {name} mixes it with others; reset {name}."
        )
    return np.delete(np.delete(matrix, axis, 0), axis, 1)
