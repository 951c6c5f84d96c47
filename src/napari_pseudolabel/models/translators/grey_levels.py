"""Translators without a network: every grey level becomes another one, the same everywhere.

Inversion and histogram matching are what a translation must beat; where they are as good, nobody has to train one. They need no GPU
and invent nothing, but they cannot change a texture, nor tell two structures of the same grey level apart.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import complete, unknown_modalities
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.inspection import Inspection, useful
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.curve_file import CURVE, FAMILY
from napari_pseudolabel.models.translators.weights import describe_weights


class GreyCurve(nn.Module):
    """A piecewise linear curve.

    Parameters
    ----------
    levels
        (N,) in [0, 1], what the N grey levels become that lie evenly from 0 to 1; N is 2 or more.
    """

    levels: Tensor

    def __init__(self, levels: Tensor) -> None:
        super().__init__()
        self.register_buffer("levels", levels)

    def forward(self, x: Tensor) -> Tensor:
        """Translate (B, 1, H, W) in [-1, 1] to the same."""
        last = len(self.levels) - 1
        position = ((x + 1) / 2).clamp(0, 1) * last
        below = position.floor().clamp(max=last - 1)
        index = below.long()
        return torch.lerp(self.levels[index], self.levels[index + 1], position - below) * 2 - 1


class GreyLevelTranslator(Translator):
    """A curve of grey levels, ready to use."""

    stride = 1

    @property
    @override
    def reach(self) -> int:
        return 0


def looks_like_curve(names: Mapping[str, object]) -> bool:
    """Whether the names (without prefix) are those of a curve of grey levels."""
    return set(names) == {CURVE}


def declines(offer: Offer) -> str:
    """Why it is no curve: what its weights are instead."""
    state = offer.contents.state
    return "" if looks_like_curve(state) else describe_weights(state)


def describes(offer: Offer) -> Inspection | None:
    """Describe a curve."""
    if not looks_like_curve(offer.state):
        return None
    return useful(offer.path, "curve of grey levels", read_card(offer))


def loads(offer: Offer) -> GreyLevelTranslator:
    """Load a curve of grey levels, a file with the content of `curve_file.as_file`."""
    card = read_card(offer)
    return GreyLevelTranslator(card, sha256(offer.path), GreyCurve(offer.contents.state[CURVE].float()))


def read_card(offer: Offer) -> Card:
    """Check a curve and combine it with what is known about it.

    Raises
    ------
    CheckpointError
        If the file holds no such curve, or contradicts its card.
    """
    path, given, levels = offer.path, offer.given, offer.contents.state.get(CURVE)
    if levels is None or levels.ndim != 1 or len(levels) < 2:
        raise CheckpointError(f"{path.name} holds no curve of two or more grey levels.")
    if not (levels.min() >= 0 and levels.max() <= 1):  # False for NaN too
        raise CheckpointError(f"The grey levels in {path.name} are not all from 0 to 1.")
    return complete(
        given,
        path,
        kind="translator",
        family=FAMILY,
        schedule={},
        assumed=() if "normalisation" in given else ("normalisation",),
        missing=tuple(unknown_modalities(given)),
    )
