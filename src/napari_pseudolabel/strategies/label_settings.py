"""What goes into a job: how it is done, where, and by which models."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Annotated, Literal

from typing_extensions import override

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.object_size import SMALLEST_OBJECT
from napari_pseudolabel.models.evaluations import Evaluations
from napari_pseudolabel.options import Checked, Option
from napari_pseudolabel.tiling import TileSettings

FindScale = Literal["if-unknown", "always", "never"]
"""When the models look for the scale themselves."""

Role = Literal["translator", "segmenter", "second opinion", "tutor", "features"]
"""A tutor is the translator that made what a segmenter learned from; no image to be labelled goes through it. Of one of
features only what it computes on the way is used: labels are not those of a translation."""

OUTSIDE = "The region lies outside of the image; move the view or the shape over it."


@dataclass(frozen=True, kw_only=True)
class LabelSettings(Checked):
    """How a job is done."""

    samples: Annotated[
        int,
        Option(
            "Translations drawn per plane. More take longer and average out what the noise invents; their disagreement "
            "enters the confidence.",
            title="Translations",
            term="samples",
            least=1,
        ),
    ] = 1
    flips: Annotated[
        int,
        Option(
            "Mirrors in which each sample is segmented again, without another translation (1 left and right, 2 also "
            "up and down, 3 also both): a better confidence and better objects for about a quarter more time after a "
            "translation.",
            title="Look also at mirrored images",
            term="flips",
            least=0,
            most=3,
            special="none",
        ),
    ] = 3
    smallest_object: Annotated[
        float,
        Option(
            "Islands of labels with less area than this share of a typical object of the segmenter are left out, such "
            "crumbs of axon inside myelin become myelin, and such holes in nuclei and cells are filled. Where models are "
            "unsure, islands up to six times as large go as well, and nuclei and cells of any size where their width was found or told. "
            "Needs a segmenter that knows the size of its objects.",
            title="Ignore smaller objects",
            term="smallest object",
            unit="%",
            least=0,
            most=1,
            special="keep all",
        ),
    ] = SMALLEST_OBJECT
    seed: Annotated[
        int,
        Option(
            "Number that fixes all noise: the same number gives the same labels.",
            title="Random start",
            term="seed",
            least=0,
            most=2**32 - 1,
        ),
    ] = 0
    mode: Annotated[
        Literal["joint", "tiled"],
        Option(
            "tiled blends the tiles at the end, joint after every diffusion step, which costs more for a part of an "
            "image.",
            seen="shell",
        ),
    ] = "tiled"
    evaluations: Annotated[
        Evaluations,
        Option(
            "How thoroughly a translation is made: quality takes all steps of the translator, fast as few as do nearly as "
            "well, preview the first alone. auto is fast where the card of the translator says that it costs next to "
            "nothing, else quality; several samples are of quality, because those of fewer steps differ less.",
            title="Speed",
            term="evaluations",
            names=(
                ("auto", "As its model says"),
                ("quality", "Best quality"),
                ("fast", "Fast"),
                ("preview", "For a look"),
            ),
        ),
    ] = "auto"
    scale: Annotated[
        Scale,
        Option(
            "How the image is brought to the size the models were trained on. From the pixel size of the layer, unless "
            "you know better.",
            special="From pixel size",
        ),
    ] = Scale()
    find_scale: Annotated[
        FindScale,
        Option(
            "When the models look for the magnification at which they agree best with themselves: if-unknown where no "
            "size is known, always also to check a size, never to use the image as it is.",
            title="Find the scale",
            names=(
                ("if-unknown", "If unknown"),
                ("always", "Always"),
                ("never", "Never"),
            ),
        ),
    ] = "if-unknown"
    tiles: TileSettings = TileSettings()
    channel: Annotated[
        Channel | None,
        Option(
            "Which channel of the image is labelled, by number from 0 or by the name that its file gives it, or how they are combined.",
            least=0,
            listed=True,
            form="NUMBER|NAME|mean|luminance",
        ),
    ] = None

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        # What they do not share tells where a translation was made up, and that comes with the later steps.
        if self.samples > 1 and self.evaluations == "auto":
            object.__setattr__(self, "evaluations", "quality")


@dataclass(frozen=True)
class Region:
    """A rectangle of the last two axes of a label image, in pixels, half open."""

    y0: int
    x0: int
    y1: int
    x1: int

    def __post_init__(self) -> None:
        """Raise InputError where a border is no whole number."""
        if not all(isinstance(one, Integral) for one in (self.y0, self.x0, self.y1, self.x1)):
            raise InputError(f"A region has whole numbers of pixels, Region(y0, x0, y1, x1), not {self}.")

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def area(self) -> int:
        """How many pixels it holds."""
        return self.shape[0] * self.shape[1]

    @property
    def window(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def within(self, other: Region) -> tuple[slice, slice]:
        """Return its rows and columns in an array that covers another region."""
        return slice(self.y0 - other.y0, self.y1 - other.y0), slice(self.x0 - other.x0, self.x1 - other.x0)

    def clipped(self, height: int, width: int) -> Region:
        """Return the part inside of an image.

        Raises
        ------
        InputError
            If nothing is left.
        """
        inside = Region(max(self.y0, 0), max(self.x0, 0), min(self.y1, height), min(self.x1, width))
        if min(inside.shape) < 1:
            raise InputError(OUTSIDE)
        return inside

    def grown(self, pixels: int, height: int, width: int) -> Region:
        """Return the region with a margin, inside of an image."""
        return Region(self.y0 - pixels, self.x0 - pixels, self.y1 + pixels, self.x1 + pixels).clipped(
            height, width
        )


@dataclass(frozen=True)
class ModelUse:
    """A model that took part in a run."""

    role: Role
    name: str
    path: str
    sha256: str
