"""A prediction where no person has touched a label; also for a process of its own."""

from __future__ import annotations

from napari_pseudolabel.viewer.filling import Filling


def fill(corrections, planes, window, labels):
    """Write a prediction wherever no person has touched a label, as one undo step; how many pixels changed."""
    filling = Filling(corrections)
    filling.add(planes, window, labels)
    return filling.finish()
