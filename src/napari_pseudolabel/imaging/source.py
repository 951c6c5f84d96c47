"""What a reader finds in a file, and how it becomes an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.image import ArrayLike, Image
from napari_pseudolabel.imaging.placement import Placement


@dataclass(frozen=True)
class Step:
    """Size of a pixel along one axis, the position of the centre of pixel 0, and their unit."""

    scale: float = 1.0
    unit: str = "pixel"
    translate: float = 0.0


@dataclass(frozen=True)
class Source:
    """Content of a file.

    Attributes
    ----------
    data, axes
        As in `Image`.
    steps
        What is known about the axes, by letter.
    placement
        Complete placement where the file holds one; it goes before `steps`.
    """

    data: ArrayLike
    axes: str
    steps: Mapping[str, Step] = field(default_factory=dict)
    placement: Placement | None = None

    def image(self, path: Path, name: str, axes: str | None = None) -> Image:
        """Make the image; `axes` replaces what was found or guessed."""
        placement = self.placement if axes is None else None
        letters = self.axes if axes is None else axes.upper()
        if placement is None:
            kept = [letter for letter in letters if letter not in "CS"]
            steps = [self.steps.get(letter, Step()) for letter in kept]
            placement = Placement(
                scale=tuple(step.scale for step in steps),
                translate=tuple(step.translate for step in steps),
                units=tuple(step.unit for step in steps),
                axis_labels=tuple(letter.lower() for letter in kept),
            )
        return Image(self.data, letters, placement, name, str(path))


def axes_by_shape(shape: tuple[int, ...]) -> str:
    """Axes of an array in a file that does not name them: planes before Y and X, RGB(A) behind.

    Raises
    ------
    InputError
        When there are fewer than two or more than five axes.
    """
    samples = "S" if len(shape) > 2 and shape[-1] in (3, 4) else ""
    leading = len(shape) - 2 - len(samples)
    known = ("", "Z", "TZ", "TCZ")
    if not 0 <= leading < len(known):
        raise InputError(f"An array of shape {shape} is not an image; two to five axes are needed.")
    return known[leading] + "YX" + samples
