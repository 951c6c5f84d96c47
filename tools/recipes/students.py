"""Fast versions of the shipped translators: which images they learn from, and by whose labels they are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.training.student.distil_task import DistilSettings
from recipes.pairs import AXONS, NUCLEI, Pair

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Student:
    """How a fast version is made.

    Attributes
    ----------
    pair, look
        What translators of both directions learned from, and which of its modalities the translator takes.
    segmenter
        Of what it makes.
    fields
        So many generated fields are learned from beside the real images.
    """

    pair: Pair
    look: int
    segmenter: str
    fields: int = 12
    settings: DistilSettings = field(default_factory=lambda: DistilSettings(steps=800))

    @property
    def teacher(self) -> str:
        """The shipped translator."""
        return f"sample:{self.pair.names[1 - self.look]}"

    def planes(self, data: Path) -> Sequence[Plane]:
        """Images that the trainings of the translators saw, none of the animals that are held out, and generated fields."""
        drawn = [one.looks[self.look] for one in self.pair.generated()]
        return [*self.pair.images(data)[self.look], *drawn[:: len(drawn) // self.fields]]

    @property
    def data(self) -> tuple[str, ...]:
        """For the card: real images of its modality, and the fields."""
        return (*self.pair.data[:-1], f"{self.fields} generated fields")


# Two classes with thin borders between them.
_AXONS = DistilSettings(steps=1600, most_crops=72)
STUDENTS = {
    "sem-to-tem": Student(AXONS, 1, "sample:tem-axons", settings=_AXONS),
    "tem-to-sem": Student(AXONS, 0, "sample:sem-axons", settings=_AXONS),
    "purple-to-fluorescence": Student(NUCLEI, 1, "sample:fluorescence-nuclei"),
    "fluorescence-to-purple": Student(
        NUCLEI, 0, "sample:purple-proxy", settings=DistilSettings(steps=1200, most_crops=56)
    ),
}
