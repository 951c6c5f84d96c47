"""A TorchScript network as a segmenter, and what the house asks of its files; none of it runs one but `loads`."""

from __future__ import annotations

from pathlib import Path

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import validated
from napari_pseudolabel.models.inspection import Inspection, useful, useless
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.segmenters.program import ProgramSegmenter, described, filled
from napari_pseudolabel.models.segmenters.torchscript.examining import examine, look, open_checked
from napari_pseudolabel.models.segmenters.torchscript.layout import has_constants, recognises
from napari_pseudolabel.models.segmenters.torchscript.reading import (
    DecodedNetwork,
    ProgramArchitecture,
    understand,
)
from napari_pseudolabel.types import JsonObject

FAMILY = "torchscript"

_WHAT = "a TorchScript network"
_PROBE = 64  # pixels; at least one stride of any common network


def declines(offer: Offer) -> str:
    """Why it is no TorchScript archive."""
    return "" if recognises(offer.path) else "no TorchScript archive"


def describes(offer: Offer) -> Inspection | None:
    """Describe an archive by its card, after its program was looked at in a process of its own; it does not run."""
    path, what = offer.path, "TorchScript segmenter"
    if not offer.is_zip or not has_constants(path):
        return None
    look(path)
    card, problem = described(path, offer.given, family=FAMILY, what=_WHAT)
    if problem:
        return useless(path, what, problem, missing=card.missing, card=card)
    note = (
        "A TorchScript file is a program. Its operators were checked, and it runs only when you segment with it; "
        "README.md says what that holds off. Use files that you trust.",
    )
    return useful(path, what, card, note=note)


def loads(offer: Offer) -> ProgramSegmenter:
    """Load an archive written by ``torch.jit.save``, whose card says at least ``classes`` and ``normalisation``.

    Raises
    ------
    CheckpointError
        If the file is damaged or refused, or the card is incomplete or does not fit the network.
    """
    return load(offer.path, offer.given)


def load(path: Path, given: JsonObject, guessed: JsonObject | None = None) -> ProgramSegmenter:
    """Load an archive with a card from elsewhere; see `loads`. `guessed` are fields of the architecture if the card has none."""
    given = {**given, "architecture": {**(guessed or {}), **given.get("architecture", {})}}
    full, problem = described(path, given, family=FAMILY, what=_WHAT)
    if problem:
        raise CheckpointError(problem)
    said = validated(ProgramArchitecture, full.architecture, f"The card of {path.name}")
    side = -(-_PROBE // said.stride) * said.stride
    examined = examine(path, channels=said.in_channels, side=side, layout=said.layout)
    reading = understand(examined, full.classes, said, path, side)
    network, sha256 = open_checked(path)
    if sha256 != examined.sha256:
        raise CheckpointError(f"{path.name} was changed while it was read; try again.")
    return ProgramSegmenter(filled(full, said, reading), sha256, DecodedNetwork(network, reading, path.name))
