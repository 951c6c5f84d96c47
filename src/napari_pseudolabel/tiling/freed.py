"""Memory that was freed goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import lru_cache


def give_back() -> None:
    """Hand freed memory back; to be called between two parts.

    The allocator of Linux keeps what lies between things that live on, such as tiles that are remembered, and fills the gaps
    badly with arrays of many sizes: 140 MB after two dozen parts, and more with every one of a large image.
    """
    trim = _trimming()
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def _trimming() -> Callable[[int], int] | None:
    """Return what does it; None where the allocator has no such function, because it gives memory back by itself."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
