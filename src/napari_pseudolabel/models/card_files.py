"""Where a card lives: given by the caller, in ``NAME.card.json`` beside the file, or in a safetensors header.

Nothing here imports torch, so that a list of checkpoints is cheap.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open

from napari_pseudolabel.budget import check_header, parse_json, read_json
from napari_pseudolabel.errors import CheckpointError, FileError
from napari_pseudolabel.models.cards import Card
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace import write_bytes

Model = TypeVar("Model", bound=BaseModel)

HEADER_KEY = "card"
CARD_ENDING = ".card.json"
SCHEDULE_FIELDS = ("num_timesteps", "beta_min", "beta_max", "use_geometric")
_NESTED = (
    "architecture",
    "schedule",
    "source",
    "target",
    "normalisation",
    "training",
    "calibration",
    "evaluations",
)
_LONGEST_VALUE = 60
_REPORTS = ("inferred", "assumed", "missing", "notes")


def sidecar_path(path: str | Path) -> Path:
    """Path of the sidecar: ``NAME.pth`` -> ``NAME.card.json``, a folder ``F`` -> ``F.card.json``.

    Where ``NAME.pth.card.json`` is there, it is of this file alone, and ``NAME.card.json`` of others like ``NAME.pt``.
    """
    path = Path(path)
    whole = path.with_name(path.name + CARD_ENDING)
    return whole if path.is_dir() or whole.exists() else path.with_name(path.stem + CARD_ENDING)


def read_sidecar(path: str | Path) -> JsonObject | None:
    """Read the sidecar of the checkpoint at `path`.

    Returns
    -------
    dict or None
        A Card-shaped or flat dictionary as `complete` takes it; None if there is no sidecar.

    Raises
    ------
    CheckpointError
        If the sidecar is not a JSON object.
    """
    side = sidecar_path(path)
    try:
        return _object(read_json(side), side.name)
    except FileNotFoundError:
        return None
    except FileError as error:
        raise CheckpointError(f"The card {side.name} cannot be used: {error}") from None
    except OSError as error:
        raise CheckpointError(
            f"The card {side.name} cannot be read ({error.strerror or error}); correct or remove it."
        ) from None


def write_sidecar(path: str | Path, card: Card | Mapping[str, object]) -> Path:
    """Write the sidecar of the checkpoint at `path` atomically and return its path.

    Another checkpoint of the same name up to the suffix keeps its own.
    """
    path = Path(path)
    data = spelt(card) if isinstance(card, Card) else dict(card)
    side = sidecar_path(path)
    others = [one for one in path.parent.glob(f"{glob.escape(path.stem)}.*") if one.stem == path.stem]
    if side.exists() and any(other.name != path.name for other in others):
        side = path.with_name(path.name + CARD_ENDING)
    atomic_write(side, json.dumps(data, indent=1, ensure_ascii=False).encode() + b"\n")
    return side


def spelt(card: Card) -> JsonObject:
    """Return a card as it is written: without defaults, except for a normalisation that was said."""
    said: JsonObject = card.model_dump(mode="json", exclude_defaults=True)
    if "normalisation" in card.model_fields_set:
        said["normalisation"] = card.normalisation.model_dump(mode="json")
    return said


def read_header_card(path: str | Path) -> JsonObject | None:
    """Read the card in the header of a safetensors file; None for any other file or without a card.

    Raises
    ------
    CheckpointError
        If the file is called ``.safetensors`` but is damaged, or its card is not a JSON object.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        return None
    try:
        check_header(path)
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError):
        raise CheckpointError(
            f"{path.name} is incomplete or damaged, or no safetensors file; copy or download it again."
        ) from None
    text = metadata.get(HEADER_KEY)
    return None if text is None else _parse(text, f"in the header of {path.name}")


def _parse(text: str, where: str) -> JsonObject:
    try:
        return _object(parse_json(text, where), where)
    except FileError as error:
        raise CheckpointError(f"The card {where} cannot be used: {error}") from None


def _object(value: object, where: str) -> JsonObject:
    if not isinstance(value, dict):
        raise CheckpointError(f"The card {where} is not a JSON object; correct or remove it.")
    return value


