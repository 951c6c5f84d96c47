"""What all formats are asked that number the objects of stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from napari_pseudolabel.options import Checked, Option

if TYPE_CHECKING:
    from napari_pseudolabel.imaging.placement import Placement


@dataclass(frozen=True, kw_only=True)
class StackOptions(Checked):
    """How the objects of several planes are numbered."""

    join_planes: Annotated[
        float,
        Option(
            "Objects of neighbouring planes of a stack that overlap at least so much (IoU) are one object, and have one number; 0 "
            "numbers every plane by itself. 0.25 is usual. Planes of time are never joined.",
            title="Join planes",
            term="stitch threshold",
            least=0,
            most=1,
            step=0.05,
            special="not joined",
        ),
    ] = 0.0

    def axis(self, placement: Placement) -> int | None:
        """Return the axis along which planes are joined; None where there is none, or they are not to be."""
        letters = placement.letters or ""
        return letters.index("Z") if self.join_planes and "Z" in letters else None

    @property
    def words(self) -> tuple[str, ...]:
        """What was done, for the person and the provenance; nothing where planes are not joined."""
        if not self.join_planes:
            return ()
        return (
            f"Objects of neighbouring planes with an overlap (IoU) of at least {self.join_planes:g} have one number.",
        )
