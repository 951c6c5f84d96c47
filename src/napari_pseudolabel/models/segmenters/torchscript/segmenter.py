"""A TorchScript network as a segmenter, and what the house asks of its files; none of it runs one but `loads`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import (
    complete,
    sidecar_path,
    unknown_modalities,
    validated,
)
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.inspection import Inspection, useful, useless
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.segmenters.common import most_likely
from napari_pseudolabel.models.segmenters.tiled import TiledSegmenter
from napari_pseudolabel.models.segmenters.torchscript.examining import examine, look, open_checked
from napari_pseudolabel.models.segmenters.torchscript.layout import has_constants, recognises
from napari_pseudolabel.models.segmenters.torchscript.reading import (
    BACKGROUND,
    DecodedNetwork,
    OutputDecoding,
    TorchScriptArchitecture,
    understand,
)
from napari_pseudolabel.types import JsonObject

FAMILY = "torchscript"

_UNTOLD = ("in_channels", "tile", "stride")  # of an architecture; a program does not tell them
_PROBE = 64  # pixels; at least one stride of any common network


class TorchScriptSegmenter(TiledSegmenter):
    """A TorchScript network with its card: pixels, normalised as the card says, to probabilities; see `Segmenter`."""

    OUTPUT = "probabilities"

    @property
    def architecture(self) -> TorchScriptArchitecture:
        """What the card says about the network."""
        return TorchScriptArchitecture.model_validate(self.card.architecture)

    def labels(self, probabilities: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the value of the most probable class, or of the one above the threshold: (K, H, W) -> (H, W)."""
        threshold = self.architecture.threshold
        if threshold is None:
            return super().labels(probabilities)
        shown = [n for n, label_class in enumerate(self.classes) if label_class.value]
        chances = probabilities[shown]
        found = most_likely(chances, tuple(self.classes[n] for n in shown))
        return np.where(chances.max(axis=0) > threshold, found, np.uint8(0))


def declines(offer: Offer) -> str:
    """Why it is no TorchScript archive."""
    return "" if recognises(offer.path) else "no TorchScript archive"


def describes(offer: Offer) -> Inspection | None:
    """Describe an archive by its card, after its program was looked at in a process of its own; it does not run."""
    path, what = offer.path, "TorchScript segmenter"
    if not offer.is_zip or not has_constants(path):
        return None
    look(path)
    card, problem = _described(path, offer.given)
    if problem:
        return useless(path, what, problem, missing=card.missing, card=card)
    note = (
        "A TorchScript file is a program. Its operators were checked, and it runs only when you segment with it; "
        "README.md says what that holds off. Use files that you trust.",
    )
    return useful(path, what, card, note=note)


def loads(offer: Offer) -> TorchScriptSegmenter:
    """Load an archive written by ``torch.jit.save``, whose card says at least ``classes`` and ``normalisation``.

    Raises
    ------
    CheckpointError
        If the file is damaged or refused, or the card is incomplete or does not fit the network.
    """
    path = offer.path
    full, problem = _described(path, offer.given)
    if problem:
        raise CheckpointError(problem)
    said = validated(TorchScriptArchitecture, full.architecture, f"The card of {path.name}")
    side = -(-_PROBE // said.stride) * said.stride
    examined = examine(path, channels=said.in_channels, side=side, layout=said.layout)
    reading = understand(examined, full.classes, said, path, side)
    network, sha256 = open_checked(path)
    if sha256 != examined.sha256:
        raise CheckpointError(f"{path.name} was changed while it was read; try again.")
    return TorchScriptSegmenter(
        _filled(full, said, reading), sha256, DecodedNetwork(network, reading, path.name)
    )


def _described(path: Path, given: JsonObject) -> tuple[Card, str]:
    """Return the card of an archive, and a sentence about what it must say and does not; empty if it says all."""
    needed = [field for field in ("classes", "normalisation") if field not in given]
    missing = (*needed, *unknown_modalities(given, ("source",)))
    said = given.get("architecture", {})
    assumed = tuple(name for name in _UNTOLD if name not in said)
    defaults = {name: TorchScriptArchitecture.model_fields[name].default for name in assumed}
    card = complete(
        {**given, "architecture": {**defaults, **said}},
        path,
        kind="segmenter",
        family=FAMILY,
        assumed=assumed,
        missing=missing,
    )
    problem = (
        f"{path.name} is a TorchScript network that does not say its {' and '.join(needed)}; "
        f"write them into {sidecar_path(path).name} beside it."
    )
    return card, problem if needed else ""


def _filled(card: Card, said: TorchScriptArchitecture, reading: OutputDecoding) -> Card:
    """Return the card with what was found out."""
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
