"""The state file: whole or absent, and only for the same settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_pseudolabel.errors import CheckpointError, InputError
from napari_pseudolabel.training.common.training_record import load_state, save_state

SETTINGS = {"steps": 5, "lr": 0.1, "ch_mult": [1, 2]}


def test_a_state_comes_back(tmp_path):
    path = tmp_path / "training.pt"
    assert load_state(path, SETTINGS) is None
    save_state(path, {"settings": SETTINGS, "step": 3, "nested": {"w": torch.arange(4.0)}, "best": None})
    state = load_state(path, SETTINGS)
    assert state["step"] == 3
    assert state["best"] is None
    torch.testing.assert_close(state["nested"]["w"], torch.arange(4.0))
    assert [file.name for file in tmp_path.iterdir()] == ["training.pt"]


def test_a_failed_write_keeps_the_state_before(tmp_path, monkeypatch):
    path = tmp_path / "training.pt"
    save_state(path, {"settings": SETTINGS, "step": 1})
    real = torch.save

    def half(value, file):
        real(value, file)
        with open(file, "r+b") as handle:
            handle.truncate(10)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", half)
    # One sentence for the person, and no debris on a disk that is full already.
    with pytest.raises(InputError, match=r"No space .* nothing was changed"):
        save_state(path, {"settings": SETTINGS, "step": 2})
    assert load_state(path, SETTINGS)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["training.pt"]


def test_other_settings_and_damage_are_refused(tmp_path):
    path = tmp_path / "training.pt"
    save_state(path, {"settings": SETTINGS, "step": 1})
    with pytest.raises(InputError, match=r"other settings \(lr\)"):
        load_state(path, {**SETTINGS, "lr": 0.2})
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="damaged"):
        load_state(path, SETTINGS)
    save_state(path, {"settings": SETTINGS, "evil": np.array})
    with pytest.raises(CheckpointError, match="must not"):
        load_state(path, SETTINGS)


def test_a_setting_that_came_later_had_its_default(tmp_path):
    save_state(tmp_path / "training.pt", {"settings": SETTINGS, "step": 1})
    assert load_state(tmp_path / "training.pt", {**SETTINGS, "new": 0.0})["step"] == 1
