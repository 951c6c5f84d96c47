"""What goes into a job and what comes out of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.imaging import Channel
from napari_pseudolabel.imaging.scale import Scale
from napari_pseudolabel.labels.object_size import SMALLEST_OBJECT
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.tiling import TileSettings

Role = Literal["translator", "segmenter", "second opinion"]


@dataclass(frozen=True)
class LabelSettings:
    """How a job is done.

    Attributes
    ----------
    samples
        Translations drawn per plane; their disagreement enters the confidence.
    seed
        Of all noise, 0 .. 2**32 - 1.
    mode
        "joint" blends the tiles after every diffusion step, "tiled" only at the end.
    scale
        What the person says about the sizes in the image.
    tiles
        Tile, overlap, batch, device.
    channel
        Which channel of the image; None for the image's default.
    flips
        How often each translation is segmented again in a mirror, which costs no other translation:
        1 left and right, 2 also up and down, 3 also both.
    smallest_object
        Islands of labels with less area than this share of a typical object of the segmenter are left out, 0 to 1, and
        such holes in nuclei and cells are filled; 0 keeps all. So does a card that does not tell the size of the objects.
    """

    samples: int = 1
    seed: int = 0
    mode: Literal["joint", "tiled"] = "joint"
    scale: Scale = Scale()
    tiles: TileSettings = TileSettings()
    channel: Channel | None = None
    flips: int = 0
    smallest_object: float = SMALLEST_OBJECT

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise InputError(f"{self.samples} samples cannot be drawn; ask for 1 or more.")
        if self.flips not in range(4):
            raise InputError(f"There are 0 to 3 flips, not {self.flips}; ask for one of these.")
        if not 0 <= self.smallest_object <= 1:
            raise InputError(
                f"The smallest object is a share of a typical one, from 0 to 1, not {self.smallest_object:g}."
            )
        if not 0 <= self.seed < 2**32:
            raise InputError(f"The seed must be a whole number from 0 to 4294967295, not {self.seed}.")


@dataclass(frozen=True)
class Region:
    """A rectangle of the last two axes of a label image, in pixels, half open."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.y1 - self.y0, self.x1 - self.x0

    def clipped(self, height: int, width: int) -> Region:
        """The part inside of an image.

        Raises
        ------
        InputError
            If nothing is left.
        """
        inside = Region(max(self.y0, 0), max(self.x0, 0), min(self.y1, height), min(self.x1, width))
        if min(inside.shape) < 1:
            raise InputError("The region lies outside of the image; move the view or the shape over it.")
        return inside

    def grown(self, pixels: int, height: int, width: int) -> Region:
        """The region with a margin, inside of an image."""
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


@dataclass(frozen=True)
class RunReport:
    """Everything a reader of the labels may want to know about how they were made.

    Attributes
    ----------
    factor
        Pixels on the model's grid per pixel of the image.
    tile, overlap, batch, device
        What was used, which after running out of memory is less than what was asked for.
    shift_px
        (y, x) shift of the translation against its source, in pixels of the image, median over the chunks; None
        where nothing was translated or no shift could be measured.
    agreement
        Mean pairwise Dice between the labels of the members (samples, flips, segmenters); None with one.
    notes
        Sentences for the person: what was reduced, assumed or looks doubtful.
    """

    strategy: str
    source: str
    source_path: str | None
    models: tuple[ModelUse, ...]
    settings: LabelSettings
    factor: float
    tile: int | None
    overlap: int | None
    batch: int | None
    device: str
    shift_px: tuple[float, float] | None
    agreement: float | None
    notes: tuple[str, ...]
    seconds: float
    date: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def provenance(self) -> dict[str, Any]:
        """The report as JSON-able fields of the provenance sidecar."""
        return {
            "source": {"name": self.source, "path": self.source_path},
            "models": [dataclasses.asdict(model) for model in self.models],
            "strategy": self.strategy,
            "seed": self.settings.seed,
            "parameters": {
                "samples": self.settings.samples,
                "flips": self.settings.flips,
                "smallest_object": self.settings.smallest_object,
                "mode": self.settings.mode,
                "scale": dataclasses.asdict(self.settings.scale),
                "channel": self.settings.channel,
                "factor": self.factor,
                "tile": self.tile,
                "overlap": self.overlap,
                "batch": self.batch,
                "device": self.device,
            },
            "shift_px": list(self.shift_px) if self.shift_px else None,
            "agreement": self.agreement,
            "notes": list(self.notes),
            "seconds": round(self.seconds, 2),
            "date": self.date.isoformat(),
        }


@dataclass(frozen=True, eq=False)
class PseudoLabel:
    """The result of a job; every array covers exactly `region` of `planes`, on the grid of the image.

    Attributes
    ----------
    labels
        (P, H, W) uint8 class values, P the number of planes; None after a mere translation.
    confidence
        (P, H, W) float32 in [0, 1]: mean probability of the chosen class.
    translation, spread
        (P, H, W) float32 in [0, 1], mean and standard deviation over the samples; None where
        nothing was translated, or only one sample drawn.
    planes
        Index of each plane over the axes before Y and X.
    candidates
        (P, K, H, W) uint8, class values that each member of the ensemble alone gives; None if there is only one.
    members
        Names of the K members, such as "sample 1" or "sample 2 flipped".
    """

    labels: NDArray[np.uint8] | None
    confidence: NDArray[np.float32] | None
    translation: NDArray[np.float32] | None
    spread: NDArray[np.float32] | None
    classes: tuple[LabelClass, ...]
    region: Region
    planes: tuple[tuple[int, ...], ...]
    report: RunReport
    candidates: NDArray[np.uint8] | None = None
    members: tuple[str, ...] = ()
