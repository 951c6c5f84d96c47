"""A family of models that is a level in a JSON file, or a folder with one: one object; no other file knows it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from toy_strategy import CLASSES, Brighter

from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models import families
from napari_pseudolabel.models.card_files import complete
from napari_pseudolabel.models.families import Family
from napari_pseudolabel.models.inspection import Inspection, useful
from napari_pseudolabel.models.offers import Offer


def _declines(offer: Offer) -> str:
    named = offer.path.suffix == ".toy" or offer.said_family == "toy"
    mine = named or (offer.path / "level.json").is_file()
    return "" if mine else "no toy"


def _loads(offer: Offer) -> Brighter:
    file = offer.path / "level.json" if offer.path.is_dir() else offer.path
    level = json.loads(file.read_text())["level"]
    if not 0 <= level <= 255:
        raise CheckpointError(f"The level of {offer.path.name} is not from 0 to 255.")
    card = complete(offer.given, offer.path, kind="segmenter", family="toy", classes=CLASSES)
    return Brighter(level, card=card, sha256="0" * 64)


def _describes(offer: Offer) -> Inspection | None:
    return None if _declines(offer) else useful(offer.path, "toy", _loads(offer).card)


TOY = Family(
    "toy",
    "segmenter",
    SimpleNamespace(declines=_declines, describes=_describes, loads=_loads),
    suffixes=(".toy",),
    markers=("level.json",),
    title="a Toy model",
    brightest=100.0,
)
ADDED = (TOY, *families.FAMILIES)
"""What its line in the registry does; before nnU-Net, which takes all folders that nobody takes."""


def add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(families, "FAMILIES", ADDED)


def inspected(path: str, which: int | None) -> dict[str, Any]:
    """What the process of its own calls, where the line is in the registry too."""
    from napari_pseudolabel.models.inspect import inspected

    families.FAMILIES = ADDED
    return inspected(path, which)


def write(path: Path, level: float) -> Path:
    if path.suffix != ".toy":
        path.mkdir()
    file = path if path.suffix == ".toy" else path / "level.json"
    file.write_text(json.dumps({"level": level}))
    return path