def given_card(path: str | Path, card: Card | Mapping[str, object] | None = None) -> JsonObject:
    """Collect everything that is known about a checkpoint besides its weights.

    The caller's `card` wins over the sidecar, the sidecar over the header. Values that a card lists as
    ``assumed`` do not count as known, nor does a normalisation that was inferred.

    Parameters
    ----------
    path
        The checkpoint.
    card
        A `Card`, a dictionary shaped like one, or a flat dictionary of the generator's constructor
        arguments by their published names; the three may be mixed. ``source`` and ``target`` may be
        plain names, ``classes`` a list of names.

    Returns
    -------
    dict
        Shaped like a card, incomplete.
    """
    result: JsonObject = {}
    for layer in (read_header_card(path), read_sidecar(path), card):
        if layer is not None:
            overlay(result, card_shaped(layer))
    return result


def card_shaped(card: Card | Mapping[str, Any]) -> JsonObject:
    """Sort a flat or mixed dictionary into the fields of a card; see `given_card`."""
    if isinstance(card, Card):
        card = card.model_dump(mode="json", exclude_unset=True)
    result: JsonObject = {}
    for name, value in card.items():
        if name in _REPORTS or value is None:
            continue
        if name in _NESTED and not isinstance(value, Mapping):
            if isinstance(value, str) and name in ("source", "target"):
                result[name] = {"name": value}
                continue
            raise CheckpointError(
                f"The card says {name} is {repr(value)[:_LONGEST_VALUE]}, where several named values belong; correct it."
            )
        if name in Card.model_fields:
            if isinstance(value, Mapping):
                result.setdefault(name, {}).update(value)
            else:
                result[name] = named_classes(value) if name == "classes" else value
        else:
            part = "schedule" if name in SCHEDULE_FIELDS else "architecture"
            result.setdefault(part, {})[name] = value
    assumed = card.get("assumed") or ()
    for part in ("architecture", "schedule"):
        if part in result:
            result[part] = {k: v for k, v in result[part].items() if k not in assumed}
    if "normalisation" in (*assumed, *(card.get("inferred") or ())):
        result.pop("normalisation", None)
    return result


def named_classes(value: object) -> object:
    """Return classes that are told by their names alone with the values 0, 1, ...; from 1 where none is the background."""
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        return value
    first = 0 if value and value[0].lower() == "background" else 1
    return [{"name": name, "value": number} for number, name in enumerate(value, first)]


def overlay(base: JsonObject, top: Mapping[str, object]) -> None:
    """Lay one card-shaped dictionary over another, in place; nested dictionaries merge.

    A normalisation of another kind takes the place of the whole, because its numbers mean something else.
    """
    for name, value in top.items():
        if value is None:
            continue
        below = base.get(name)
        if name == "normalisation" and isinstance(value, Mapping) and isinstance(below, Mapping):
            kind = value.get("kind", below.get("kind"))
            base[name] = {**(below if kind == below.get("kind") else {}), **value}
        elif isinstance(value, Mapping) and isinstance(base.get(name), Mapping):
            base[name] = {**base[name], **{k: v for k, v in value.items() if v is not None}}
        else:
            base[name] = value


def complete(given: Mapping[str, object], path: str | Path, **known: object) -> Card:
    """Build the card of a checkpoint from what is given and what its loader knows.

    Parameters
    ----------
    given
        Result of `given_card`.
    path
        The checkpoint; its stem is the name if none is given.
    **known
        Fields of `Card` that the loader determined; they replace the given ones.

    Raises
    ------
    CheckpointError
        If a field has an impossible value, or the card is of another kind or family.
    """
    path = Path(path)
    for field in ("kind", "family"):
        if field in given and given[field] != known.get(field, given[field]):
            raise CheckpointError(
                f"The card of {path.name} says {field} {given[field]!r}, but its weights are of {field} "
                f"{known[field]!r}; correct the card."
            )
    return validated(Card, {"name": path.stem, **given, **known}, f"The card of {path.name}")


def validated(kind: type[Model], values: Mapping[str, object], what: str) -> Model:
    """Check values by the model of pydantic that describes them; raises a CheckpointError that begins with `what`."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise CheckpointError(f"{what} is wrong at {where}: {first['msg']}.") from None


def unknown_modalities(given: Mapping[str, Any], names: tuple[str, ...] = ("source", "target")) -> list[str]:
    """Fields of the modalities that are needed but not given: name, and pixel or object size."""
    missing = []
    for side in names:
        modality = given.get(side) or {}
        if not modality.get("name"):
            missing.append(f"{side}.name")
        if not (modality.get("pixel_size_um") or modality.get("object_size_px")):
            missing.append(f"{side}.pixel_size_um")
    return missing


def atomic_write(path: str | Path, data: bytes) -> None:
    """Write a file so that it is either the old or the new one, even if the machine stops."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)
