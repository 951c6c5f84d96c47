"""Find the constructor arguments of a SynDiff generator: from weights, card and published defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import SCHEDULE_FIELDS
from napari_pseudolabel.models.cards import LARGEST_TILE, LARGEST_WIDTH
from napari_pseudolabel.models.outline import outlined
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.layer_sequence import read_architecture
from napari_pseudolabel.models.translators.ncsnpp import NCSNpp
from napari_pseudolabel.models.translators.weights import Shape, describe_mismatch
from napari_pseudolabel.types import JsonObject

PUBLISHED = GeneratorConfig()
_LARGEST = {"image_size": LARGEST_TILE, "num_timesteps": 1000}
_MOST_ENTRIES = 64
_LONGEST_FILTER = 16
_NAMES = [f.name for f in fields(GeneratorConfig)]
# Names of AxonDeepSynth, and arguments that belong to the discriminators or to nothing.
_ALIASES = {"latent_dim": "nz"}
_IRRELEVANT = ("t_emb_dim", "ngf")
# Matters in training only, or does nothing in this network: silence about it is no assumption.
_HARMLESS = ("dropout", "fourier_scale", "resamp_with_conv", "progressive_combine")


@dataclass(frozen=True)
class Inference:
    """Constructor arguments of a generator and where each comes from."""

    config: GeneratorConfig
    inferred: tuple[str, ...]
    assumed: tuple[str, ...]


def infer(shapes: Mapping[str, Shape], given: Mapping[str, object] | None = None) -> Inference:
    """Infer the constructor arguments.

    Parameters
    ----------
    shapes
        Parameter names without prefix -> shapes.
    given
        What is known from a card, by the published names. It fills what the weights do not reveal.

    Returns
    -------
    Inference

    Raises
    ------
    CheckpointError
        If the weights are of another network, or `given` contradicts them.
    """
    known = _clean(given or {})
    try:
        revealed, attention = read_architecture(shapes)
    except CheckpointError as error:
        raise CheckpointError(f"These weights are not of a SynDiff generator: {error}.") from None
    for name in sorted(set(known) & set(revealed)):
        if known[name] != revealed[name]:
            raise CheckpointError(
                f"The card says {name} {_text(known[name])}, but the weights have {_text(revealed[name])}; "
                "correct the card."
            )
    revealed |= _sizes(len(revealed["ch_mult"]), attention, known, revealed)
    config = replace(PUBLISHED, **{**known, **revealed})
    inferred = tuple(name for name in _NAMES if name in revealed)
    harmless = {*_HARMLESS, *_without_effect(config)}
    assumed = tuple(n for n in _NAMES if n not in revealed and n not in known and n not in harmless)
    return Inference(config, inferred, assumed)


def _without_effect(config: GeneratorConfig) -> tuple[str, ...]:
    """Names of arguments that do nothing in a network: of one level nothing is resampled."""
    if len(config.ch_mult) == 1:
        return ("fir_kernel", "progressive_input")
    return () if config.fir else ("fir_kernel",)


def _clean(given: Mapping[str, Any]) -> JsonObject:
    """Check the names and bring the values to the types of the published defaults."""
    result: JsonObject = {}
    for raw, value in given.items():
        name = _ALIASES.get(raw, raw)
        if name in _IRRELEVANT:
            continue
        if name not in _NAMES:
            raise CheckpointError(
                f"The card names “{raw}”, which is no argument of a SynDiff generator; remove it."
            )
        default = getattr(PUBLISHED, name)
        try:
            taken = tuple(_as(0.0, item) for item in value) if name == "fir_kernel" else _as(default, value)
            largest = max((abs(item) for item in _each(taken) if not isinstance(item, str)), default=0)
            if largest > _LARGEST.get(name, LARGEST_WIDTH) or len(_each(taken)) > _MOST_ENTRIES:
                raise ValueError
            if name == "fir_kernel" and (not 2 <= len(taken) <= _LONGEST_FILTER or not sum(taken)):
                raise ValueError
            result[name] = taken
        except (TypeError, ValueError, OverflowError):
            raise CheckpointError(
                f"The card says {name} is {value!r}, where a value like {_text(default)} belongs."
            ) from None
    return result


def _each(value: object) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _as(default: Any, value: Any) -> Any:
    if isinstance(default, tuple):
        if isinstance(value, str):
            raise TypeError
        items = value if isinstance(value, (list, tuple)) else [value]
        return tuple(_as(default[0], item) for item in items)
    if isinstance(default, str):
        if not isinstance(value, str):
            raise TypeError
        return value.lower()
    if isinstance(default, bool):
        if value not in (0, 1):
            raise ValueError
        return bool(value)
    if isinstance(value, (bool, str)):
        raise TypeError
    if not math.isfinite(value) or (isinstance(default, int) and int(value) != value):
        raise ValueError
    return type(default)(value)


def _sizes(levels: int, attention: tuple[int, ...], known: JsonObject, revealed: JsonObject) -> JsonObject:
    """Tile size and attention sizes that put attention on the levels where the weights have it."""

    def fits(size: int, resolutions: tuple[int, ...]) -> bool:
        like = {"image_size": size, "attn_resolutions": resolutions, "ch_mult": revealed["ch_mult"]}
        return replace(PUBLISHED, **like).attn_levels == attention

    size, resolutions = known.get("image_size"), known.get("attn_resolutions")
    if size is not None and resolutions is not None:
        if not fits(size, resolutions):
            raise CheckpointError(
                f"The card says image_size {size} with attn_resolutions {_text(resolutions)}, but the "
                f"weights have attention at {_levels(attention)} of {levels}; correct the card."
            )
        return {}
    if size is not None:
        derived = tuple(size // 2**level for level in attention) or PUBLISHED.attn_resolutions
        if not fits(size, derived):
            derived = ()
        return {"attn_resolutions": derived}
    wanted = resolutions if resolutions is not None else PUBLISHED.attn_resolutions
    if attention:
        candidates = [r * 2 ** attention[0] for r in sorted(wanted, reverse=True)]
        size = next((s for s in candidates if fits(s, wanted)), None)
        if size is not None:
            return {"image_size": size}
        if resolutions is not None:
            raise CheckpointError(
                f"The card says attn_resolutions {_text(wanted)}, but the weights have attention at "
                f"{_levels(attention)} of {levels}; correct the card."
            )
        size = PUBLISHED.attn_resolutions[0] * 2 ** attention[0]
        return {"image_size": size, "attn_resolutions": tuple(size // 2**level for level in attention)}
    # No level has attention, so the size says nothing; any size does whose levels miss the attention sizes.
    size = PUBLISHED.image_size
    if fits(size, wanted):
        return {}
    if resolutions is None:
        return {"attn_resolutions": ()}
    raise CheckpointError(
        f"The card says attn_resolutions {_text(wanted)}, but no level of the weights has attention; "
        "add image_size to the card or correct it."
    )


def _levels(attention: tuple[int, ...]) -> str:
    if not attention:
        return "no level"
    return ("level " if len(attention) == 1 else "levels ") + " and ".join(str(level) for level in attention)


def fitting(state: Mapping[str, torch.Tensor], config: GeneratorConfig) -> dict[str, torch.Tensor]:
    """Check weights against a configuration, name by name, without building the network in memory.

    Returns
    -------
    dict
        The weights that the network has, in its order. A generator that is not ``conditional`` stores step
        layers (``Dense_0``) in its blocks that it never uses; they are left out where the network lacks them.

    Raises
    ------
    CheckpointError
        Naming what is missing, too much or of another shape.
    """
    try:
        expected = outlined(lambda: NCSNpp(config)).state_dict()
    except Exception as error:  # numbers that no layer can have raise whatever they like
        raise CheckpointError(f"The weights ask for a network that cannot exist ({error}).") from None
    ours = {k: v for k, v in state.items() if k in expected or config.conditional or ".Dense_0." not in k}
    mismatch = describe_mismatch(
        {k: tuple(v.shape) for k, v in ours.items()}, {k: tuple(v.shape) for k, v in expected.items()}
    )
    if mismatch:
        raise CheckpointError(f"The weights do not fit the SynDiff generator they look like: {mismatch}.")
    return {k: ours[k] for k in expected}


def _text(value: object) -> str:
    return " ".join(str(v) for v in value) if isinstance(value, tuple) else str(value)


def schedule_of(config: GeneratorConfig) -> JsonObject:
    """Part of the configuration that belongs into ``card.schedule``."""
    return {name: getattr(config, name) for name in SCHEDULE_FIELDS}


def architecture_of(config: GeneratorConfig) -> JsonObject:
    """Part of the configuration that belongs into ``card.architecture``, with lists for JSON."""
    result = {n: getattr(config, n) for n in _NAMES if n not in SCHEDULE_FIELDS}
    return {n: list(v) if isinstance(v, tuple) else v for n, v in result.items()}
