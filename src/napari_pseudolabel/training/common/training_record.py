"""What a folder trains, so that only the same training goes on in it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace import write_text

STATE, RECORD = "training.pt", "training.json"
_WRITTEN = (STATE, "best.safetensors", "losses.csv", "measures.csv", "validation.csv")


def check_record(out: Path, record: Mapping[str, object], checkpoints: Iterable[str] = ()) -> None:
    """Make the output folder and note in it what is trained, so that only the same training goes on there.

    Parameters
    ----------
    checkpoints
        File names without suffix of what will be trained.

    Raises
    ------
    InputError
        If the folder holds the state of a training with other settings or other data, or files that no training
        of ours has written and that this one would replace.
    """
    out.mkdir(parents=True, exist_ok=True)
    path, state = out / RECORD, out / STATE
    written = [*_WRITTEN, *(f"{name}.safetensors" for name in checkpoints)]
    foreign = [] if path.exists() else [name for name in written if (out / name).exists()]
    if path.exists() and "kind" not in _read_record(path):
        foreign = [RECORD]
    if foreign:
        raise InputError(
            f"{out / foreign[0]} is there, is of no training in this folder, and would be replaced; choose another folder."
        )
    plain = json.loads(json.dumps(record))
    if state.exists() and path.exists():
        before = _read_record(path)
        changed = [
            f"{name}.{part}" if isinstance(value, dict) else name
            for name, value in plain.items()
            for part in (value if isinstance(value, dict) else [name])
            if _at(before, name, part) != _at(plain, name, part)
        ]
        if changed:
            raise InputError(
                f"{out} holds a training with other {', '.join(changed)}; choose another output folder, or repeat "
                "the command as it was to go on."
            )
        return
    write_text(path, json.dumps(plain, indent=1) + "\n")


def _at(record: Mapping[str, object], name: str, part: str) -> object:
    value = record.get(name)
    return value.get(part) if isinstance(value, dict) else value


def _read_record(path: Path) -> JsonObject:
    try:
        found = read_json(path)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{path} is damaged; choose another output folder.")
    return found
