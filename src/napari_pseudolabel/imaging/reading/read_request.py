"""What is asked of a file."""

from __future__ import annotations

from dataclasses import dataclass

Position = int | str
"""One of several images in a file: its number from 0, or its name."""


@dataclass(frozen=True)
class ReadRequest:
    """What is asked of a file.

    Attributes
    ----------
    level
        Of a pyramid, 0 is the largest.
    axes
        What the person says the axes are; it goes before what the file says and before every guess.
    position
        Which of several images; None for the first, with a note, where it is larger than all others.
    labels
        Whether stored values are indices to be kept (True) or a picture to look at.
    """

    level: int = 0
    axes: str | None = None
    position: Position | None = None
    labels: bool = False

    @property
    def letters(self) -> str | None:
        """The axes in capitals."""
        return None if self.axes is None else self.axes.upper()
