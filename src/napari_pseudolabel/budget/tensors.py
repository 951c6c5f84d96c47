"""The header of a safetensors file."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path

from napari_pseudolabel.budget.files import in_words, open_regular
from napari_pseudolabel.budget.jsons import parse_json
from napari_pseudolabel.budget.limits import BUDGET, Budget
from napari_pseudolabel.errors import FileError


def check_header(path: Path, budget: Budget = BUDGET) -> Mapping[str, object]:
    """Check the header of a safetensors file before the library reads it; sizes are checked by the library.

    Returns
    -------
    Mapping
        The header.

    Raises
    ------
    FileError
        If it is no regular file, no safetensors file, or beyond the budget.
    OSError
        If it cannot be reached.
    """
    with open_regular(path, budget.file_bytes) as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
        (length,) = struct.unpack("<Q", start) if len(start) == 8 else (2**64,)
        if length > size - 8:
            raise FileError(
                f"{path.name} is incomplete or damaged, or no safetensors file; copy or download it again."
            )
        if length > budget.json_bytes:
            raise FileError(
                f"{path.name} has a header of {in_words(length)}; {in_words(budget.json_bytes)} are read."
            )
        header = parse_json(file.read(length), f"the header of {path.name}", budget)
    if not isinstance(header, dict) or len(header) > budget.entries:
        raise FileError(f"The header of {path.name} is no list of weights; copy or download it again.")
    return header
