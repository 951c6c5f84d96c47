"""Values as JSON can hold them."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pseudolabel.types import JsonObject

if TYPE_CHECKING:
    import pandas as pd

OURS = "napari_pseudolabel"
"""What the keys of our own metadata begin with."""
SESSION_KEY = "napari_pseudolabel_session"
"""Of the metadata of a layer that was read from a session: the file and the id of the layer there."""
REMOVED = "removed"
"""Attribute of a layer that the person has deleted."""
NAMES = "candidates"
"""Attribute of a Labels layer: names of its candidates, in the order of their arrays."""
STATES = "states"
"""Attribute of a Labels layer: whose it is ("own", or "ours"), from the time on when flags tell what was predicted."""
# What some readers put beside an image is larger than the image.
_LONGEST_FOREIGN = 1_000_000


def plain(value: object) -> Any:
    """Return a value of JSON for numbers, strings, arrays, enumerations, lists and dictionaries.

    Raises
    ------
    TypeError
        When there is none.
    """
    if isinstance(value, enum.Enum):
        return str(value.value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.generic | np.ndarray):
        if value.dtype.kind not in "biufSU":
            raise TypeError(value.dtype)
        return value.tolist()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(one) for key, one in value.items()}
    raise TypeError(type(value))


def plain_metadata(metadata: Mapping[Any, Any], *, ours: bool) -> JsonObject:
    """Return the entries of the metadata of a layer that JSON can hold: those of the plugin, or else all others."""
    found = {}
    for key, value in metadata.items():
        if not isinstance(key, str) or key.startswith(OURS) != ours or key == SESSION_KEY:
            continue
        try:
            one = plain(value)
        except TypeError:
            continue  # belongs to a program that is running, not to the image
        if ours or len(json.dumps(one)) <= _LONGEST_FOREIGN:
            found[key] = one
    return found


def renamed(value: object, names: Mapping[str, str]) -> Any:
    """Return a value of JSON in which the strings that are keys of `names` are replaced."""
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [renamed(one, names) for one in value]
    if isinstance(value, dict):
        return {key: renamed(one, names) for key, one in value.items()}
    return value


def plain_table(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns of a table; those that JSON cannot hold are left out."""
    found = {}
    for name, column in table.items():
        try:
            # Strings and missing values make columns of objects.
            found[str(name)] = plain(column.tolist())
        except TypeError:
            continue
    return found
