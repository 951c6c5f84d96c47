"""From where to where labels are carried, and by which checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from quality_cases import FLUORESCENCE, PURPLE, SEM, TEM, Side
from quality_mito import FIBSEM_SIDE, MITO, SSTEM_SIDE

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models import resolve


@dataclass(frozen=True, eq=False)
class Direction:
    """Labels of the source are carried to the target.

    Attributes
    ----------
    adapting
        Translator that makes target images look like the source.
    tutoring
        Translator that makes source images look like the target.
    proxy
        Shipped segmenter of the target that learned from translated source images; None if none is shipped.
    alike
        Whether segmenters of the source label the target as well, though worse.
    """

    source: Side
    target: Side
    adapting: str
    tutoring: str
    proxy: str | None = None
    alike: bool = False

    @property
    def name(self) -> str:
        """Such as "TEM -> SEM"."""
        return f"{self.source.name} -> {self.target.name}"

    @property
    def grey_levels(self) -> tuple[str | None, str | None]:
        """The shipped translators beside `adapting` and `tutoring` that only change grey levels; None if none is shipped."""
        adapting, tutoring = (
            f"{ref}-grey-levels" if ref.startswith("sample:") else None
            for ref in (self.adapting, self.tutoring)
        )
        return adapting, tutoring


def directions(mito: Path) -> list[Direction]:
    """All of them; `mito` is the folder with the translators of mitochondria."""
    to_sstem, to_fibsem = (str(mito / f"{name}.safetensors") for name in MITO.names)
    return [
        Direction(TEM, SEM, "sample:sem-to-tem", "sample:tem-to-sem", "sample:sem-proxy"),
        Direction(SEM, TEM, "sample:tem-to-sem", "sample:sem-to-tem"),
        Direction(
            FLUORESCENCE,
            PURPLE,
            "sample:purple-to-fluorescence",
            "sample:fluorescence-to-purple",
            "sample:purple-proxy",
        ),
        Direction(SSTEM_SIDE, FIBSEM_SIDE, to_sstem, to_fibsem, alike=True),
    ]


def found(ref: str | None) -> Path | None:
    """The file of a checkpoint, None if it is not there."""
    try:
        return None if ref is None else resolve(ref)
    except InputError:
        return None
