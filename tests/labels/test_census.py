"""What is counted, and what a sentence says about it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.labels.classes import default_classes
from napari_pseudolabel.labels.objects import Fibre, HalfFibre, census, census_text, half_fibres
from napari_pseudolabel.labels.objects.census import many

FIBRE = Fibre(inner=2, outer=1)
AXONS = default_classes(("myelin", "axon"))


def nerve():
    """Two fibres whose sheaths touch, an axon without myelin, a sheath without an axon, and halves at the edges."""
    plane = np.zeros((40, 80), np.uint8)
    plane[5:17, 5:29] = 1
    plane[8:14, 8:14] = plane[8:14, 20:26] = 2
    plane[25:31, 10:16] = 2
    plane[25, 9] = 1  # a bit of myelin is no sheath
    plane[25:31, 40:46] = 1
    plane[10:14, 76:] = 2
    plane[36:, 60:66] = 1
    return plane


def test_axons_are_counted_with_their_myelin_and_halves_are_named():
    (found,) = census(nerve(), AXONS)
    assert (found.name, found.number, found.around, found.groups) == ("axon", 4, "myelin", 4)
    assert (found.bare, found.hollow) == (1, 1)
    assert census_text((found,)) == (
        "4 axons (4 touching groups of myelin); 1 axon without myelin, 1 group of myelin without axons."
    )
    stack = np.stack([nerve(), np.zeros_like(nerve())])
    assert census(stack, AXONS) == (found,)


def test_half_fibres_are_located_and_those_that_may_go_on_are_left_out():
    bare, hollow = half_fibres(nerve(), FIBRE)
    assert bare == HalfFibre(2, (25, 10), 36)
    assert hollow == HalfFibre(1, (25, 40), 36)
    unknown = np.zeros((40, 80), bool)
    unknown[28, 46] = True
    assert half_fibres(nerve(), FIBRE, unknown) == (bare,)


@given(st.integers(0, 2**16))
def test_a_part_has_the_halves_of_the_whole_that_it_holds(seed):
    rng = np.random.default_rng(seed)
    plane = rng.choice(np.array([0, 0, 0, 1, 2], np.uint8), (24, 24))
    window = slice(4, 20), slice(5, 19)
    whole = {(one.value, one.place, one.pixels) for one in half_fibres(plane, FIBRE)}
    for one in half_fibres(plane[window], FIBRE):
        assert (one.value, (one.place[0] + 4, one.place[1] + 5), one.pixels) in whole


@pytest.mark.parametrize(
    ("names", "counts", "sentence"),
    [
        (("nucleus",), {1: 1}, "1 nucleus."),
        (("nucleus",), {1: 3}, "3 nuclei."),
        (("nucleus",), {}, "Nothing was found."),
        (("nucleus", "mitochondrion"), {1: 2, 2: 2}, "2 nuclei and 2 mitochondria."),
        (("GFP+",), {1: 2}, "2 objects of GFP+."),
        (("GFP+",), {1: 1}, "1 object of GFP+."),
        (("body", "process"), {1: 2, 2: 3}, "2 bodies and 3 processes."),
        (("myelin",), {1: 1}, "1 myelin."),
        (("axon", "myelin"), {1: 1}, "1 axon; 1 axon without myelin."),
    ],
)
def test_words_follow_from_the_classes(names, counts, sentence):
    plane = np.zeros((60, 60), np.uint8)
    for value, number in counts.items():
        for place in range(number):
            plane[20 * value - 12 : 20 * value - 6, 4 + 12 * place : 10 + 12 * place] = value
    assert census_text(census(plane, default_classes(names))) == sentence


def test_thousands_are_read_easily_and_nothing_is_said_without_classes():
    assert many("axon", 2) == "axons"
    assert census_text(()) == ""
