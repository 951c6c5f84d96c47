"""A network that comes with its own program, whatever its format: what its card says, and what is found out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import complete, sidecar_path, unknown_modalities
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.segmenters.common import most_likely
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter
from napari_pseudolabel.models.segmenters.torchscript.reading import (
    BACKGROUND,
    OutputDecoding,
    ProgramArchitecture,
)
from napari_pseudolabel.tiling import Covering
from napari_pseudolabel.types import JsonObject

_UNTOLD = ("in_channels", "tile", "stride")  # of an architecture; not every program tells them


class ProgramSegmenter(TiledSegmenter):
    """A network with its own program and its card: pixels, normalised as the card says, to probabilities; see `Segmenter`."""

    OUTPUT = "probabilities"

    @property
    def architecture(self) -> ProgramArchitecture:
        """What the card says about the network."""
        return ProgramArchitecture.model_validate(self.card.architecture)

    @property
    @override
    def layout(self) -> Covering:
        return Covering(self.tile, self.architecture.overlap, self.architecture.stride)

    def labels(self, probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the value of the most probable class, or of the one above the threshold: (K, H, W) -> (H, W)."""
        threshold = self.architecture.threshold
        if threshold is None:
            return super().labels(probabilities)
        shown = [n for n, label_class in enumerate(self.classes) if label_class.value]
        chances = probabilities[shown]
        found = most_likely(chances, tuple(self.classes[n] for n in shown))
        return np.where(chances.max(axis=0) > threshold, found, np.uint8(0))


def described(
    path: Path, given: JsonObject, *, family: str, what: str, told: Mapping[str, object] | None = None
) -> tuple[Card, str]:
    """Return the card of a program, and a sentence about what it must say and does not; empty if it says all.

    Parameters
    ----------
    path
        The program.
    given
        Its card as far as there is one; see `card_files.given_card`.
    what
        What it is, with its article: "a TorchScript network".
    told
        Fields of the architecture that the program itself tells.

    Raises
    ------
    CheckpointError
        If the card contradicts the program.
    """
    needed = [field for field in ("classes", "normalisation") if field not in given]
    missing = (*needed, *unknown_modalities(given, ("source",)))
    told, said = told or {}, given.get("architecture", {})
    for field, value in told.items():
        if said.get(field, value) != value:
            raise CheckpointError(
                f"The card of {path.name} says {field} {said[field]}, but the file has {value}; correct the card."
            )
    known = {**told, **said}
    assumed = tuple(name for name in _UNTOLD if name not in known)
    defaults = {name: ProgramArchitecture.model_fields[name].default for name in assumed}
    card = complete(
        {**given, "architecture": {**defaults, **known}},
        path,
        kind="segmenter",
        family=family,
        inferred=tuple(f"architecture.{field}" for field in told if field not in said),
        assumed=assumed,
        missing=missing,
    )
    problem = (
        f"{path.name} is {what} that does not say its {' and '.join(needed)}; "
        f"write them into {sidecar_path(path).name} beside it."
    )
    return card, problem if needed else ""


def filled(card: Card, said: ProgramArchitecture, reading: OutputDecoding) -> Card:
    """Return the card with what was found out when the program was called."""
    layout: Literal["channels_last", "channels_first"] = (
        "channels_last" if reading.feed.channels_last else "channels_first"
    )
    found = said.model_copy(update={"output": reading.output, "take": reading.take, "layout": layout})
    assumed = list(card.assumed)
    if said.threshold is None and found.output in ("sigmoid", "sigmoid_logits"):
        assumed.append("threshold")
    inferred = [
        f"architecture.{field}"
        for field in ("output", "take")
        if getattr(said, field) != getattr(found, field)
    ]
    update: JsonObject = {
        "architecture": found.model_dump(mode="json", exclude_none=True),
        "assumed": tuple(assumed),
    }
    if reading.adds_background:
        background = next((label_class for label_class in card.classes if label_class.value == 0), BACKGROUND)
        others = tuple(label_class for label_class in card.classes if label_class.value != 0)
        if background not in card.classes:
            inferred.append("classes.background")
        update["classes"] = (background, *others)
    return card.model_copy(update={**update, "inferred": (*card.inferred, *inferred)})
