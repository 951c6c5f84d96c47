"""Every strategy has a row in the table of qualities, or says who measures it."""

from __future__ import annotations

import numpy as np
from quality_strategies import ELSEWHERE, named, rows

from napari_pseudolabel.strategies import registry


def test_every_strategy_is_measured_once():
    here = [one.name for one in rows().values()]
    assert sorted([*here, *ELSEWHERE]) == sorted(one.name for one in registry.offered())


def test_regions_are_called_what_most_of_them_is():
    regions = np.array([[0, 0, 2, 2], [0, 0, 2, 5]], np.uint8)
    truth = np.array([[1, 1, 2, 2], [0, 1, 0, 0]], np.uint8)
    assert named(regions, truth).tolist() == [[1, 1, 2, 2], [1, 1, 2, 0]]
