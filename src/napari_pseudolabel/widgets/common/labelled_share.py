"""How much of an image is labelled at all, in words; the docks share this."""

from __future__ import annotations

import numpy as np

from napari_pseudolabel.viewer import Corrections

# A share is told in whole percents, so that a sample of this many pixels is enough.
_SAMPLE_PX = 2**21


def share_of(corrections: Corrections) -> float:
    """Share of labels that were predicted or decided by a person, in [0, 1]; counted fast, on a sample if need be."""
    if corrections.own:
        return 1.0
    step = max(1, int(np.sqrt(corrections.mask.size / _SAMPLE_PX)))
    part = (..., slice(None, None, step), slice(None, None, step))
    return float(np.mean(corrections.labelled_in(part)))


def labelled_text(share: float) -> str:
    """How much is labelled; empty where everything is."""
    return "" if share >= 1 else f"{percent(share)} of the image is labelled."


def left_out_text(share: float) -> str:
    """Return what a confirmation has left out, as a sentence to be added to another; empty where nothing."""
    return f" {percent(share)} of it was never predicted and stays out." if share > 0 else ""


def percent(share: float) -> str:
    """Return a share below 1 in whole percents, such as "6 %"; never "0 %" for something, nor "100 %" for less than all."""
    if 0 < share < 0.01:
        return "Less than 1 %"
    return f"{min(round(100 * share), 99)} %"
