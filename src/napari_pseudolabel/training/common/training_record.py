"""What the folder of a training holds: what is trained, so that only the same goes on in it, its state and its curves.

All of it is written so that a kill at any moment costs at most one interval. Importable without torch.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from napari_pseudolabel.budget import read_json
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.types import JsonObject
from napari_pseudolabel.workspace import atomic_file, write_text

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


def today() -> str:
    """Return the date for a card."""
    return datetime.now(UTC).date().isoformat()


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


def save_state(path: Path, state: Mapping[str, object]) -> None:
    """Write `state` (tensors, numbers, strings, nested dicts and lists) so that it is whole or absent."""
    import torch

    with atomic_file(path) as temporary:
        torch.save(dict(state), temporary)


def load_state(path: Path, settings: Mapping[str, object]) -> JsonObject | None:
    """Read a state back, or None when there is none yet.

    Raises
    ------
    InputError
        If the state was written by a training with other settings.
    """
    from napari_pseudolabel.models.safe_load import load_weights

    if not path.exists():
        return None
    state: JsonObject = load_weights(path)
    saved = state.get("settings", {})
    # A setting that came later than the state had its default.
    changed = [
        name for name in settings if name != "steps" and saved.get(name, settings[name]) != settings[name]
    ]
    if changed:
        raise InputError(
            f"{path.parent} holds a training with other settings ({', '.join(changed)}); "
            "choose another output folder or repeat the settings."
        )
    return state


@dataclass(frozen=True)
class CurveFile:
    """A CSV file with one row per reported step.

    Attributes
    ----------
    path
        Made with the first row.
    columns
        Names; the first is ``step``.
    """

    path: Path
    columns: Sequence[str]

    def cut(self, step: int) -> None:
        """Drop the rows after `step`, which will be trained again, and a row that a kill left half written."""
        if not self.path.exists():
            return
        lines = self.path.read_text(encoding="utf-8").split("\n")
        # Without a newline behind it, the last row is not whole.
        whole = [line.rstrip("\r") for line in lines[:-1]]
        kept = [
            line for line in whole[1:] if line.split(",")[0].isdecimal() and int(line.split(",")[0]) <= step
        ]
        wanted = [",".join(self.columns), *kept]
        if [*wanted, ""] != lines:
            write_text(self.path, "".join(f"{line}\n" for line in wanted))

    def append(self, row: Mapping[str, float]) -> None:
        """Add a row; what has no column is left out, what is missing stays empty."""
        new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(
                file, self.columns, restval="", extrasaction="ignore", lineterminator="\n"
            )
            if new:
                writer.writeheader()
            writer.writerow(row)
