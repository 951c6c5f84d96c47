"""Types that many rooms name; importing it costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from types import EllipsisType

    import numpy as np
    from numpy.typing import NDArray

# Of whatever dtype: what a file or a layer happens to hold.
Array: TypeAlias = "NDArray[np.generic]"
# What picks a part out of an array.
ArrayKey: TypeAlias = "tuple[int | slice | EllipsisType, ...]"
# An object of JSON, or one that becomes JSON: what is in it is looked at before it is believed.
JsonObject: TypeAlias = dict[str, Any]

Contrast = Literal["auto", "bright", "dark"]
"""Whether objects are brighter or darker than what is around them; auto for what covers less."""
