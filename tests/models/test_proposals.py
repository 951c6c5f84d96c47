"""Which models are proposed for an image: the best that was measured, of equals the cheapest, and never a guess."""

from __future__ import annotations

import pytest

from napari_pseudolabel.models import bundled_checkpoints
from napari_pseudolabel.models.cards import Card, Measure, Modality
from napari_pseudolabel.models.proposals import Candidate, known_modalities, propose


def carried(how, **dice):
    return tuple(
        Measure(
            metric=f"Dice {name}",
            value=value,
            data=f"labels carried B -> A by shipped {how}, mean over the 4 groups of the target",
        )
        for name, value in dice.items()
    )


def segmenter(ref, source, *quality):
    card = Card(
        kind="segmenter", family="monai-unet", name=ref, source=Modality(name=source), quality=quality
    )
    return Candidate(ref, card)


def translator(ref, source="A", target="B", *, diffusive=True, quality=()):
    return Candidate(
        ref,
        Card(
            kind="translator",
            family="syndiff" if diffusive else "grey-levels",
            name=ref,
            source=Modality(name=source),
            target=Modality(name=target),
            architecture={"image_size": 64} if diffusive else {},
            schedule={"num_timesteps": 4} if diffusive else {},
            quality=quality,
        ),
    )


DIFFUSION, CURVE = translator("diffusion"), translator("curve", diffusive=False)


@pytest.mark.parametrize(
    ("direct", "translated", "wanted"),
    [
        (0.85, 0.83, None),
        (0.83, 0.835, None),  # as good, and far cheaper
        (0.83, 0.86, "diffusion"),
        (None, 0.5, "diffusion"),  # nobody has measured the other
    ],
)
def test_translation_has_to_be_worth_its_time(direct, translated, wanted):
    own = segmenter("own", "A", *(() if direct is None else carried("tutorship", axon=direct)))
    other = segmenter("other", "B", *carried("adaptation", axon=translated))
    found = propose("A", [DIFFUSION, own, other])
    assert found.translator == wanted
    assert found.segmenter == ("own" if wanted is None else "other")
    assert "A" in found.reason
    assert found.clear


def test_without_a_measurement_a_proposal_is_not_clear():
    own, other = segmenter("own", "A"), segmenter("other", "B")
    assert not propose("A", [DIFFUSION, own, other]).clear
    measured = segmenter("own", "A", *carried("tutorship", axon=0.5))
    assert propose("A", [DIFFUSION, measured, other]).clear


def test_a_curve_is_judged_by_its_own_measure_and_goes_before_a_diffusion_that_is_no_better():
    other = segmenter("other", "B", *carried("adaptation", axon=0.83))
    good = translator("curve", diffusive=False, quality=carried("grey levels", axon=0.834))
    poor = translator("curve", diffusive=False, quality=carried("grey levels", axon=0.7))
    assert propose("A", [DIFFUSION, good, other]).translator == "curve"
    assert propose("A", [DIFFUSION, poor, other]).translator == "diffusion"


def test_a_fast_version_goes_before_its_translator():
    # How its labels agree with those of its translator, and what was measured beside it, is no quality of labels that were carried.
    beside = Measure(metric="Dice axon (with the labels of its translator)", value=0.99, data="no truth")
    card = translator("fast", diffusive=False, quality=(beside,)).card
    fast = card.model_copy(update={"family": "small-unet", "architecture": {"widths": [4, 8]}})
    found = propose(
        "A", [DIFFUSION, Candidate("fast", fast), segmenter("other", "B", *carried("adaptation", axon=0.83))]
    )
    assert found.translator == "fast"
    assert "axon 0.83" in found.reason


def test_classes_count_alike():
    one = segmenter("one", "A", *carried("tutorship", axon=0.9, myelin=0.5))
    other = segmenter("other", "A", *carried("tutorship", axon=0.8, myelin=0.8))
    assert propose("A", [one, other]).segmenter == "other"


def test_what_was_measured_on_translated_images_is_no_measure_of_real_ones():
    data = "1000 validation pixels, which chose the step ({}a, b)"
    made_up = segmenter(
        "made up", "A", Measure(metric="Dice axon", value=0.99, data=data.format("synthetic "))
    )
    real = segmenter("real", "A", Measure(metric="Dice axon", value=0.7, data=data.format("")))
    assert propose("A", [made_up, real]).segmenter == "real"


@pytest.mark.parametrize("modality", ["", "something else", "C"])
def test_nothing_is_assumed_about_what_no_model_knows(modality):
    assert propose(modality, [DIFFUSION, segmenter("own", "A"), segmenter("any", "")]) is None


def test_names_of_modalities_are_compared_as_everywhere():
    assert propose("purple-Stain", [segmenter("own", "purple stain")]).segmenter == "own"


def test_every_modality_of_the_shipped_models_has_a_proposal():
    models = [Candidate(one.name, one.card) for one in bundled_checkpoints()]
    listed = known_modalities(models)
    assert {"SEM", "TEM"} <= set(listed)
    for modality in listed:
        found = propose(modality, models)
        assert found.reason.startswith(f"Proposed for {modality}:")


def test_what_takes_any_modality_is_proposed_for_none():
    """It would be proposed wherever nothing else is known, and make a modality of “any”."""
    models = [translator("redrawn", "any"), segmenter("other", "B")]
    assert propose("C", models) is None
    assert known_modalities(models) == ["B"]
