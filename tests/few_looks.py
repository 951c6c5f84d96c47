"""Trainings that measure with few looks how sure their segmenters may be; that takes longer than training them a few steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def few_looks() -> Iterator[None]:
    """Two mirrors and two disturbances, the mildest and the worst, instead of four and six.

    Everything that a training does is done; what comes of it is judged in `training/segmenter/test_calibrating.py`.
    """
    from napari_pseudolabel.training.segmenter import calibrating

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrating, "_MIRRORS", calibrating._MIRRORS[:2])
        patch.setattr(calibrating, "OWN", calibrating.OWN[:1])
        patch.setattr(calibrating, "OTHER", (calibrating.OWN[0], calibrating.OTHER[-1]))
        yield
