"""The file of a curve of grey levels; importable without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from napari_pseudolabel.budget import check_header
from napari_pseudolabel.errors import CheckpointError
from napari_pseudolabel.models.card_files import HEADER_KEY
from napari_pseudolabel.models.cards import Card

FAMILY = "grey-levels"
CURVE = "grey_levels"  # name of the only tensor


def as_file(levels: NDArray[np.float32], card: Card) -> bytes:
    """Content of a ``.safetensors`` file with a curve, (N,) float32 in [0, 1], and its card."""
    header = {HEADER_KEY: card.model_dump_json(exclude_none=True)}
    return to_bytes({CURVE: np.ascontiguousarray(levels, dtype=np.float32)}, metadata=header)


def turns_around(path: Path) -> bool:
    """Whether a curve makes dark of bright; raises as `curve_in` does."""
    levels = curve_in(path)
    return bool(levels[-1] < levels[0])


def bending(path: Path, pixels: NDArray[np.floating]) -> float:
    """Return how far a curve moves grey levels in [0, 1] on average, beside turning them around; raises as `curve_in` does.

    Of curves that match histograms that is the Wasserstein distance of the two modalities, one of them turned around where the
    curve does.
    """
    levels = curve_in(path)
    straight = pixels if levels[-1] >= levels[0] else 1 - pixels
    moved = np.interp(pixels.ravel(), np.linspace(0, 1, len(levels)), levels)
    return float(np.abs(moved - straight.ravel()).mean())


def curve_in(path: Path) -> NDArray[np.float32]:
    """Return the curve of a file, (N,) in [0, 1].

    Raises
    ------
    CheckpointError
        If the file holds no curve.
    """
    try:
        check_header(path)
        levels = load_file(path)[CURVE]
    except (OSError, SafetensorError, KeyError) as error:
        raise CheckpointError(f"{path.name} holds no curve of grey levels.") from error
    return np.asarray(levels, np.float32)
