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
    """Whether a curve makes dark of bright.

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
    return bool(levels[-1] < levels[0])
