"""What a reader finds in a file, and how it becomes an image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from napari_pseudolabel.errors import InputError, SeveralImages
from napari_pseudolabel.imaging.addresses import address_of
from napari_pseudolabel.imaging.image import ArrayLike, Image
from napari_pseudolabel.imaging.placement import Placement
from napari_pseudolabel.imaging.reading.read_request import Position, ReadRequest


@dataclass(frozen=True)
class AxisScale:
    """Size of a pixel along one axis, the position of the centre of pixel 0, and their unit."""

    scale: float = 1.0
    unit: str = "pixel"
    translate: float = 0.0


_LISTED = 8


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
    notes
        What had to be assumed or was left out, each a sentence that begins with "It", "Its" or "Parts".
    files, channel_names
        As in `Image`.
    """

    data: ArrayLike
    axes: str
    steps: Mapping[str, AxisScale] = field(default_factory=dict)
    placement: Placement | None = None
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    channel_names: tuple[str, ...] = ()

    def image(self, path: Path, name: str, request: ReadRequest) -> Image:
        """Make the image that was asked for."""
        placement = self.placement
        if placement is None:
            kept = [letter for letter in self.axes if letter not in "CS"]
            steps = [self.steps.get(letter, AxisScale()) for letter in kept]
            placement = Placement(
                scale=tuple(step.scale for step in steps),
                translate=tuple(step.translate for step in steps),
                units=tuple(step.unit for step in steps),
                axis_labels=tuple(letter.lower() for letter in kept),
            )
        notes = tuple(f"{path.name}: {note[0].lower()}{note[1:]}" for note in self.notes)
        files = tuple(map(str, self.files))
        return Image(
            self.data,
            self.axes,
            placement,
            name,
            address_of(path) or str(path),
            notes,
            files=files,
            channel_names=self.channel_names,
            request=request,
        )


def chosen_position(
    path: str | Path, names: Sequence[str], position: Position | None, *, ask: bool = False
) -> tuple[int, tuple[str, ...]]:
    """Return number of the position that a person asks for by number or name, and a note where nobody chose.

    Parameters
    ----------
    names
        Of all positions; empty where one has none.
    ask
        Whether somebody has to choose, because none stands for the others, as an image does for its thumbnails; see `none_stands_out`.

    Raises
    ------
    SeveralImages
        If nobody chose and must.
    InputError
        If there is no such position.
    """
    told = [f"{number} ({name})" if name else str(number) for number, name in enumerate(names[:_LISTED])]
    listed = ", ".join(told) + (", ..." if len(names) > _LISTED else "")
    if position is None:
        if len(names) == 1:
            return 0, ()
        if ask:
            raise SeveralImages(
                f"{path} holds {len(names)} images: {listed}; say which: --position 0 in the shell, where a folder for the "
                "results takes all; imaging.read(path, position=0) in Python; for the window, save the one as a file of its own.",
                names,
            )
        return 0, (
            f"It holds {len(names)} images: {listed}; the first was read, a position chooses another.",
        )
    text = str(position)
    if text in names and not isinstance(position, int):
        return names.index(text), ()
    if text.isdecimal() and int(text) < len(names):
        return int(text), ()
    raise InputError(f"{path} has no position {text}; it holds {listed}.")


def none_stands_out(sizes: Sequence[int]) -> bool:
    """Whether a plane of one of the images of a file is as large as one of the first, or larger, by their numbers of pixels."""
    return any(size >= sizes[0] for size in sizes[1:])


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
