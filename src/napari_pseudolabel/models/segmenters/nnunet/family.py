"""What the house asks of nnU-Net v2 model folders, and of what lies in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from napari_pseudolabel.budget import listed, read_json
from napari_pseudolabel.errors import FileError
from napari_pseudolabel.models.card_files import CARD_ENDING
from napari_pseudolabel.models.inspection import Inspection, useful, useless
from napari_pseudolabel.models.offers import Offer, choose
from napari_pseudolabel.models.segmenters.nnunet.choosing import CHECKPOINTS, Fold
from napari_pseudolabel.models.segmenters.nnunet.segmenter import NnunetSegmenter, load

_PLANS = "plans.json"


def declines(offer: Offer) -> str:
    """Why it is neither a folder nor one fold of a model."""
    return "" if offer.path.is_dir() or _fold(offer.path) else "not in an nnU-Net model folder"


def loads(offer: Offer) -> NnunetSegmenter:
    """Load those folds of a folder that the program takes that it is of, or the one fold that a file is."""
    path = offer.path
    if fold := _fold(path):
        return load(_above(path), fold, [_number(path)], offer.card)
    return load(path, card=offer.card)


def describes(offer: Offer) -> Inspection | None:
    """Describe a model folder or one of its folds; parts of one are not usable alone, and lead to the folder."""
    if offer.path.is_dir():
        return _folder(offer)
    if offer.holds("network_weights"):
        return _checkpoint(offer)
    return _plans(offer.path) if offer.has_json and not offer.path.name.endswith(CARD_ENDING) else None


def _fold(path: Path) -> str:
    """Which kind of checkpoint of a fold a file is; empty if it is none."""
    kind = path.name.removeprefix("checkpoint_").removesuffix(".pth")
    return kind if kind in CHECKPOINTS and (_above(path) / _PLANS).is_file() else ""


def _above(path: Path) -> Path:
    return path.absolute().parent.parent


def _number(path: Path) -> Fold:
    number = path.absolute().parent.name.removeprefix("fold_")
    return int(number) if number.isdecimal() else "all"


def _folder(offer: Offer) -> Inspection | None:
    path = offer.path
    if _PLANS in offer.names:
        return useful(path, "nnU-Net v2 model folder", loads(offer).card)
    if path.name.startswith("fold_") and any(one.name == _PLANS for one in listed(path.resolve().parent)):
        problem = (
            f"{path.name} is one fold of an nnU-Net model; choose the folder above it, {path.parent.name}."
        )
        return useless(path, "fold of an nnU-Net v2 model", problem)
    models = sorted(one.name for one in listed(path) if one.is_dir() and (one / _PLANS).is_file())
    if models:
        problem = f"{path.name} holds nnU-Net models; choose one of them: {', '.join(models)}."
        return useless(path, "folder of nnU-Net v2 models", problem)
    return None


def _checkpoint(offer: Offer) -> Inspection:
    path, what = offer.path, "nnU-Net v2 checkpoint"
    if (path.resolve().parents[1] / _PLANS).is_file():
        note = (f"{path.name} is one fold; choose the folder two levels up to use all folds.",)
        return useful(path, what, choose(offer, "segmenter").loads(offer).card, note=note)
    problem = (
        f"{path.name} is one checkpoint of an nnU-Net model, which its weights alone do not describe; "
        "choose the folder two levels up, which holds plans.json and dataset.json."
    )
    return useless(path, what, problem)


def _plans(path: Path) -> Inspection | None:
    try:
        value = read_json(path)
    except FileError:
        return None
    if not isinstance(value, Mapping) or not ("configurations" in value or "channel_names" in value):
        return None
    folder = path.resolve().parent.name
    problem = f"{path.name} is part of an nnU-Net model; choose the folder that holds it, {folder}."
    return useless(path, "part of an nnU-Net v2 model", problem)
