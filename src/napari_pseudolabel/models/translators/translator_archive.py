"""What a SynDiff file holds: bare weights, our own safetensors, or a whole training archive.

A training archive (``content.pth``) of SynDiff pickles an ``argparse.Namespace``, one of AxonDeepSynth an
omegaconf ``DictConfig``. Both are read as data; neither class is imported.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from napari_pseudolabel.budget import check_header
from napari_pseudolabel.errors import CheckpointError, FileError, InputError
from napari_pseudolabel.models.card_files import SCHEDULE_FIELDS
from napari_pseudolabel.models.safe_load import Inert, load_archive, load_weights, plain, strip_prefixes
from napari_pseudolabel.models.translators.generator_config import GeneratorConfig
from napari_pseudolabel.models.translators.unwrapping import unwrap
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.wording import some

State = dict[str, torch.Tensor]

_GENERATOR = re.compile(r"gen_diffusive_(\d+)(_dict|_state_dict)?")
_OTHER_NETWORK = re.compile(r"((gen_non|disc|disc_non)_diffusive_\w+?)(_dict|_state_dict)?")
_TRAINING_STATE = re.compile(r"(gen|disc|optimizer|scheduler|ema)_")
# SynDiff overwrites these in its arguments after it has built the generators.
_UNTRUE = ("num_channels",)
# Parts of Python itself that honest settings are made of. Anything else from Python in an archive, such as
# `exec` or `system`, was put there to be called; classes of the writer's own project are merely unknown.
_HONEST_MODULES = [
    "argparse",
    "collections",
    "copyreg",
    "dataclasses",
    "datetime",
    "enum",
    "pathlib",
    "types",
    "typing",
]
_HONEST_NAMES = {("builtins", name) for name in ("object", "slice", "range", "frozenset")}
_HONEST_NAMES |= {("_operator", "getitem"), ("operator", "getitem")}  # how Python stores `Dict[str, Any]`
_PYTHON = sys.stdlib_module_names | {"__builtin__"}
# SynDiff takes values from 0 to 1, AxonDeepSynth 8-bit images.
_READS = {"SynDiff": (0.0, 1.0), "AxonDeepSynth": (0.0, 255.0)}
_THEIR_NAMES = {"model_config", "latent_dim", "syndiff_results_path"}
_ARGUMENTS = {f.name for f in fields(GeneratorConfig)} | {"latent_dim"}


@dataclass(frozen=True)
class Contents:
    """Weights read from a file, and what else it says.

    Attributes
    ----------
    state
        Weights of one network; names without prefixes.
    name
        Which network of an archive it is ("gen_diffusive_1"); empty for a file of bare weights.
    others
        The other networks of the archive, by name.
    card
        What the archive says about the network, shaped like a card.
    origin
        The project that wrote an archive, "SynDiff" or "AxonDeepSynth"; empty otherwise.
    inferred
        What had to be decided about the weights, for the card.
    warnings
        Sentences for the person.
    reads
        The raw values that become -1 and 1 in the program that wrote an archive; None for a file of bare weights.
    """

    state: State
    name: str = ""
    others: tuple[str, ...] = ()
    card: JsonObject = field(default_factory=dict)
    origin: str = ""
    inferred: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    reads: tuple[float, float] | None = None


def read_contents(path: str | Path, which: int | None = None, value: object = None) -> Contents:
    """Read a file that holds a translator.

    Parameters
    ----------
    path
        ``.safetensors``, or a file written by ``torch.save``.
    which
        Which generator of an archive to take: ``gen_diffusive_k`` makes contrast k from the other one.
        By default the first.
    value
        Result of `read_value`, if it has been read before.

    Raises
    ------
    CheckpointError
        If the file holds no weights, or asks for code to be run.
    InputError
        If the file has no generator `which`.
    """
    path = Path(path)
    value = read_value(path) if value is None else value
    if not _is_archive(value) and (found := unwrap(value)) is not None:
        if which is not None and (name := _GENERATOR.match(path.name)) and int(name[1]) != which:
            raise InputError(f"{path.name} holds generator {name[1]}, not {which}; choose the other file.")
        return Contents(found.state, warnings=found.warnings, inferred=found.inferred)
    if _is_archive(value):
        return _from_archive(path, value, which)
    raise CheckpointError(
        f"{path.name} holds {_description(value)}, where the weights of a translator were expected."
    )


def read_value(path: Path) -> object:
    """Read what a file holds: weights strictly, a SynDiff training archive as inert records."""
    if path.suffix == ".safetensors":
        try:
            check_header(path)
            return load_file(path)
        except FileNotFoundError:
            raise CheckpointError(f"There is no file {path}.") from None
        except FileError:
            raise
        except (SafetensorError, OSError):
            raise CheckpointError(
                f"{path.name} is incomplete or damaged; copy or download it again."
            ) from None
    try:
        return load_weights(path)
    except CheckpointError:
        # Archives hold the settings of the run as an object, which the strict reader refuses.
        try:
            value = load_archive(path)
        except CheckpointError:
            value = None
        if not _is_archive(value):
            raise
    _refuse_calls(path, value)
    return value


def _is_archive(value: object) -> TypeGuard[Mapping[Any, object]]:
    return isinstance(value, Mapping) and any(_GENERATOR.fullmatch(str(k)) for k in value)


def _refuse_calls(path: Path, value: object) -> None:
    """Refuse an archive that wanted to call something; nothing was called, but nobody honest writes one."""
    for record in _records(value):
        root = record.module.partition(".")[0]
        honest = root in _HONEST_MODULES or (record.module, record.name) in _HONEST_NAMES
        if root in _PYTHON and not honest:
            raise CheckpointError(
                f"{path.name} asks to run `{record.module}.{record.name}`, which a checkpoint must not do; "
                "it was not loaded."
            )


def _records(value: object) -> list[Inert]:
    """Find all inert records in an archive."""
    found: list[Inert] = []
    seen: set[int] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, (torch.Tensor, str, bytes, int, float, type)):
            continue
        seen.add(id(item))
        if isinstance(item, Inert):
            found.append(item)
            stack += [item.args, item.kwargs, item.state, item.entries]
        elif isinstance(item, Mapping):
            stack += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple, set)):
            stack += list(item)
    return found


def _as_state(value: object) -> State | None:
    """Return the weights without prefixes if `value` is a non-empty dictionary of nothing but tensors."""
    if not isinstance(value, Mapping) or not value:
        return None
    if not all(isinstance(k, str) and isinstance(v, torch.Tensor) for k, v in value.items()):
        return None
    return strip_prefixes(value)


def _from_archive(path: Path, value: Mapping[Any, object], which: int | None) -> Contents:
    generators: dict[int, tuple[str, State]] = {}
    others: list[str] = []
    for key, item in value.items():
        state = _as_state(item)
        if state is None:
            continue
        if found := _GENERATOR.fullmatch(str(key)):
            generators[int(found[1])] = (f"gen_diffusive_{found[1]}", state)
        elif found := _OTHER_NETWORK.fullmatch(str(key)):
            others.append(found[1])
    if not generators:
        raise CheckpointError(f"{path.name} is a training archive whose generators are empty.")
    number = min(generators) if which is None else which
    if number not in generators:
        known = " and ".join(str(n) for n in sorted(generators))
        raise InputError(f"{path.name} has no generator {number}; it holds {known}.")
    settings = [
        item
        for key, item in value.items()
        if isinstance(item, Inert) or (isinstance(item, Mapping) and not _TRAINING_STATE.match(str(key)))
    ]
    origin = _origin(settings)
    card = _from_settings(settings, number)
    if card and origin == "AxonDeepSynth":
        card.setdefault("architecture", {})["centered"] = True  # it has no such argument
    warnings = [
        f"{path.name} is a training archive with the raw weights of the last step; a gen_diffusive_*.pth of "
        "the same run holds the averaged ones and is usually better."
    ]
    if not card.get("architecture") and not card.get("schedule"):
        warnings.append("It does not say how the network was built and how many diffusion steps it takes.")
    name, state = generators[number]
    rest = [n for k, (n, _) in sorted(generators.items()) if k != number]
    reads = _READS[origin] if card else None
    return Contents(state, name, (*rest, *others), card, origin, warnings=tuple(warnings), reads=reads)


def _origin(settings: Sequence[object]) -> str:
    """Return the project that wrote an archive, by its settings: AxonDeepSynth keeps them in groups, SynDiff in one list."""
    if any(record.module.startswith("omegaconf") for record in _records(settings)):
        return "AxonDeepSynth"
    names = {
        str(name) for item in settings if isinstance(item, Mapping) for name in (*item, *dict(_leaves(item)))
    }
    return "AxonDeepSynth" if names & _THEIR_NAMES else "SynDiff"


def _from_settings(settings: Sequence[object], number: int) -> JsonObject:
    """Return what the arguments of the run say about generator `number`, shaped like a card."""
    found: JsonObject = {}
    for item in settings:
        try:
            found |= dict(_leaves(plain(item)))
        except CheckpointError:
            continue
    card: JsonObject = {}
    for name in sorted(_ARGUMENTS - set(_UNTRUE)):
        value = found.get(name)
        if value is None or isinstance(value, Mapping):
            continue
        part = "schedule" if name in SCHEDULE_FIELDS else "architecture"
        card.setdefault(part, {})[name] = value
    target, source = found.get(f"contrast{number}"), found.get(f"contrast{3 - number}")
    for side, contrast in (("source", source), ("target", target)):
        if isinstance(contrast, str) and contrast:
            card[side] = {"name": contrast}
    return card


def _leaves(settings: Mapping[Any, object]) -> list[tuple[str, object]]:
    """Flatten nested settings to (last name, value); an outer name comes after an inner one and wins."""
    result: list[tuple[str, object]] = []
    for value in settings.values():
        if isinstance(value, Mapping):
            result = _leaves(value) + result
    result += [(str(name), value) for name, value in settings.items() if not isinstance(value, Mapping)]
    return result


def _description(value: object) -> str:
    if isinstance(value, Mapping):
        if not value:
            return "nothing"
        return f"a dictionary of {some([str(key) for key in value], 4)}"
    if isinstance(value, torch.Tensor):
        return "a single tensor"
    if isinstance(value, Inert):
        return f"a {value.module}.{value.name} object"
    return f"a {type(value).__name__}"
