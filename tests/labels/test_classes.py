"""Classes: values in order, a colour each, and colours that colour-blind eyes tell apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_pseudolabel.errors import InputError
from napari_pseudolabel.labels.classes import AXON_CLASSES, OKABE_ITO, default_classes, shaded, with_colours
from napari_pseudolabel.models.cards import LabelClass

names = st.lists(
    st.text(st.characters(categories=["L", "N"]), min_size=1).filter(lambda name: name != "background"),
    min_size=1,
    max_size=12,
    unique=True,
)
colours = st.none() | st.sampled_from(OKABE_ITO) | st.just("#123456")


def test_myelin_and_axon():
    assert [(one.name, one.value, one.color) for one in AXON_CLASSES] == [
        ("background", 0, None),
        ("myelin", 1, "#0072B2"),
        ("axon", 2, "#E69F00"),
    ]


@given(names)
def test_values_follow_the_names_and_the_background_may_be_named(given_names):
    classes = default_classes(given_names)
    assert [one.name for one in classes] == ["background", *given_names]
    assert [one.value for one in classes] == list(range(len(given_names) + 1))
    assert default_classes(["background", *given_names]) == classes


@given(st.lists(colours, min_size=1, max_size=len(OKABE_ITO)))
def test_every_class_gets_a_colour_of_its_own_and_given_ones_stay(wanted):
    classes = [LabelClass(name="background", value=0)]
    classes += [LabelClass(name=f"c{v}", value=v, color=c) for v, c in enumerate(wanted, 1)]
    result = with_colours(classes)
    assert result[0].color is None
    for before, after in zip(classes[1:], result[1:], strict=True):
        assert after.color is not None
        assert before.color in (None, after.color)
        assert after == before.model_copy(update={"color": after.color})
    own = {c for c in wanted if c}
    chosen = [after.color for before, after in zip(classes[1:], result[1:], strict=True) if not before.color]
    assert len(set(chosen)) == len(chosen)
    assert not own & set(chosen)


def test_a_class_keeps_its_colour_when_another_goes():
    classes = default_classes(("a", "b", "c"))
    plain = [one.model_copy(update={"color": None}) for one in (classes[0], classes[1], classes[3])]
    assert with_colours(plain)[2].color == classes[3].color


def test_more_classes_than_colours_go_on_with_shades():
    classes = default_classes([f"c{i}" for i in range(9)])
    assert classes[8].color == shaded(OKABE_ITO[0], 0.45)
    many = default_classes([str(number) for number in range(5 * len(OKABE_ITO))])
    assert len({one.color for one in many[1:]}) == len(many) - 1


# Viénot, Brettel & Mollon (1999): what is left of linear RGB for a person without L or M cones.
_BLIND = {
    "protanopia": [[0.11238, 0.88762, 0.0], [0.11238, 0.88762, 0.0], [0.00401, -0.00401, 1.0]],
    "deuteranopia": [[0.29275, 0.70725, 0.0], [0.29275, 0.70725, 0.0], [-0.02234, 0.02234, 1.0]],
}


@pytest.mark.parametrize("kind", _BLIND)
def test_colour_blind_eyes_tell_the_colours_apart(kind):
    hexes = [colour.lstrip("#") for colour in OKABE_ITO]
    rgb = np.array([[int(text[i : i + 2], 16) / 255 for i in (0, 2, 4)] for text in hexes])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(_BLIND[kind]).T, 0, 1)
    seen = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(seen)
    difference = deltaE_ciede2000(lab[:, None], lab[None])
    assert difference[~np.eye(len(lab), dtype=bool)].min() > 10


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ([], "at least one"),
        (["background"], "at least one"),
        (["axon", " "], "no name"),
        (["axon", "axon"], "twice"),
        (["axon", "background"], "twice"),
        ([f"c{i}" for i in range(256)], "256 classes"),
    ],
)
def test_bad_names_are_one_sentence(bad, words):
    with pytest.raises(InputError, match=words):
        default_classes(bad)
