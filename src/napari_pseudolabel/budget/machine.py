"""What the machine can hold."""

from __future__ import annotations

from psutil import virtual_memory

from napari_pseudolabel.budget.files import in_words
from napari_pseudolabel.errors import InputError


def free_memory() -> int:
    """Bytes of memory that can be had without swapping."""
    return int(virtual_memory().available)


def check_memory(size: int, what: str) -> None:
    """Refuse to read what the memory cannot hold, before a byte of it is read.

    Parameters
    ----------
    size
        Bytes.
    what
        Beginning of the sentence: "A plane of cells.zarr".

    Raises
    ------
    InputError
        If there is less memory than that.
    """
    if size > 2**20 and size > (free := free_memory()):
        raise InputError(
            f"{what} takes {in_words(size)} of memory, but {in_words(free)} are free; choose a part of it, a "
            "coarser level, or a larger machine."
        )
