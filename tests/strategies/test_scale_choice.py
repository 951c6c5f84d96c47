"""Which magnifications are tried, which one is believed, and when nothing is claimed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pseudolabel.imaging.scale.comparison import LARGEST, SMALLEST, TextureEstimates
from napari_pseudolabel.strategies.found_scale import TriedScale
from napari_pseudolabel.strategies.scale_choice import choose, next_factors

BLIND = TextureEstimates()


def tried(agreements, start=-2.0, foreground=0.3):
    """Agreements at half octaves."""
    return [
        TriedScale(2.0 ** (start + number / 2), agreement, foreground)
        for number, agreement in enumerate(agreements)
    ]


def searched(agree, estimates=BLIND):
    """Do what a search does, with an agreement that is a function of the factor."""
    found = []
    while waiting := next_factors(found, estimates):
        found += [TriedScale(factor, agree(factor), 0.3) for factor in waiting]
    return choose(found, estimates, 60.0)


def peak(at, width=1.5, high=0.97, low=0.6):
    return lambda factor: low + (high - low) * float(np.exp(-((np.log2(factor / at) / width) ** 2)))


@pytest.mark.parametrize("at", [0.06, 0.25, 0.44, 1.0, 2.3, 6.0])
def test_the_peak_is_found_wherever_it_lies_and_between_what_was_tried(at):
    found = searched(peak(at))
    assert found.sure
    assert found.factor == pytest.approx(at, rel=0.05)
    assert found.object_size_px == pytest.approx(60 / found.factor)
    assert found.sentence == f"Magnified {found.factor:.3g} times (found; looks agree {found.agreement:.2f})."


def test_the_texture_says_where_to_look():
    near = TextureEstimates(0.2, 0.3)
    factors = next_factors([], near)
    assert min(factors) < 0.13
    assert max(factors) > 0.45
    assert len(factors) <= 7
    assert len(next_factors([], BLIND)) > len(factors)


@pytest.mark.parametrize("smallest", [SMALLEST, 2.0])
def test_where_the_texture_leads_to_nothing_the_image_is_looked_at_as_it_is(smallest):
    """Nuclei that are found around 1 only; their texture speaks for four times, where there is nothing."""
    misled, found = TextureEstimates(4.2, 4.0), []
    while waiting := next_factors(found, misled, smallest):
        found += [
            TriedScale(one, 0.95, 0.1, float(np.log2(one / 0.7)))
            if 0.4 < one < 1.5
            else TriedScale(one, 0.0, 0.0)
            for one in waiting
        ]
    best = choose(found, misled, 20.0)
    assert (best.sure, 0.5 < best.factor < 1) == ((True, True) if smallest < 1 else (False, False))


def test_a_sweep_never_leaves_what_can_be_meant():
    for rising in (lambda factor: factor / 10, lambda factor: 1 - factor / 10):
        found = searched(rising)
        assert min(one.factor for one in found.tried) >= SMALLEST
        assert max(one.factor for one in found.tried) <= LARGEST


def test_of_two_peaks_as_good_the_smaller_magnification_is_taken():
    twice = tried([0.7, 0.8, 0.955, 0.8, 0.7, 0.8, 0.96, 0.8, 0.7])
    assert choose(twice, BLIND).factor == pytest.approx(0.5, rel=0.05)
    higher = tried([0.7, 0.8, 0.93, 0.8, 0.7, 0.8, 0.96, 0.8, 0.7])
    assert choose(higher, BLIND).factor == pytest.approx(2, rel=0.05)


def test_where_agreement_is_flat_the_texture_decides():
    flat = tried([0.97, 0.975, 0.978, 0.977, 0.978, 0.976, 0.974])
    found = choose(flat, TextureEstimates(0.5, 0.55))
    assert found.sure
    assert found.factor == pytest.approx(0.52, rel=0.25)


@pytest.mark.parametrize(
    ("given", "estimates", "why"),
    [
        (tried([0.98, 0.981, 0.98, 0.979, 0.98]), BLIND, "alike at all scales"),
        (tried([0.5, 0.6, 0.7, 0.6, 0.5]), BLIND, "contradict themselves"),
        (tried([0.8, 0.9, 0.97, 0.9, 0.8], foreground=0.0), BLIND, "find nothing"),
        (tried([0.8, 0.9, 0.97, 0.9, 0.8], foreground=1.0), BLIND, "nothing but objects"),
        (tried([0.6, 0.8, 0.97, 0.8, 0.6]), TextureEstimates(3.0, 3.4), "the texture of the image speaks for"),
        (tried([0.95, 0.96, 0.97, 0.96, 0.95]), TextureEstimates(0.2, 2.0), "alike at all scales"),
        (tried([0.6, 0.8, 0.97, 0.8, 0.6]), TextureEstimates(0.2, 2.0), "says two things"),
        ([], BLIND, "nothing is known"),
    ],
)  # fmt: skip
def test_what_is_not_safe_is_proposed_and_not_used(given, estimates, why):
    found = choose(given, estimates)
    assert not found.sure
    assert found.used == 1.0
    assert why in found.why
    assert found.why in found.sentence
    assert "used as it is" in found.sentence


def test_texture_alone_is_believed_where_its_two_estimates_agree():
    found = choose([], TextureEstimates(0.4, 0.5))
    assert found.sure
    assert found.factor == pytest.approx(0.447, abs=1e-3)
    assert found.evidence == "by texture"
    assert not choose([], TextureEstimates(0.4, 1.5)).sure


def test_what_finds_nothing_at_some_scales_does_not_count_there():
    """Looks that are empty agree perfectly."""
    some = [*tried([0.8, 0.9, 0.95, 0.9]), TriedScale(1.5, 1.0, 0.0)]
    assert choose(some, BLIND).factor == pytest.approx(0.5, rel=0.1)


def test_a_sweep_is_short_and_goes_on_only_where_a_choice_can_follow():
    """What the texture contradicts is doubted anyway, so nobody pays for a look at it."""
    apart = TextureEstimates(SMALLEST, LARGEST)
    assert len(next_factors([], apart)) <= 9
    rising = searched(lambda factor: 0.9 + factor / 200, apart)
    assert len(rising.tried) <= 11
    assert not rising.sure
    alike = searched(lambda factor: 0.85 + factor / 10, TextureEstimates(0.5, 0.6))
    assert len(alike.tried) <= 8
    assert not alike.sure
    # Between wide steps the neighbours of the best are looked at.
    assert searched(peak(1.0), apart).factor == pytest.approx(1.0, rel=0.05)


def test_what_is_too_small_to_show_objects_is_not_looked_at_and_an_edge_is_not_believed():
    found = []
    while waiting := next_factors(found, BLIND, 0.3):
        found += [TriedScale(factor, peak(0.1)(factor), 0.3) for factor in waiting]
    assert min(one.factor for one in found) >= 0.3
    chosen = choose([TriedScale(one.factor, one.agreement + 0.2, 0.3) for one in found], BLIND)
    assert not chosen.sure
    assert "beyond was not looked at" in chosen.sentence
    # Even where all that can be looked at lies beyond what the texture says there is something to try.
    assert next_factors([], TextureEstimates(0.05, 0.05), 0.5) == (0.5,)


def sized(true, estimates):
    """Search an image that looks agree on alike, and whose objects have the width that the model knows at one magnification."""
    found = []
    while waiting := next_factors(found, estimates):
        found += [TriedScale(one, 0.97, 0.3, 0.8 * float(np.log2(one / true))) for one in waiting]
    return choose(found, estimates, 60.0)


@pytest.mark.parametrize("true", [0.2, 0.7, 1.5])
@pytest.mark.parametrize(
    "texture", [TextureEstimates(4.0, 4.4), TextureEstimates(0.5, 0.6), TextureEstimates(0.25, 3.0), BLIND]
)
def test_objects_that_are_found_say_how_large_they_are_whatever_the_texture_is_like(true, texture):
    found = sized(true, texture)
    assert found.sure, found.why
    # Of magnifications as good the smaller one.
    assert -0.5 < np.log2(found.factor / true) < 0.2


def test_an_image_whose_objects_are_right_stays_as_it_is():
    for true in (0.85, 1.0, 1.2):
        found = sized(true, TextureEstimates(0.7, 0.75))
        assert found.sure
        assert found.factor == 1.0


def test_objects_that_are_nowhere_as_wide_as_those_of_the_model_claim_nothing():
    some = [TriedScale(2.0**octave, 0.97, 0.3, 1.2) for octave in (-1.0, -0.5, 0.0, 0.5)]
    found = choose(some, TextureEstimates(0.7, 0.7))
    assert not found.sure
    assert "2.3 times as wide as those that the model learned from" in found.sentence


def test_noise_that_is_magnified_until_it_looks_like_objects_is_none():
    # Seen on nuclei of 38 pixels: at 8 times the grain is as wide as the nuclei that the model learned from, and looks agree best.
    looks = [
        (1.0, 0.956, -0.57),
        (2.83, 0.948, -1.16),
        (4.0, 0.966, -0.66),
        (5.66, 0.971, -0.2),
        (8.0, 0.973, 0.15),
    ]
    found = choose(
        [TriedScale(one, agree, 0.3, wider) for one, agree, wider in looks], TextureEstimates(7.2, 6.3), 20.0
    )
    assert (found.factor, found.sure) == (1.0, True)
    alone = choose([TriedScale(8.0, 0.97, 0.3, 0.1)], TextureEstimates(7.2, 6.3), 20.0)
    assert not alone.sure
    assert "2.5 pixels wide" in alone.why


def test_objects_do_not_overrule_looks_that_agree_far_more_about_the_image_as_it_is():
    # Seen on a strand of tissue with three nuclei: what has the right width at 4 times is the tissue.
    looks = [
        (0.0, 0.933, -1.17),
        (0.5, 0.888, -0.8),
        (1.0, 0.873, -0.75),
        (1.5, 0.872, -0.41),
        (2.0, 0.857, -0.09),
        (2.5, 0.869, 0.3),
    ]
    tried = [TriedScale(2.0**octave, agree, 0.06, wider) for octave, agree, wider in looks]
    found = choose(tried, TextureEstimates(3.2, 3.2), 20.0)
    assert (found.sure, found.factor) == (False, 1.0)
    # Nor is more of it looked at.
    assert set(next_factors(tried[:5], TextureEstimates(3.2, 3.2))) == {2**-0.5}
    alike = [TriedScale(one.factor, 0.93, one.foreground, one.wider) for one in tried]
    assert choose(alike, TextureEstimates(3.2, 3.2), 20.0).factor > 3


def test_looks_go_on_beside_what_is_left():
    # Seen on ten large nuclei: their chromatin is as wide as nuclei at 4 times; they are right at .5.
    looks = [(0.0, 0.976, 0.82), (1.0, 0.968, 1.04), (1.5, 0.969, 1.49), (2.0, 0.937, 0.27)]
    tried = [TriedScale(2.0**octave, agree, 0.1, wider) for octave, agree, wider in looks]
    assert set(next_factors(tried, TextureEstimates(4.1, 4.0))) == {2**-0.5, 2**0.5}
