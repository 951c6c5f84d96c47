"""From which size on labels are an object; imports nothing, so that every room may ask."""

from __future__ import annotations

import math

SMALLEST_OBJECT = 0.05
"""Share of a typical object: next to nothing that people labelled is smaller, but much of what models invent is
(docs/benchmarks.md)."""

LARGEST_CRUMB = 6.0
"""From so many times the smallest area on an island is an object, however unsure models are of it."""


def least_area(share: float, object_size_px: float | None) -> float:
    """Area in pixels that is this share of a disc of the diameter `object_size_px`; 0 where that is unknown."""
    return 0.0 if object_size_px is None else share * math.pi / 4 * object_size_px**2
