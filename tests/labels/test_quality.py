"""How good labels probably are: agreement, regions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.confidence import agreement
from napari_pseudolabel.labels.quality import agreement_of, region_dice

planes = arrays(np.uint8, (5, 6), elements=st.integers(0, 2))


def test_agreement_by_hand():
    a, b = np.zeros((2, 2, 4), np.uint8)
    a[0, :2], b[0, 1:3] = 1, 1
    a[1], b[1] = 2, 2
    found = agreement_of(np.stack([a, b]))
    assert found.classes == pytest.approx({1: 0.5, 2: 1.0})
    assert found.mean == pytest.approx(0.75)
    assert agreement_of(np.zeros((2, 3, 3), np.uint8)).mean == 1
    with pytest.raises(InputError, match="draw more samples or add flips"):
        agreement_of(a[None])


@settings(deadline=None)
@given(st.lists(planes, min_size=2, max_size=4))
def test_agreement_is_that_of_pairs(members):
    found = agreement_of(np.stack(members))
    assert 0 <= found.mean <= 1
    if len(members) == 2:
        assert found.mean == pytest.approx(agreement(members))
    assert agreement_of(np.stack(members[::-1])) == found
    assert agreement_of(np.stack([members[0]] * 3)).mean == 1


@given(planes, planes)
def test_dice_of_a_region(predicted, corrected):
    found = region_dice(predicted, corrected)
    assert 0 <= found <= 1
    assert found == region_dice(corrected, predicted)
    assert region_dice(predicted, predicted) == 1


def test_dice_of_a_region_by_hand():
    one, other = np.zeros((2, 4, 4), np.uint8)
    one[0], other[0, :2] = 1, 1
    other[1] = 2
    assert region_dice(one, other) == pytest.approx((2 * 2 / 6 + 0) / 2)
    assert region_dice(np.zeros((2, 2)), np.zeros((2, 2))) == 1
