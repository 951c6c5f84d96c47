"""The state of a training on disk: written atomically, so that a kill at any moment costs at most one interval."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.models.safe_load import load_weights
from napari_pseudolabel.workspace import atomic_file


def save_state(path: Path, state: Mapping[str, object]) -> None:
    """Write `state` (tensors, numbers, strings, nested dicts and lists) so that it is whole or absent."""
    with atomic_file(path) as temporary:
        torch.save(dict(state), temporary)


def load_state(path: Path, settings: Mapping[str, object]) -> dict[str, Any] | None:
    """Read a state back, or None when there is none yet.

    Raises
    ------
    InputError
        If the state was written by a training with other settings.
    """
    if not path.exists():
        return None
    state: dict[str, Any] = load_weights(path)
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
