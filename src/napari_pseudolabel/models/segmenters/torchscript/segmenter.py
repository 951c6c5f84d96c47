"""A TorchScript network as a segmenter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.segmenters.common import most_likely
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter
from napari_pseudolabel.models.segmenters.torchscript.examining import examine, open_checked
from napari_pseudolabel.models.segmenters.torchscript.layout import recognises
from napari_pseudolabel.models.segmenters.torchscript.reading import (
    BACKGROUND,
    Architecture,
    Reading,
    Understood,
    understand,
)
from napari_pseudolabel.models.sidecar import complete, given_card, sidecar_path, unknown_modalities
from napari_pseudolabel.types import JsonObject

FAMILY = "torchscript"
NOT_RECOGNISED = "no TorchScript archive"

_PROBE = 64  # pixels; at least one stride of any common network


class TorchScriptSegmenter(TiledSegmenter):
    """A TorchScript network with its card: pixels, normalised as the card says, to probabilities; see `Segmenter`."""

    OUTPUT = "probabilities"

    @property
    def architecture(self) -> Architecture:
        """What the card says about the network."""
        return Architecture.model_validate(self.card.architecture)

    def labels(self, probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the value of the most probable class, or of the one above the threshold: (K, H, W) -> (H, W)."""
        threshold = self.architecture.threshold
        if threshold is None:
            return super().labels(probabilities)
        shown = [n for n, one in enumerate(self.classes) if one.value]
        chances = probabilities[shown]
        found = most_likely(chances, tuple(self.classes[n] for n in shown))
        return np.where(chances.max(axis=0) > threshold, found, np.uint8(0))


def load(path: str | Path, card: Card | Mapping[str, object] | None = None) -> TorchScriptSegmenter:
    """Load a TorchScript segmenter.

    Parameters
    ----------
    path
        Written by ``torch.jit.save``.
    card
        At least ``classes`` and ``normalisation``; wins over the sidecar ``NAME.card.json``.

    Raises
    ------
    CheckpointError
        If the file is no TorchScript archive, is damaged or refused, or the card is incomplete or does
        not fit the network.
    """
    path = Path(path)
    if not recognises(path):
        raise CheckpointError(f"{path.name} is {NOT_RECOGNISED}.")
    given = given_card(path, card)
    needed = [field for field in ("classes", "normalisation") if field not in given]
    if needed:
        raise CheckpointError(
            f"{path.name} is a TorchScript network that does not say its {' and '.join(needed)}; "
            f"write them into {sidecar_path(path).name} beside it."
        )
    missing = tuple(unknown_modalities(given, ("source",)))
    full = complete(given, path, kind="segmenter", family=FAMILY, missing=missing)
    said = _architecture(full, path)
    side = -(-_PROBE // said.stride) * said.stride
    examined = examine(path, channels=said.in_channels, side=side, layout=said.layout)
    reading = understand(examined, full.classes, said, path, side)
    network, sha256 = open_checked(path)
    if sha256 != examined.sha256:
        raise CheckpointError(f"{path.name} was changed while it was read; try again.")
    return TorchScriptSegmenter(Understood(network, reading, path.name), _filled(full, said, reading), sha256)


def _filled(card: Card, said: Architecture, reading: Reading) -> Card:
    """The card with what was found out."""
    layout: Literal["channels_last", "channels_first"] = (
        "channels_last" if reading.feed.channels_last else "channels_first"
    )
    found = said.model_copy(update={"output": reading.output, "take": reading.take, "layout": layout})
    inferred = [
        f"architecture.{field}"
        for field in ("output", "take")
        if getattr(said, field) != getattr(found, field)
    ]
    update: JsonObject = {"architecture": found.model_dump(mode="json", exclude_none=True)}
    if reading.adds_background:
        background = next((one for one in card.classes if one.value == 0), BACKGROUND)
        others = tuple(one for one in card.classes if one.value != 0)
        if background not in card.classes:
            inferred.append("classes.background")
        update["classes"] = (background, *others)
    return card.model_copy(update={**update, "inferred": (*card.inferred, *inferred)})


def _architecture(card: Card, path: Path) -> Architecture:
    try:
        return Architecture.model_validate(card.architecture)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(f"The card of {path.name} is wrong at {where}: {first['msg']}.") from None
