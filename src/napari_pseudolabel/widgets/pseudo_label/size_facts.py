"""What is known about the size of things in the chosen image, and what the dock says about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.strategies import FoundScale
from napari_pseudolabel.viewer.known_size import Grid, How

SizeAction = Literal["", "apply", "use"]

UNKNOWN = "unknown: found when you press Run"
_FROM: dict[How, str] = {
    "file": "from the file",
    "image": "said by the image",
    "drawn": "drawn by you",
    "set": "set by you",
}
# By so many octaves what was found differs from the file before the file is doubted.
_DOUBT = 0.7
_NOTHING = 1e-3


@dataclass(frozen=True)
class SizeLine:
    """One line of the dock.

    Attributes
    ----------
    warns
        In amber: nothing is known, or what is known is doubted.
    action
        What a button beside it does, and its title; empty for none.
    why
        What speaks for it or against it, one sentence for the tooltip; empty for nothing.
    """

    text: str
    warns: bool = False
    action: SizeAction = ""
    title: str = ""
    why: str = ""


@dataclass(frozen=True)
class SizeFacts:
    """Everything that decides how much an image is magnified.

    Attributes
    ----------
    scale, how
        What was chosen, on the grid of the model, and where it comes from.
    sure
        Whether a magnification that was chosen belongs to this model.
    pixel_um
        What the file says, in micrometres.
    grid
        Of the model that sees the image first.
    found
        What the models found.
    texture
        Magnification that the texture of the image suggests by itself, where that contradicts the file by far.
    searches
        Whether a run looks for a scale that is not known.
    awaited
        No model is chosen, or it is only made in the run, and nothing is known of it yet.
    problem
        Why no magnification follows, one sentence; empty where one does.
    measured
        How the strategy finds out itself how large things are, in a few words; empty where it does not.
    """

    scale: Scale = Scale()
    how: How = ""
    sure: bool = True
    pixel_um: float | None = None
    grid: Grid = (None, None)
    found: FoundScale | None = None
    texture: float | None = None
    searches: bool = True
    awaited: bool = False
    problem: str = ""
    measured: str = ""

    @property
    def missing(self) -> bool:
        """Whether no magnification follows from what is known."""
        return bool(self.scale.missing(self.pixel_um, self.grid[0]))

    @property
    def refused(self) -> str:
        """Why a run would be refused for the size of things, one sentence; empty where it would not."""
        if self.measured and self.scale == Scale():
            return ""
        if self.problem or self.missing or self.awaited:
            return self.problem
        if self.scale.factor is None and (size := self.scale.object_size_px) and self.grid[1] is None:
            return f"objects of {size:.3g} px, but this model does not say how large its own are: press Find, or set a pixel size"
        try:
            self.scale.to_model(self.pixel_um, *self.grid)
        except InputError as error:
            return str(error)
        return ""

    @property
    def factor(self) -> float | None:
        """Pixels on the grid of the model per pixel of the image, in a run now; None where a run would fail or search."""
        if self.missing:
            return self.found.used if self.found is not None else None if self.searches else 1.0
        try:
            return self.scale.to_model(self.pixel_um, *self.grid)[0]
        except InputError:
            return None

    @property
    def proposed(self) -> float | None:
        """Magnification that is proposed and not applied; None without."""
        if (better := self.better_um) is not None and self.grid[0]:
            return better / self.grid[0]
        found = self.found
        return found.factor if self.missing and found is not None and not found.sure else None

    @property
    def object_px(self) -> float | None:
        """Diameter of a typical object of the model in pixels of the image, at what is proposed or applied; None where unknown."""
        factor, thing = self.proposed or self.factor, self.grid[1]
        return thing / factor if factor and thing else None

    @property
    def better_um(self) -> float | None:
        """Pixel size in micrometres that fits better than that of the file; None where nothing speaks against that."""
        model_um, factor = self.grid[0], self.factor
        if self.scale != Scale() or self.missing or not model_um or not factor:
            return None
        by_looks = self.found.factor if self.found is not None and self.found.sure else None
        if self.found is None:
            return self.texture * model_um if self.texture else None
        doubted = by_looks is not None and abs(math.log2(by_looks / factor)) >= _DOUBT
        return by_looks * model_um if by_looks and doubted else None


def times(factor: float) -> str:
    """Write a magnification for people: two digits, and never without a point below ten."""
    text = f"{factor:.2g}"
    return text if "." in text or factor >= 10 else f"{text}.0"


def size_line(facts: SizeFacts) -> SizeLine:
    """Return what is said under the image."""
    scale, pixel = facts.scale, facts.scale.pixel_size_um or facts.pixel_um
    if facts.measured and scale == Scale():
        return SizeLine(facts.measured)
    if refused := facts.refused:
        return SizeLine(refused, warns=True)
    if scale.factor is not None:
        if not facts.sure:
            instead = "↺ leaves it to the strategy" if facts.measured else "look at it, or press Find"
            said = f"magnified {times(scale.factor)} times was set for another model: {instead}"
            return SizeLine(said, warns=True)
        return SizeLine(f"magnified {times(scale.factor)} times ({_FROM.get(facts.how, 'set by you')})")
    if scale.object_size_px is not None:
        return _of_objects(facts, scale.object_size_px)
    if facts.missing:
        return SizeLine(_pixels(facts)) if facts.awaited and pixel else _unknown(facts)
    assert facts.factor is not None, "it follows from the pixel size"
    if (better := facts.better_um) is not None:
        said = f"the file says {pixel:.2g} µm; {better:.2g} would fit better"
        by = facts.found.evidence if facts.found is not None else "by texture"
        why = f"{times(facts.proposed or 1.0)} times instead of {times(facts.factor)}: {by}."
        return SizeLine(said, warns=True, action="use", title=f"Use {better:.2g}", why=why)
    return SizeLine(f"{_pixels(facts)} → magnified {times(facts.factor)} times")


def _pixels(facts: SizeFacts) -> str:
    told = facts.scale.pixel_size_um
    return f"{told or facts.pixel_um:.2g} µm per pixel ({'set by you' if told else 'from the file'})"


def _of_objects(facts: SizeFacts, size: float) -> SizeLine:
    where = _FROM.get(facts.how, "set by you")
    if facts.awaited:
        return SizeLine(f"objects of {size:.3g} px ({where})")
    assert facts.factor is not None, "otherwise it is refused"
    return SizeLine(f"objects of {size:.3g} px ({where}) → magnified {times(facts.factor)} times")


def _unknown(facts: SizeFacts) -> SizeLine:
    found = facts.found
    if found is None:
        said = UNKNOWN if facts.searches else "unknown: the image is used as it is"
        pixel = facts.scale.pixel_size_um or facts.pixel_um
        if pixel is not None:
            said = f"{pixel:.2g} µm per pixel, but the model does not say its own. Scale {said}"
        return SizeLine(said, warns=True)
    if found.sure:
        return SizeLine(f"magnified {times(found.factor)} times (found; {found.evidence})")
    if abs(math.log2(found.factor)) < _NOTHING:
        return SizeLine(
            "not found: the image is used as it is", warns=True, why=f"Not found, because {found.why}."
        )
    said = f"proposed, not applied: {times(found.factor)} times"
    why = f"Not sure, because {found.why} ({found.evidence}). Until you apply it the image is used as it is."
    return SizeLine(said, warns=True, action="apply", title="Apply", why=why)
