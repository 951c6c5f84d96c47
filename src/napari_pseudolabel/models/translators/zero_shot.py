"""Zero-shot translators: they have seen the modality that they make, and none that they are given.

A diffusion of one modality is told the structure of an image by maps in which contrast does not matter, so the image may be of any
other modality. Experimental: what it makes of an image depends on how well structure alone says what is what.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from typing_extensions import override

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import SCHEDULE_FIELDS, complete, unknown_modalities
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.models.inspection import Inspection, useful
from napari_pseudolabel.models.offers import Offer
from napari_pseudolabel.models.safe_load import sha256
from napari_pseudolabel.models.translators.base import Translator
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.implicit_schedule import TRAINED, ImplicitSchedule
from napari_pseudolabel.models.translators.infer import architecture_of, fitting, infer
from napari_pseudolabel.models.translators.structure_maps import StructureMaps
from napari_pseudolabel.models.translators.weights import describe_weights, finite_float32
from napari_pseudolabel.models.translators.zero_shot_network import ZeroShotNetwork
from napari_pseudolabel.types import JsonObject

FAMILY = "zero-shot"
_PREFIX = "denoiser."
_MAPS = ("condition", "bins", "search")
_MOST_STEPS = 10_000


class ZeroShotTranslator(Translator):
    """A zero-shot translator, ready to use."""

    network: ZeroShotNetwork

    diffusive = True

    @property
    @override
    def stride(self) -> int:
        return self.network.config.stride

    @property
    @override
    def process(self) -> ImplicitSchedule:
        return self.network.schedule

    @override
    def told(self, source: Tensor) -> Tensor:
        return self.network.maps.of_source(source)


def looks_like_zero_shot(names: Mapping[str, object]) -> bool:
    """Whether the names (without prefix) are those of a zero-shot translator."""
    return bool(names) and all(name.startswith(_PREFIX) for name in names)


def declines(offer: Offer) -> str:
    """Why it is no zero-shot translator: what its weights are instead."""
    state = offer.contents.state
    return "" if looks_like_zero_shot(state) else describe_weights(state)


def describes(offer: Offer) -> Inspection | None:
    """Describe a zero-shot translator."""
    if not looks_like_zero_shot(offer.state):
        return None
    read = read_card(offer)
    count = sum(weight.numel() for weight in offer.contents.state.values())
    what = f"zero-shot translator (by {read.maps.condition}, {read.schedule.steps} steps)"
    return useful(offer.path, what, read.card, parameters=count)


def loads(offer: Offer) -> ZeroShotTranslator:
    """Load a zero-shot translator, a file as `syndiff.save` writes it."""
    state = finite_float32(offer.path, offer.contents.state)
    read = read_card(offer)
    network = ZeroShotNetwork(read.config, read.maps, read.schedule)
    network.load_state_dict(state)
    network.eval().requires_grad_(False)
    return ZeroShotTranslator(read.card, sha256(offer.path), network)


@dataclass(frozen=True)
class ZeroShotCard:
    """A card, and what it and the weights say of the network."""

    card: Card
    config: GeneratorConfig
    maps: StructureMaps
    schedule: ImplicitSchedule


def read_card(offer: Offer) -> ZeroShotCard:
    """Check the weights and combine them with what is known about them.

    Raises
    ------
    CheckpointError
        If they are of another network, contradict the card, or the card does not say which maps the network was told.
    """
    path, given = offer.path, offer.given
    said = dict(given.get("architecture", {}))
    maps = _maps(path.name, {name: said.pop(name) for name in _MAPS if name in said})
    state = {name.removeprefix(_PREFIX): weight for name, weight in offer.contents.state.items()}
    inference = infer({name: tuple(weight.shape) for name, weight in state.items()}, said)
    fitting(state, inference.config)
    if inference.config.num_channels != maps.channels:
        raise CheckpointError(
            f"The card of {path.name} says that its network is told {maps.condition}, which are {maps.channels} channels, but "
            f"it takes {inference.config.num_channels}; correct the card."
        )
    schedule = _schedule(path.name, given.get("schedule", {}))
    card = complete(
        given,
        path,
        kind="translator",
        family=FAMILY,
        architecture=architecture_with(inference.config, maps),
        schedule=schedule.said,
        inferred=inference.inferred,
        assumed=(
            *(name for name in inference.assumed if name not in SCHEDULE_FIELDS),
            *(name for name in schedule.said if name not in given.get("schedule", {})),
            *(() if "normalisation" in given else ("normalisation",)),
        ),
        missing=tuple(unknown_modalities(given)),
    )
    return ZeroShotCard(card, inference.config, maps, schedule)


def architecture_with(config: GeneratorConfig, maps: StructureMaps) -> JsonObject:
    """Return what belongs into ``card.architecture``."""
    return {**architecture_of(config), **{name: getattr(maps, name) for name in _MAPS}}


def _maps(name: str, said: Mapping[str, Any]) -> StructureMaps:
    if "condition" not in said:
        raise CheckpointError(f"{name} does not say what its network is told of an image; give its card.")
    try:
        return StructureMaps(said["condition"], int(said.get("bins", 9)), bool(said.get("search", False)))
    except (TypeError, ValueError):
        raise CheckpointError(
            f"The card of {name} describes no maps: {dict(said)}; correct the card."
        ) from None


def _schedule(name: str, said: Mapping[str, Any]) -> ImplicitSchedule:
    try:
        if int(said.get(TRAINED, 0)) > _MOST_STEPS:
            raise ValueError("too many steps")
        return ImplicitSchedule.from_card(dict(said))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"The diffusion schedule of {name} is impossible: {error}") from None
