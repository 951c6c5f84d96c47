"""What comes out of a job."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.imaging.reading.read_request import Position
from napari_pseudolabel.labels.evidence import Evidence
from napari_pseudolabel.labels.refitting import ConfidenceFit
from napari_pseudolabel.labels.usability import Usability
from napari_pseudolabel.models.cards import LabelClass
from napari_pseudolabel.options import written
from napari_pseudolabel.strategies.found_scale import FoundScale
from napari_pseudolabel.strategies.label_settings import LabelSettings, ModelUse, Region
from napari_pseudolabel.types import JsonObject


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
    evidence
        What the labels look like; None where there are none.
    usability
        Why the labels are probably not usable, and what was asked to know.
    notes
        Sentences for the person: what was reduced, assumed or looks doubtful.
    seconds, ready
        How long the run took, and how much of that went by until a worker was there and had the models.
    modality
        What the image shows; empty if unknown.
    options
        The strategy's own, a dataclass of plain values; None without.
    found
        The scale, where it was looked for and decides about the factor.
    choice
        How the strategy was chosen among others; None where a person chose it.
    position
        Which image of its file was labelled, where somebody chose.
    pixels
        By what the image is known again, see `imaging.plane_key.pixels_key`; empty where nobody asked.
    confidence
        The temperature behind the confidence, and where it comes from; None after a mere translation.
    """

    strategy: str
    source: str
    source_path: str | None
    models: tuple[ModelUse, ...]
    settings: LabelSettings
    factor: float
    tile: int | None = None
    overlap: int | None = None
    batch: int | None = None
    device: str = ""
    shift_px: tuple[float, float] | None = None
    agreement: float | None = None
    evidence: Evidence | None = None
    usability: Usability = dataclasses.field(default_factory=Usability)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    ready: float = 0.0
    modality: str = ""
    options: Any = None
    found: FoundScale | None = None
    choice: JsonObject | None = None
    position: Position | None = None
    pixels: str = ""
    confidence: ConfidenceFit | None = None
    date: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the labels are probably not usable, in words; empty where nothing of what was asked speaks against them."""
        return self.usability.doubts

    def provenance(self) -> JsonObject:
        """Return the report as JSON-able fields of the provenance sidecar; `Record.from_provenance` is the way back."""
        settings = written(self.settings)
        own = {} if self.options is None else {"options": written(self.options)}
        return {
            "source": {
                "name": self.source,
                "path": self.source_path,
                **({} if self.position is None else {"position": self.position}),
                "modality": self.modality,
                **({"pixels": self.pixels} if self.pixels else {}),
            },
            "models": [dataclasses.asdict(model) for model in self.models],
            "strategy": self.strategy,
            "seed": settings.pop("seed"),
            "parameters": {
                **settings,
                "factor": self.factor,
                "tile": self.tile,
                "overlap": self.overlap,
                "batch": self.batch,
                "device": self.device,
                **own,
                **({} if self.found is None else {"found": written(self.found)}),
                **({} if self.confidence is None else {"confidence": written(self.confidence)}),
            },
            **({} if self.choice is None else {"choice": self.choice}),
            "shift_px": list(self.shift_px) if self.shift_px else None,
            "agreement": self.agreement,
            "usable": _usable(self.evidence, self.usability),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 2),
            "date": self.date.isoformat(),
        }


def _usable(evidence: Evidence | None, looks: Usability) -> JsonObject | None:
    """Return the verdict for the provenance; None where there are no labels."""
    if evidence is None or not evidence.pixels:
        return None
    return {"verdict": looks.verdict, "reasons": list(looks.doubts), "checked": list(looks.asked)}


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
    made_of
        Of a part: what was read for it, and a sum (CRC-32) over these pixels.
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
    made_of: tuple[Region, int] | None = None
