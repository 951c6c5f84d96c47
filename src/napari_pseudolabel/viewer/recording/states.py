"""The states of pixels out of a session, also out of one that did not know what was predicted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_pseudolabel.labels.pixel_states import CONFIRMED, CORRECTED, REACHED
from napari_pseudolabel.types import Array, JsonObject
from napari_pseudolabel.viewer.corrections import Corrections
from napari_pseudolabel.viewer.recording.plain import STATES
from napari_pseudolabel.viewer.records import evidence, record_in


def recalled(attributes: JsonObject, predicted: Array, flags: NDArray[np.uint8]) -> tuple[Corrections, str]:
    """Return what was known about a Labels layer of a session.

    Sessions that were written before predictions were noted tell it by their labels and runs. What was confirmed
    there without a prediction is not confirmed any more: nobody had been asked.

    Parameters
    ----------
    attributes
        Of the layer, as they were stored.
    predicted, flags
        As `Corrections.detached` takes them.

    Returns
    -------
    Corrections, str
        And a sentence about what is not as it was; empty if all is.
    """
    record = record_in(attributes.get("metadata", {}))
    whose = attributes.get(STATES, "ours" if record is not None else "own")
    if whose == "own":
        return Corrections.detached(predicted, flags, own=True), ""
    if STATES in attributes:
        # A label that was predicted says so, also where a damaged tile does not.
        return Corrections.detached(predicted, flags | _bit(predicted != 0)), ""
    flags = flags | _bit(evidence(record, predicted))
    unseen = (flags & (CORRECTED | CONFIRMED | REACHED)) == CONFIRMED
    if not unseen.any():
        return Corrections.detached(predicted, flags, renewed=True), ""
    share = np.count_nonzero(unseen) / unseen.size
    sentence = f"{share:.1%} of the pixels had been confirmed without a prediction; confirm them again if they are right."
    return Corrections.detached(predicted, np.where(unseen, np.uint8(0), flags), renewed=True), sentence


def _bit(where: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return where.astype(np.uint8) * np.uint8(REACHED)
