"""Values of a tutorship in the Pseudo-label dock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pseudolabel.control import Progress
from napari_pseudolabel.errors import InputError
from napari_pseudolabel.widgets.common.progress_words import progress_text
from napari_pseudolabel.widgets.pseudo_label.tutoring.browsing import free_name
from napari_pseudolabel.widgets.pseudo_label.tutoring.tutor_choice import parse_classes, written

NAMES = st.text("abcdefghij -", min_size=1).map(str.strip).filter(bool)


@given(st.dictionaries(st.integers(1, 255), NAMES, min_size=1, max_size=6))
def test_classes_are_read_as_they_are_written(named):
    text = ", ".join(f"{name}={value}" for value, name in named.items())
    classes = parse_classes(text)
    assert {one.value: one.name for one in classes if one.value} == named
    assert classes[0].value == 0
    assert parse_classes(written(classes)) == classes


def test_no_classes_is_not_an_error():
    assert parse_classes(" , ") == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("axon", "is no class"),
        ("axon=256", "is no class"),
        ("=1", "is no class"),
        ("axon=-1", "is no class"),
        ("axon=1, myelin=1", "Two classes"),
        ("background=0", "besides the background"),
    ],
)
def test_classes_that_cannot_be_read_are_explained(text, told):
    with pytest.raises(InputError, match=told):
        parse_classes(text)


def test_the_kept_set_gets_a_name_that_nnunet_finds_and_that_is_free(tmp_path):
    (tmp_path / "Dataset501_OTHER").mkdir()
    assert free_name(tmp_path, "purple stain").name == "Dataset502_purple_stain"
    assert free_name(tmp_path, "").name == "Dataset502_synthetic"


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("Training, fold 1 of 5", 0, 400), "Training, fold 1 of 5"),
        (Progress("Training, fold 1 of 5", 100, 400, 300.0), "25 %, about 5 min left: Training, fold 1 of 5"),
        (Progress("Training", 100, 400), "25 %: Training"),
        (Progress("Reading", 0, 1), "Reading"),
    ],
)
def test_a_narrow_dock_shows_the_time_left_before_what_is_done(progress, text):
    assert progress_text(progress) == text
