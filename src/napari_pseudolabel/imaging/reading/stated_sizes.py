"""Sizes that several parts of a file give, some of which cannot be right."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.reading.source import AxisScale
from napari_pseudolabel.imaging.units import (
    AT_SCALE_BARS,
    LARGEST_UM,
    SMALLEST_UM,
    canonical_unit,
    is_time,
    micrometres,
    unit_or_pixel,
)

_SAME_WITHIN = 0.02
_MOST_BANNER = 1.15
# But for 1,234: that may be a little more than one, or a thousand.
_DECIMAL_COMMA = re.compile(r"[-+]?(?![1-9]\d{0,2},\d{3}$)\d+,\d+([eE][-+]?\d+)?")
NO_UNITS = ("", "pixel", "none", "None", "reference frame")
"""What files write where they say that sizes are in no unit of length."""


@dataclass(frozen=True)
class StatedSizes:
    """What one part of a file says.

    Attributes
    ----------
    source
        What it is called in a sentence: "its OME-XML".
    steps
        By letter of the axis; those that can be believed.
    notes
        What was wrong or had to be assumed.
    plane
        Height and width in pixels of the image that it describes; None where it does not say.
    """

    source: str
    steps: Mapping[str, AxisScale] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    plane: tuple[float, float] | None = None

    def of(self, plane: tuple[float, float]) -> StatedSizes:
        """Return what it says of an image that has other pixels: nothing, if it was made smaller or larger than the one that is described.

        A part that was cut out keeps the size of its pixels; one of the same proportions may be either, so nothing is known then.

        Parameters
        ----------
        plane
            Height and width of the image in pixels.
        """
        if self.plane is None or min(self.plane) <= 0 or not {"Y", "X"} & self.steps.keys():
            return self
        high, wide = (now / before for now, before in zip(plane, self.plane, strict=True))
        # Rounded to whole pixels, and microscopes may write a banner below.
        if abs(wide - 1) <= _SAME_WITHIN or not 1 - _SAME_WITHIN <= high / wide <= _MOST_BANNER:
            return self
        described, there = (" x ".join(f"{side:g}" for side in one) for one in (self.plane, plane))
        return StatedSizes(
            self.source,
            {letter: step for letter, step in self.steps.items() if letter not in "YX"},
            (
                f"It has {there} pixels, but {self.source} describes {described}: it was made smaller or larger since, or cut out, so the "
                "pixel size there was left out; tell it.",
            ),
            self.plane,
        )


def plane_of(metadata: Mapping[str, object], height: str, width: str) -> tuple[float, float] | None:
    """Return height and width in pixels as a header says them; None where it does not."""
    sides = number(metadata.get(height)), number(metadata.get(width))
    return None if sides[0] is None or sides[1] is None else (sides[0], sides[1])


def number(value: object) -> float | None:
    """Return a number as files write it, with a decimal point or a decimal comma; None if it is none."""
    text = str(value).strip()
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        return float(text)
    except ValueError:
        return None


def stated_sizes(who: str, sizes: Mapping[str, tuple[object, object]]) -> StatedSizes:
    """Take the sizes that can be believed.

    Parameters
    ----------
    sizes
        Value and unit as they are written, by letter of the axis; what is not there is left out. One that is in
        no unit, as `NO_UNITS` lists them, keeps its number as a ratio in pixels.
    """
    steps: dict[str, AxisScale] = {}
    notes = []
    for letter, (value, unit) in sizes.items():
        size, name = number(value), unit_or_pixel(unit)
        length = micrometres(name)
        if size is None or not (math.isfinite(size) and size > 0):
            problem = "is no size"
        elif letter != "T" and length is not None and not SMALLEST_UM <= size * length <= LARGEST_UM:
            problem = "cannot be the size of a pixel"
        elif is_time(name) != (letter == "T") and name != "pixel":
            problem = "has a unit that does not fit"
        elif name == "pixel" and canonical_unit(unit) not in NO_UNITS:
            problem = "has an unknown unit"
        else:
            # Headers in metres are for machines; whoever looks at a scale bar wants another unit.
            rare = length is not None and name not in AT_SCALE_BARS
            steps[letter] = AxisScale(size * (length or 1.0), "micrometer") if rare else AxisScale(size, name)
            continue
        told = f"{value} {unit}".strip()
        notes.append(f"Its size along {letter.lower()} in {who} ({told}) {problem}, and was left out.")
    known = [letter for letter in "YX" if letter in steps and steps[letter].unit != "pixel"]
    if len(known) == 1:
        there, missing = known[0], "YX".replace(known[0], "")
        steps[missing] = steps[there]
        notes.append(
            f"It gives the size along {there.lower()} only in {who}; the pixels were taken for square ones."
        )
    return StatedSizes(who, steps, tuple(notes))


def unless_changed(
    own: Placement, axes: str, steps: Mapping[str, AxisScale], source: str
) -> tuple[Placement | None, tuple[str, ...]]:
    """Return a placement that this package wrote into a file, None where another program has changed the sizes beside it since.

    Parameters
    ----------
    axes
        One letter per axis of the placement.
    steps
        What the file says in the places that all programs know.
    source
        Who says that.

    Returns
    -------
    Placement or None, tuple of str
        And a sentence if it is not to be used.
    """
    lengths = [micrometres(unit) for unit in own.units or ("pixel",) * own.ndim]
    written = [size * length for size, length in zip(own.spacing, lengths, strict=True) if length is not None]
    half = len([length for length in lengths[-2:] if length is None]) == 1
    if half or any(not SMALLEST_UM <= size <= LARGEST_UM for size in written):
        return own, ()  # of which `stated_sizes` has to assume some
    for letter, size, scale, length in zip(axes, own.spacing, own.scale, lengths, strict=True):
        now = steps.get(letter, AxisScale())
        told = micrometres(now.unit)
        if letter == "T" or told is None:
            continue
        # Earlier versions wrote the scale alone, whatever came after it.
        known = () if length is None else (size * length, abs(scale) * length)
        if not any(math.isclose(told * now.scale, one, rel_tol=_SAME_WITHIN) for one in known):
            return None, (
                f"Its size along {letter.lower()} in {source} ({now.scale:g} {now.unit}) is not what it was when the file was written, "
                "so what else was known then of where it lies was left out.",
            )
    return own, ()


def choose_sizes(stated: Sequence[StatedSizes]) -> tuple[dict[str, AxisScale], tuple[str, ...]]:
    """Return the sizes to use, and what the person should know about them.

    Parameters
    ----------
    stated
        Whom to believe first comes first. Y and X come from the same part of the file.
    """
    steps: dict[str, AxisScale] = {}
    for one in reversed(stated):
        for letters in ("YX", "Z", "T"):
            found = {letter: one.steps[letter] for letter in letters if letter in one.steps}
            better = any(step.unit != "pixel" for step in found.values())
            worse = all(steps[letter].unit == "pixel" for letter in letters if letter in steps)
            if found and (better or worse):
                steps.update(found)
    notes = [note for one in stated for note in one.notes]
    sizes = [(one.source, size) for one in stated if (size := _size_um(one.steps)) is not None]
    if sizes:
        who, believed = sizes[0]
        for other, size in sizes[1:]:
            if not math.isclose(size, believed, rel_tol=_SAME_WITHIN):
                notes.append(
                    f"Its pixels are {believed:g} um wide by {who} and {size:g} um by {other}; the first was believed."
                )
    return steps, tuple(notes)


def _size_um(steps: Mapping[str, AxisScale]) -> float | None:
    """Width of a pixel in um."""
    step = steps.get("X", AxisScale())
    length = micrometres(canonical_unit(step.unit))
    return None if length is None else step.scale * length
