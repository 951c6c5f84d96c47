"""What labels hold, as one short text: a statement about labels is about these and no others."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.types import Array

# Rows that are looked at together: labels of any type count as the same numbers, without a copy of all of them.
_BAND = 512


def digest_of(labels: Array, labelled: NDArray[np.bool_] | None = None) -> str:
    """Return a text that is the same for the same labels, and another for others.

    Parameters
    ----------
    labels
        (..., Y, X) integers; the same numbers in another integer type are the same labels.
    labelled
        bool, same shape: what was predicted, or decided by a person. None: everywhere, which all of it being True is, too.

    Returns
    -------
    str
        32 hexadecimal digits (BLAKE2b).
    """
    found = hashlib.blake2b(repr(tuple(labels.shape)).encode(), digest_size=16)
    partly = labelled is not None and not bool(labelled.all())
    for index in np.ndindex(*labels.shape[:-2]):
        for top in range(0, labels.shape[-2], _BAND):
            key = (*index, slice(top, top + _BAND))
            found.update(np.ascontiguousarray(labels[key], "<i8").tobytes())
            if partly and labelled is not None:
                found.update(np.packbits(labelled[key]).tobytes())
    return found.hexdigest()
