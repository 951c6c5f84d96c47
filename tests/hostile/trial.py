"""One trial: a valid checkpoint, changed by chance, and everything that a person can do with it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mutations
import numpy as np

from napari_pseudolabel.errors import PseudolabelError
from napari_pseudolabel.models import inspect, load_segmenter, load_translator
from napari_pseudolabel.models.translators.translate import translate

SEGMENTERS = ("segmenter", "nnunet")
IMAGE = np.random.default_rng(0).random((40, 52), dtype=np.float32)


def attempt(seed: int, valid: Mapping[str, Path], work: Path) -> str | None:
    """Change one of the valid files and use it.

    Returns
    -------
    str or None
        What went otherwise than promised; None if nothing did.
    """
    dice = random.Random(seed)
    name = dice.choice(list(valid))
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    path = work / valid[name].name
    (shutil.copytree if valid[name].is_dir() else shutil.copy)(valid[name], path)
    what = _change(path, dice)
    try:
        found = inspect(path)
        if not found.usable and not (found.problem or "").strip().endswith((".", "?")):
            return f"{seed}: {name}, {what}: no sentence ({found.problem!r})"
        _use(name, path)
    except PseudolabelError as error:
        if not str(error).strip().endswith((".", "?")):
            return f"{seed}: {name}, {what}: no sentence ({error})"
    except Exception as error:
        return f"{seed}: {name}, {what}: {type(error).__name__}: {error}"
    return None


def _use(name: str, path: Path) -> None:
    if name not in SEGMENTERS:
        translate(load_translator(path), IMAGE)
        return
    model = load_segmenter(path)
    chances = model.probabilities(IMAGE)
    labels = model.labels(chances)
    assert labels.shape == IMAGE.shape
    assert set(np.unique(labels)) <= {0, *(one.value for one in model.classes)}


def _change(path: Path, dice: random.Random) -> str:
    def change(value: Any) -> Any:
        return mutations.changed_value(value, dice)

    if path.is_dir():
        what = dice.choice(("plans.json", "dataset.json", "bytes"))
        if what == "bytes":
            file = path / dice.choice(("plans.json", "dataset.json", "fold_0/checkpoint_final.pth"))
            file.write_bytes(mutations.changed_bytes(file.read_bytes(), dice))
        else:
            value = mutations.PLANS if what == "plans.json" else mutations.DATASET
            (path / what).write_text(json.dumps(change(value)))
    elif path.suffix == ".safetensors":
        what = dice.choice(("card", "header", "bytes"))
        if what == "bytes":
            path.write_bytes(mutations.changed_bytes(path.read_bytes(), dice))
        else:
            (mutations.with_card if what == "card" else mutations.with_header)(path, change)
    else:
        what = dice.choice(("bytes", "bytes", "sidecar"))
        if what == "bytes":
            path.write_bytes(mutations.changed_bytes(path.read_bytes(), dice))
        else:
            path.with_name(f"{path.stem}.card.json").write_text(json.dumps(change(mutations.CARD)))
    return what
