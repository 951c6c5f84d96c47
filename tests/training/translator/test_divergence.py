"""The best step and the warnings, on curves as trainings draw them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.training.translator.translator_monitor import divergence, quality

HEALTHY = {"content": 0.8, "look": 0.9, "sharpness": 0.8, "cycle": 0.06, "hidden": 0.001, "contrast": 0.7}
WAYS = ("source_to_target", "target_to_source")


def history(*changes):
    """Looks every 50 steps, each with some measures changed."""
    looks = []
    for number, change in enumerate(changes):
        both = {**HEALTHY, **change}
        ways = {f"{name}_{way}": both[name] for name in ("sharpness", "contrast") for way in WAYS}
        looks.append((50 * number, {**ways, **both}))
    return looks


@given(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 100))
def test_quality_lies_between_0_and_1_and_needs_all_three(content, look, sharpness):
    found = quality({"content": content, "look": look, "sharpness": sharpness})
    assert 0 <= found <= 1
    assert found**3 <= max(content, 0) + 1e-9
    assert found**3 <= look + 1e-9


def test_quality_falls_with_blur_and_with_noise():
    values = [quality({**HEALTHY, "sharpness": s}) for s in (0.2, 0.6, 1.0, 1.6, 5.0)]
    assert values[0] < values[1] < values[2] > values[3] > values[4]
    assert quality({**HEALTHY, "sharpness": float("inf")}) == 0


@pytest.mark.parametrize(
    "looks",
    [
        history({}),
        history({}, {}, {}),
        history({"look": 0.5}, {"look": 0.7}, {"look": 0.9}),  # gets better
        history({}, {}, {"content": 0.5}),  # a single bad look
        history({"hidden": 0.08}, {"hidden": 0.09}),  # from the start, not by the training
        history({"contrast": -0.9}, {"contrast": -0.9}),  # so are the modalities
        history({"contrast": 0.1}, {"contrast": -0.9}),  # it had not decided yet
    ],
)
def test_healthy_trainings_bring_no_warning(looks):
    assert divergence(looks) == ""


def test_looks_of_older_versions_have_no_contrast():
    looks = history({}, {})
    for _, measures in looks[:1]:
        for way in WAYS:
            del measures[f"contrast_{way}"]
    assert divergence(looks) == ""


@pytest.mark.parametrize(
    ("looks", "words"),
    [
        (history({}, {"content": 0.5}, {"content": 0.4}), "worse since step 0; that"),
        (
            history({"look": 0.8}, {}, {"sharpness": 0.4, "cycle": 0.05}, {"sharpness": 0.35, "cycle": 0.04}),
            "worse since step 50 although the way back gets better",
        ),
        (history({}, {"hidden": 0.06}), "fine patterns"),
        (history({}, {"sharpness_target_to_source": 0.2}), "the source modality are much more blurred"),
        (history({}, {"sharpness_source_to_target": 9.0}), "the target modality are much rougher"),
        (history({}, {"contrast": -0.7}), "since step 0; now bright became dark"),
        (history({"contrast": -0.5}, {"contrast_target_to_source": 0.6}), "now bright stayed bright"),
    ],
)
def test_each_way_of_going_wrong_has_its_sentence(looks, words):
    assert words in divergence(looks)
